import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import {NetworkMissing, type ContainerSpec, type Engine, type NetworkSpec} from '../adapters/engine.ts';
import type {DesiredSystem} from '../desired/state.ts';
import type {TcpStructure} from '../observed/ports.ts';
import type {PushedImage} from '../observed/pushed.ts';
import type {DeployRecord, NameTable} from '../observed/state.ts';
import {appNetwork, LABEL_APP, LABEL_INSTANCE, LABEL_SHARED, sharedNetwork} from '../labels.ts';
import type {Action, ActionOf, SharedNetwork} from '../plan/action.ts';
import type {CronBooks} from './cron-books.ts';
import {jobSpec, replicaSpec, type ContainerWorld} from './replica-spec.ts';

/** All that a plan can change. */
export interface World {
  readonly engine: Engine;
  readonly journal: {
    readonly records: ReadonlyMap<AppName, DeployRecord>;
    write(record: DeployRecord): Promise<void>;
    forget(app: AppName): Promise<void>;
  };
  readonly crons: Pick<CronBooks, 'write' | 'forgetCron' | 'forget'>;
  readonly router: {
    publishNames(names: NameTable, signal: AbortSignal): Promise<void>;
    handOver(wanted: ActionOf<'hand-over'>, containers: RouterContainers, signal: AbortSignal): Promise<void>;
    keepShift(shift: ActionOf<'keep-shift'>, containers: RouterContainers, signal: AbortSignal): Promise<void>;
    retireShift(shift: ActionOf<'retire-shift'>, containers: RouterContainers, signal: AbortSignal): Promise<void>;
    removeShift(shift: ActionOf<'remove-shift'>, containers: RouterContainers, signal: AbortSignal): Promise<void>;
    loadRoutes(wanted: ActionOf<'load-routes'>, signal: AbortSignal): Promise<void>;
    loadTcp(structure: TcpStructure, signal: AbortSignal): Promise<void>;
  };
  readonly certificates: {
    write(certificate: ActionOf<'write-certificate'>, signal: AbortSignal): Promise<void>;
    remove(id: string): Promise<void>;
    /** Rejects with the reason when the authority gives none, and remembers that. */
    order(wanted: ActionOf<'order-certificate'>, signal: AbortSignal): Promise<void>;
    publishRedirects(entries: readonly string[]): Promise<void>;
  };
  readonly images: {
    /** Rejects with the reason when the image can't be built, and remembers that. */
    rebuild(wanted: ActionOf<'rebuild-image'>, signal: AbortSignal): Promise<void>;
    /** The same of one that the registry does not give. */
    pull(wanted: ActionOf<'pull-image'>, signal: AbortSignal): Promise<void>;
  };
  readonly registry: {
    /** Rejects with the reason when the registry does not take the image, and remembers that. */
    pushAgain(wanted: {readonly app: AppName; readonly image: ImageDigest}, signal: AbortSignal): Promise<void>;
    /** The same of one that it does not let go. */
    remove(pushed: PushedImage, signal: AbortSignal): Promise<void>;
  };
  /** What builds leave. */
  readonly leftovers: {
    removeCache(cache: {readonly app: AppName; readonly volume?: string}, signal: AbortSignal): Promise<void>;
    removeBuildLogs(app: AppName, signal: AbortSignal): Promise<void>;
  };
  /** How the platform's own containers are made. */
  systemSpec(role: DesiredSystem['role'], shift: number): ContainerSpec;
  readonly instance: string;
  /** Bytes of log kept a container; two such files. */
  readonly logBytesMax: number;
  /** Opens the secrets of a container that is made. */
  readonly openEnv: ContainerWorld['openEnv'];
}

/** How the containers of the router are made and changed. */
export interface RouterContainers {
  readonly engine: Engine;
  spec(shift: number): ContainerSpec;
}

type Executors = {
  readonly [Kind in Action['kind']]: (action: ActionOf<Kind>, world: World, signal: AbortSignal) => Promise<void>;
};

/** The only code that changes the machine. An executor decides nothing: the plan has decided. */
const executors: Executors = {
  'run-container': async (action, world, signal) => run(await replicaSpec(action, world), networkSpecs(action, world), {world, signal}),
  'run-job': async (action, world, signal) => run(await jobSpec(action, world), networkSpecs(action, world), {world, signal}),
  'stop-container': ({id, graceMs}, {engine}, signal) => engine.stop(id, graceMs, signal),
  'remove-container': ({id}, {engine}, signal) => engine.remove(id, signal),
  'run-system': async ({system, shift}, {engine, systemSpec}, signal) => {
    await engine.run(systemSpec(system.role, shift), signal);
  },
  'publish-names': ({names}, {router}, signal) => router.publishNames(names, signal),
  'hand-over': (action, world, signal) => world.router.handOver(action, routerContainers(world), signal),
  'keep-shift': (action, world, signal) => world.router.keepShift(action, routerContainers(world), signal),
  'retire-shift': (action, world, signal) => world.router.retireShift(action, routerContainers(world), signal),
  'remove-shift': (action, world, signal) => world.router.removeShift(action, routerContainers(world), signal),
  'retire-tcp': async ({id}, {engine}, signal) => {
    // HAProxy's own word for it: it takes no connection any more, and ends with its last one.
    await engine.send(id, 'SIGUSR1', signal);
    await engine.setRestart(id, 'never', signal);
  },
  'load-routes': (action, {router}, signal) => router.loadRoutes(action, signal),
  'load-tcp': ({structure}, {router}, signal) => router.loadTcp(structure, signal),
  'write-certificate': (action, {certificates}, signal) => certificates.write(action, signal),
  'remove-certificate': ({id}, {certificates}) => certificates.remove(id),
  'order-certificate': (action, {certificates}, signal) => certificates.order(action, signal),
  'publish-redirects': ({entries}, {certificates}) => certificates.publishRedirects(entries),
  'write-deploy': ({app, deploy, lastGood}, {journal}) => {
    const before = journal.records.get(app);
    const good = lastGood ?? before?.lastGood;
    return journal.write({app, deploy, ...(good && {lastGood: good})});
  },
  'note-gone': ({app, atMs}, {journal}) => journal.write({app, goneAtMs: atMs}),
  'write-cron': ({app, cron, runs, next}, {crons}) => crons.write({app, cron, runs, ...(next !== undefined && {next})}),
  'forget-cron': ({app, cron}, {crons}) => crons.forgetCron(app, cron),
  'forget-app': async ({app}, {journal, crons}) => {
    await crons.forget(app);
    await journal.forget(app);
  },
  'pull-image': (action, {images}, signal) => images.pull(action, signal),
  'rebuild-image': (action, {images}, signal) => images.rebuild(action, signal),
  'push-image': (action, {registry}, signal) => registry.pushAgain(action, signal),
  'remove-pushed': ({pushed}, {registry}, signal) => registry.remove(pushed, signal),
  'remove-image': ({image}, {engine}, signal) => engine.removeImage(image, signal),
  'remove-cache': (cache, {leftovers}, signal) => leftovers.removeCache(cache, signal),
  'remove-build-logs': ({app}, {leftovers}, signal) => leftovers.removeBuildLogs(app, signal),
  'make-network': (action, world, signal) => world.engine.ensureNetwork(networkSpec(action, world), signal),
  'remove-network': ({id}, {engine}, signal) => engine.removeNetwork(id, signal),
  'make-shared-network': (action, world, signal) => world.engine.ensureNetwork(sharedNetworkSpec(action, world), signal),
  'remove-shared-network': ({id}, {engine}, signal) => engine.removeNetwork(id, signal),
  'connect': ({id, network: name, aliases}, {engine}, signal) => engine.connect(id, {name, aliases}, signal),
  'disconnect': ({id, network}, {engine}, signal) => engine.disconnect(id, network, signal),
};

function routerContainers({engine, systemSpec}: World): RouterContainers {
  return {engine, spec: (shift) => systemSpec('router', shift)};
}

async function run(spec: ContainerSpec, networks: readonly NetworkSpec[], {world: {engine}, signal}: {world: World; signal: AbortSignal}): Promise<void> {
  try {
    await engine.run(spec, signal);
  } catch (error) {
    // Somebody removed it since it was seen: asking each time would slow all other starts.
    if (!(error instanceof NetworkMissing)) throw error;
    for (const network of networks) await engine.ensureNetwork(network, signal);
    await engine.run(spec, signal);
  }
}

function networkSpecs({app, subnet, shared = []}: {readonly app: AppName; readonly subnet: string; readonly shared?: readonly SharedNetwork[]}, world: World): readonly NetworkSpec[] {
  return [networkSpec({app, subnet}, world), ...shared.map((one) => sharedNetworkSpec(one, world))];
}

/** Nothing leads out of it, and no default route of a container ever does through it. */
function sharedNetworkSpec({apps, subnet}: SharedNetwork, {instance}: World): NetworkSpec {
  return {name: sharedNetwork(instance, apps), labels: {[LABEL_INSTANCE]: instance, [LABEL_SHARED]: apps.join('.')}, subnet, isInternal: true};
}

function networkSpec({app, subnet}: {readonly app: AppName; readonly subnet: string}, {instance}: World): NetworkSpec {
  return {name: appNetwork(instance, app), labels: {[LABEL_INSTANCE]: instance, [LABEL_APP]: app}, subnet};
}

export function execute<Kind extends Action['kind']>(action: ActionOf<Kind>, world: World, signal: AbortSignal): Promise<void> {
  const executor: Executors[Kind] = executors[action.kind as Kind];
  return executor(action, world, signal);
}
