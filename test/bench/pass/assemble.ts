import type {AppName, CommitId} from '../../../schemas/ids.ts';
import type {ContainerSpec} from '../../../reconciler/adapters/engine.ts';
import type {World} from '../../../reconciler/apply/executors.ts';
import {CronBooks} from '../../../reconciler/apply/cron-books.ts';
import {Journal} from '../../../reconciler/apply/journal.ts';
import {Operations} from '../../../reconciler/apply/operations.ts';
import {replicaSpec} from '../../../reconciler/apply/replica-spec.ts';
import {prepareRouterFiles, publishNames} from '../../../reconciler/apply/router.ts';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import type {FollowedRepo} from '../../../reconciler/checkout/repo.ts';
import {DesiredReader} from '../../../reconciler/wiring/desired-reader.ts';
import type {ResolvedApp} from '../../../reconciler/desired/state.ts';
import {Keyring} from '../../../reconciler/secrets/keyring.ts';
import {layout as layoutOf} from '../../../reconciler/layout.ts';
import {Loop} from '../../../reconciler/loop.ts';
import {EngineObserver} from '../../../reconciler/observed/engine-observer.ts';
import {Prober} from '../../../reconciler/observed/prober.ts';
import {RouterObserver} from '../../../reconciler/observed/router.ts';
import {proposalsElsewhere} from '../../../reconciler/proposals/elsewhere.ts';
import type {NodeSettings} from '../../../reconciler/settings.ts';
import {EventLog} from '../../../reconciler/status/events.ts';
import {View} from '../../../reconciler/wiring/view.ts';
import {FakeAudit, FakeOneShot} from '../../reconciler/api/fake-one-shot.ts';
import {FakeBuilds, FakeDeploys} from '../../reconciler/api/fake-builds.ts';
import {FakeCertificates} from '../../reconciler/api/fake-certificates.ts';
import {FakeReleases} from '../../reconciler/api/fake-releases.ts';
import {FakeVolumes} from '../../reconciler/api/fake-volumes.ts';
import {FakeEngine} from '../../support/fake-engine.ts';
import {FakeCaddy, FakeUnbound} from '../../support/fake-router.ts';
import {nowMs} from '../until.ts';
import {hostSubnets} from '../../../reconciler/adapters/host-routes.ts';
import {appNetwork, LABEL_APP, LABEL_INSTANCE} from '../../../reconciler/labels.ts';
import {formatSubnet} from '../../../schemas/subnet.ts';

/** A node's parts as `reconciler/main.ts` puts them together, with an engine and a router in memory. */
export interface Assembled {
  readonly loop: Loop;
  readonly operations: Operations;
  readonly repo: FollowedRepo;
  readonly engine: CountingEngine;
  readonly apps: readonly AppName[];
  /** Of all passes so far. */
  readonly passes: readonly Pass[];
  nextPass(): Promise<void>;
  /** What the first read of the repository took. */
  readonly coldMs: number;
}

export interface Pass {
  readonly commit: CommitId | undefined;
  readonly actions: number;
  readonly waiting: number;
  readonly tookMs: number;
}

const INSTANCE = 'flynn-bench-pass';

export async function assemble(folder: string, signal: AbortSignal): Promise<Assembled> {
  const layout = layoutOf(folder);
  const settings: NodeSettings = {data: folder, node: 'node', domain: 'bench.localhost', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 3580, dnsPort: 3553, sshPort: 0, cluster: {kind: 'own'}};
  const repo = ownRepo({gitdir: layout.clusterRepo});
  const reader = new DesiredReader({domain: undefined, system: [], machine: {node: 'bench', memoryBytes: 2 ** 40, cpus: 64}});
  const startedAtMs = performance.now();
  const desired = await reader.read(await repo.snapshot(signal), signal);
  const coldMs = performance.now() - startedAtMs;
  const resolved = desired.apps.filter((app) => app.state === 'resolved');

  const engine = new CountingEngine();
  const crons = await CronBooks.open(layout.crons, () => {});
  const journal = await Journal.open(layout.journal, (_file, cause) => {
    throw cause;
  });
  const routerWorld = {settings, layout, caddy: new FakeCaddy(), unbound: new FakeUnbound(), secrets: {open: async (text: string) => text, deriveKey: async (purpose: string) => purpose}};
  await prepareRouterFiles(routerWorld, signal);
  const world: World = {
    engine, journal, crons, instance: INSTANCE, logBytesMax: 1024, openEnv: async () => ({}),
    router: {publishNames: (names, until) => publishNames(names, routerWorld, until), handOver: async () => {}, keepShift: async () => {}, retireShift: async () => {}, removeShift: async () => {}, loadRoutes: async () => {}, loadTcp: async () => {}},
    certificates: {write: async () => {}, remove: async () => {}, order: async () => {}, publishRedirects: async () => {}},
    images: {rebuild: async () => {}, pull: async () => {}},
    registry: {pushAgain: async () => {}, remove: async () => {}},
    leftovers: {removeCache: async () => {}, removeBuildLogs: async () => {}},
    systemSpec: noSystem,
  };
  await runAll(resolved, world, engine);

  const passes: Pass[] = [];
  let onPass = () => {};
  const wake = () => void loop.wake();
  const prober = new Prober({probe: async () => ({ok: true}), onChange: wake, signal});
  const observer = new EngineObserver({engine, instance: INSTANCE, prober, hostSubnets, isBuilding: () => false, isAttended: () => false});
  engine.onChange = (id) => observer.invalidate(id);
  const routerObserver = new RouterObserver({...routerWorld, shift: () => routerWorld});
  const operations = new Operations({world, signal, onDone: wake});
  const loop: Loop = new Loop({
    repo, reader, operations,
    trusted: async (tip) => ({snapshot: tip}),
    adjusted: (desired) => desired,
    look: async (atMs, until) => {
      const [seen, router] = await Promise.all([observer.look(atMs, until), routerObserver.observe(atMs, {current: 1, leaving: []}, until)]);
      return {nowMs: atMs, ...seen, router, tcp: {file: undefined, running: {state: 'silent', sinceMs: 0}, takenPorts: new Set(), ownPorts: new Map(), connections: new Map()}, clutter: {caches: [], buildLogs: [], packageImages: [], isDiskLow: false}, crons: crons.books, journal: journal.records};
    },
    isRouterAsLeft: (until) => routerObserver.isAsLeft(until),
    knownApps: () => [...journal.records.keys()],
    isDeleteConfirmed: async () => false,
    onNewCommit: () => observer.invalidateImages(),
    onPass: (report) => {
      view.publish(report);
      const {seen, tookMs} = report;
      passes.push({commit: seen?.desired.commit, actions: seen?.plan.actions.length ?? -1, waiting: seen?.plan.waiting.length ?? -1, tookMs});
      onPass();
    },
  });
  const view: View = new View({quota: {standings: () => []}, proposals: proposalsElsewhere('nowhere'), settings, repo, keyring: new Keyring(layout.age), loop, engine, crons, events: await EventLog.open(layout.events), drains: async () => [], logs: async function* () {}, releases: () => new FakeReleases(), stack: {info: async () => [], packages: async () => [], build: async function* () {}}, registry: () => undefined, builds: new FakeBuilds(), deploys: new FakeDeploys(), housekeeping: {garbage: async () => [], collect: async () => [], diskProblem: () => undefined}, oneShot: new FakeOneShot(), audit: new FakeAudit(), canaries: {decide: () => {}}, certificates: new FakeCertificates(), ssh: () => ({state: 'off'}), metrics: {look: async () => ({since: new Date(0).toISOString(), http: [], tcp: [], tcpReplicas: [], problems: []})}, sources: {status: () => undefined, sync: async function* () {}, hook: async () => ({result: 'unknown'})}, forge: {state: () => undefined, open: () => [], openChange: async () => ({number: 0, url: ''}), hook: async () => ({result: 'unknown'})}, volumes: new FakeVolumes(), confirm: async () => {}, signing: () => ({isRequired: false, nodeKey: '', isNodeKeyKnown: false}), clusterName: () => 'bench', domain: () => settings.domain});
  return {loop, operations, repo, engine, apps: resolved.map(({name}) => name), passes, coldMs, nextPass: () => new Promise<void>((resolve) => (onPass = resolve))};
}

/** Remembers when a container was asked for, and tells who observes. */
class CountingEngine extends FakeEngine {
  /** Milliseconds since 1970. */
  readonly runs: number[] = [];
  onChange: (id: string) => void = () => {};

  override async run(spec: ContainerSpec): Promise<string> {
    this.runs.push(nowMs());
    const id = await super.run(spec);
    this.onChange(id);
    return id;
  }

  override async stop(id: string): Promise<void> {
    await super.stop(id);
    this.onChange(id);
  }

  override async remove(id: string): Promise<void> {
    await super.remove(id);
    this.onChange(id);
  }
}

/** As if all of them had been deployed long ago. */
async function runAll(apps: readonly ResolvedApp[], world: World, engine: CountingEngine): Promise<void> {
  const addresses = {first: 10 * 2 ** 24, size: 128};
  for (const [index, app] of apps.entries()) {
    const {name, treeId, specKey, release = 0} = app;
    const subnet = formatSubnet({...addresses, first: addresses.first + index * addresses.size});
    await engine.ensureNetwork({name: appNetwork(INSTANCE, name), labels: {[LABEL_INSTANCE]: INSTANCE, [LABEL_APP]: name}, subnet});
    const deploy = {treeId, specKey, release, startedAtMs: 0, state: 'healthy', endedAtMs: 0} as const;
    await world.journal.write({app: name, deploy, lastGood: app});
    for (const service of app.services) {
      engine.addImage(service.container.image, {'flynn.instance': world.instance, 'flynn.app': name});
      const action = {kind: 'run-container', app: name, service, release, slot: 1, attempt: 0, failures: 0, subnet, reason: '', name: `${name}.${service.name}.1-${service.specHash.slice(0, 8)}-0`} as const;
      if (service.replicas > 0) await engine.run(await replicaSpec(action, world));
    }
  }
}

/** The fake router has no containers. */
function noSystem(): ContainerSpec {
  return {name: 'none', image: '', command: [], env: {}, labels: {}, network: 'host', mounts: [], memoryBytes: 0, cpus: 0, pidsMax: 0, capabilities: [], restart: 'always', logBytesMax: 0};
}
