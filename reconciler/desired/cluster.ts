import {CLUSTER_DEFAULTS, type ClusterManifest} from '../../schemas/cluster.ts';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {Rights} from '../../schemas/container.ts';
import type {LimitsManifest} from '../../schemas/limits.ts';
import {loadManifest} from '../../schemas/load.ts';
import {bytesOf} from '../../schemas/quantity.ts';
import type {ForgeManifest} from '../../schemas/forge.ts';
import type {RegistryManifest} from '../../schemas/registry.ts';
import {portRange, type PortRange} from '../../schemas/router.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import type {TlsManifest} from '../../schemas/tls.ts';
import type {BuildLimits} from '../build/build.ts';
import {resolveDrains} from './drains.ts';
import type {DesiredDrain} from './state.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import {needOf} from './nodes.ts';
import type {AddressPlan, Need} from './state.ts';

/** `cluster.yaml` with every default filled in, in the units that we work with. */
export interface ClusterConfig {
  readonly name: string;
  readonly domain: string;
  /** Of a container whose service has no limits of its own. */
  readonly limits: ContainerLimits;
  readonly builds: BuildLimits & {readonly concurrent: number};
  /** What is kept for a copy of a service that says nothing. Absent: nothing. */
  readonly requests?: Need;
  /** Per app. */
  readonly keep: {readonly releases: number; readonly images: number};
  /** Per container. */
  readonly logBytesMax: number;
  readonly networks: AddressPlan;
  /** Public keys that the apps' secrets are encrypted to. Empty: none can be set yet. */
  readonly recipients: readonly string[];
  /** Of one app on this node, all its lines together. */
  readonly logs: {readonly appBytesMax: number; readonly ageMsMax: number};
  /** Of all apps. Absent: none. */
  readonly drains?: readonly DesiredDrain[];
  /** Absent: none. Its password is sealed. */
  readonly registry?: RegistryManifest;
  /** Absent: none. Its token is sealed. */
  readonly forge?: ForgeManifest;
  /** As it is written: see `resolveTls`. */
  readonly tls?: TlsManifest;
  /** Where ports of TCP routes come from that name none. */
  readonly tcpPorts: PortRange;
  /** Networks of proxies that are believed. Absent: none. */
  readonly trustedProxies?: readonly string[];
  /** By app. Absent: it is not known what is allowed, because cluster.yaml can't be read. */
  readonly policy?: Readonly<Record<string, Rights>>;
}

export interface ContainerLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly pidsMax: number;
  /** Open files, when it is not the number that all get (`CLUSTER_DEFAULTS`). */
  readonly filesMax?: number;
}

const DAY_MS = 24 * 60 * 60_000;

export const CLUSTER_FILE = 'cluster.yaml';

const {memory, cpus, pids} = CLUSTER_DEFAULTS.defaults;
const LIMITS_DEFAULT: ContainerLimits = {memoryBytes: bytesOf(memory), cpus, pidsMax: pids};

/** Reads `cluster.yaml` among the files outside of `apps/`. Others are not looked at: see `validateFiles`. */
export function resolveCluster(files: readonly ManifestFile[]): Result<ClusterConfig, readonly Diagnostic[]> {
  const file = files.find(({path}) => path === CLUSTER_FILE);
  const problem = (message: string) => fail([{file: CLUSTER_FILE, line: 1, column: 1, message}]);
  if (file === undefined) return problem('is missing: every cluster repository has one');
  if (file.kind === 'refused') return problem(file.why);
  const loaded = loadManifest('Cluster', CLUSTER_FILE, file.text);
  return loaded.ok ? ok(withDefaults(loaded.value)) : loaded;
}

/** What one build may use. */
export function buildLimits({builds: {concurrent: _, ...limits}}: ClusterConfig): BuildLimits {
  return limits;
}

/** What a manifest asks for; the rest as in `otherwise`. */
export function limitsOf({memory, cpus, pids, files}: LimitsManifest, otherwise: ContainerLimits): ContainerLimits {
  const filesMax = files ?? otherwise.filesMax;
  return {
    memoryBytes: memory === undefined ? otherwise.memoryBytes : bytesOf(memory),
    cpus: cpus ?? otherwise.cpus,
    pidsMax: pids ?? otherwise.pidsMax,
    // The default is no part of a container's hash: it came after the first clusters, whose apps were not to be deployed again for it.
    ...(filesMax !== undefined && filesMax !== CLUSTER_DEFAULTS.defaults.files && {filesMax}),
  };
}

function withDefaults({name, domain, defaults, requests, builds, keep, logs, networks, policy = {}, recipients = [], drains, registry, forge, tls, router}: ClusterManifest): ClusterConfig {
  const build = {...CLUSTER_DEFAULTS.builds, ...builds};
  const log = {...CLUSTER_DEFAULTS.logs, ...logs};
  return {
    name,
    domain,
    limits: limitsOf(defaults ?? {}, LIMITS_DEFAULT),
    ...(requests !== undefined && {requests: needOf(requests)}),
    builds: {
      memoryBytes: bytesOf(build.memory),
      cpus: build.cpus,
      timeMs: build.timeoutSeconds * 1000,
      diskBytes: bytesOf(build.disk),
      cacheBytes: builds?.cache === undefined ? Math.floor(bytesOf(build.disk) / 2) : bytesOf(builds.cache),
      minFreeBytes: bytesOf(build.minFreeDisk),
      imageBytes: bytesOf(build.imageSize),
      isBuildkitAllowed: build.buildkit,
      concurrent: build.concurrent,
    },
    keep: {...CLUSTER_DEFAULTS.keep, ...keep},
    networks: {...CLUSTER_DEFAULTS.networks, ...networks},
    ...(registry !== undefined && {registry}),
    ...(forge !== undefined && {forge}),
    ...(tls !== undefined && {tls}),
    tcpPorts: portRange(router?.tcpPorts),
    ...(router?.trustedProxies && {trustedProxies: router.trustedProxies.toSorted()}),
    policy,
    recipients,
    logBytesMax: bytesOf(log.maxSize),
    ...(drains !== undefined && drains.length > 0 && {drains: resolveDrains(drains, {env: {}}).drains}),
    logs: {appBytesMax: bytesOf(log.appSize), ageMsMax: log.days * DAY_MS},
  };
}
