import {CLUSTER_DEFAULTS} from '../../schemas/cluster.ts';
import type {ContainerSpec, VolumeMount} from '../adapters/engine.ts';
import type {AppId, AppName, ServiceName} from '../../schemas/ids.ts';
import type {ContainerTemplate} from '../desired/state.ts';
import * as labels from '../labels.ts';
import type {ActionOf, SharedNetwork} from '../plan/action.ts';
import {internalName} from '../router/names.ts';

/**
 * Linux capabilities (capabilities(7)) that a replica keeps: what images that start as root need to prepare files, drop
 * to another user and listen on a low port. Everything else is dropped.
 */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'NET_BIND_SERVICE', 'SETGID', 'SETUID'] as const;

/** What all of an app's containers share, whatever they are for: replicas, one-off commands, jobs. */
export interface AppContainer {
  readonly app: AppName;
  /** What its volumes go by. Absent: its name. */
  readonly appId?: AppId;
  readonly template: ContainerTemplate;
  /** Without the instance, which is put in front of it. */
  readonly name: string;
  /** Beside the template's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Beside the instance's and the app's label. */
  readonly labels: Readonly<Record<string, string>>;
  /** By which others find it. Absent: they don't. */
  readonly service?: ServiceName;
  /** Absent: none. */
  readonly shared?: readonly SharedNetwork[];
}

export interface ContainerWorld {
  readonly instance: string;
  readonly logBytesMax: number;
  /** Opens secrets. Rejects with the name of the one that it can't. */
  openEnv(sealed: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>>;
}

/** A container of an app in the engine's words, its secrets opened: what this resolves to is for the engine, and for nothing else. */
export async function appContainerSpec({app, appId, template, name, env, labels: own, service, shared = []}: AppContainer, {instance, logBytesMax, openEnv}: ContainerWorld): Promise<ContainerSpec> {
  const fullName = service === undefined ? [] : [internalName(service, app)];
  const secrets = template.sealedEnv === undefined ? {} : await openEnv(template.sealedEnv);
  return {
    name: `${instance}-${name}`,
    image: template.image,
    command: template.command,
    env: {...template.env, ...secrets, ...env},
    labels: {[labels.LABEL_INSTANCE]: instance, [labels.LABEL_APP]: app, ...(appId !== undefined && {[labels.LABEL_ID]: appId}), ...own},
    network: template.isOnHostNetwork === true ? 'host' : labels.appNetwork(instance, app),
    aliases: service === undefined ? [] : [service, ...fullName],
    // The short name is that of one service in each app.
    ...(shared.length > 0 && {alsoOn: shared.map(({apps}) => ({name: labels.sharedNetwork(instance, apps), aliases: fullName}))}),
    mounts: template.hostMounts ?? [],
    ...(template.volumes !== undefined && {volumes: template.volumes.map((volume) => volumeMount({instance, app: appId ?? app, volume}))}),
    ...(template.tmpfs !== undefined && {tmpfs: template.tmpfs}),
    isRootReadOnly: template.isRootReadOnly === true,
    isPrivileged: template.isPrivileged === true,
    filesMax: template.filesMax ?? CLUSTER_DEFAULTS.defaults.files,
    memoryBytes: template.memoryBytes,
    cpus: template.cpus,
    pidsMax: template.pidsMax,
    capabilities: [...new Set([...CAPABILITIES, ...template.capabilities ?? []])],
    restart: 'never',
    logBytesMax,
  };
}

function volumeMount({instance, app, volume: {name, path}}: {instance: string; app: string; volume: {name: string; path: string}}): VolumeMount {
  const own = {[labels.LABEL_INSTANCE]: instance, [labels.LABEL_APP]: app, [labels.LABEL_VOLUME]: name};
  return {name: labels.appVolume({instance, app, name}), target: path, labels: own};
}

/** A replica in the engine's words. */
export function replicaSpec({app, appId, service, release, slot, attempt, failures, name, shared = []}: ActionOf<'run-container'>, world: ContainerWorld): Promise<ContainerSpec> {
  const {container} = service;
  return appContainerSpec({
    app,
    ...(appId !== undefined && {appId}),
    template: container,
    name,
    env: {FLYNN_APP: app, FLYNN_SERVICE: service.name, FLYNN_REPLICA: `${service.name}.${slot}`, FLYNN_RELEASE: `v${release}`},
    labels: {
      [labels.LABEL_ROLE]: 'app',
      [labels.LABEL_SERVICE]: service.name,
      [labels.LABEL_SLOT]: String(slot),
      [labels.LABEL_RELEASE]: String(release),
      [labels.LABEL_SPEC]: service.specHash,
      [labels.LABEL_ATTEMPT]: String(attempt),
      [labels.LABEL_FAILURES]: String(failures),
      [labels.LABEL_FACTS]: JSON.stringify(container.facts),
      [labels.LABEL_LIMITS]: `${container.memoryBytes}/${container.cpus}`,
    },
    service: service.name,
    shared,
  }, world);
}

/** A container that runs a command once. */
export function jobSpec({app, appId, job, container, release, name, shared = []}: ActionOf<'run-job'>, world: ContainerWorld): Promise<ContainerSpec> {
  return appContainerSpec({
    app,
    ...(appId !== undefined && {appId}),
    template: container,
    name,
    env: {FLYNN_APP: app, FLYNN_JOB: job.kind === 'cron' ? job.cron : job.kind, FLYNN_RUN: job.run, FLYNN_RELEASE: `v${release}`},
    labels: {
      [labels.LABEL_ROLE]: 'job',
      [labels.LABEL_JOB]: job.kind,
      ...(job.kind === 'cron' && {[labels.LABEL_CRON]: job.cron}),
      [labels.LABEL_RUN]: job.run,
      [labels.LABEL_RELEASE]: String(release),
      [labels.LABEL_FACTS]: JSON.stringify(container.facts),
    },
    shared,
  }, world);
}
