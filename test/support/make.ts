import type {AppName, CommitId, ContainerId, ImageDigest, ServiceName, SpecHash, TreeId} from '../../schemas/ids.ts';
import type {ContainerFacts, DesiredService, DesiredState, ResolvedApp, Strategy} from '../../reconciler/desired/state.ts';
import type {ConnectedContainer, CronBook, Deploy, DeployRecord, Health, KeptSpec, NameTable, ObservedContainer, ObservedJob, ObservedState, Pair, Target} from '../../reconciler/observed/state.ts';

// States in a few words, for tests of the planner: an app `shop` with one service `web` on port 8080.

export const SHOP = 'shop' as AppName;
export const COMMIT = '1234567890123456789012345678901234567890' as CommitId;
/** The moment that all times in these states are given before, in milliseconds. */
export const NOW_MS = 1_000_000;

export const FACTS: ContainerFacts = {
  port: 8080,
  check: {kind: 'tcp', port: 8080, intervalMs: 5000, timeoutMs: 2000, retries: 3, startPeriodMs: 60_000},
  stopGraceMs: 30_000,
};

export function image(spec: string): ImageDigest {
  return `sha256:${spec}` as ImageDigest;
}

export const ROLLING: Strategy = {kind: 'rolling', batch: 2};

/** `service('v1', 2)`: two replicas of `web` of release v1, whose spec hash is `v1`. */
export function service(spec: string, replicas: number, name = 'web', strategy: Strategy = ROLLING): DesiredService {
  const container = {image: image(spec), command: ['run'], env: {PORT: '8080'}, memoryBytes: 256, cpus: 0.5, pidsMax: 100, facts: FACTS};
  return {name: name as ServiceName, specHash: spec as SpecHash, replicas, strategy, container};
}

/** The app at a release whose spec hash is `v<release>`. `tree` tells one state of its files from another. */
export function app(spec: string, replicas: number, tree = `${spec} ${replicas}`): ResolvedApp {
  return {
    state: 'resolved',
    name: SHOP,
    treeId: tree as TreeId,
    release: Number(spec.slice(1)),
    specKey: `key ${spec}` as SpecHash,
    services: [service(spec, replicas)],
    routes: [{host: 'shop.test', path: '/', service: 'web' as ServiceName}],
    deployTimeoutMs: 120_000,
    releasedImages: [image(spec)],
  };
}

/** The same app with this strategy for all its services. */
export function by(strategy: Strategy, wanted: ResolvedApp): ResolvedApp {
  return {...wanted, services: wanted.services.map((one) => ({...one, strategy}))};
}

export function desired(...apps: DesiredState['apps']): DesiredState {
  return {commit: COMMIT, apps, system: [], keptImages: 5, networks: {range: '10.213.0.0/16', prefix: 25}, nodes: []};
}

/**
 * A container in one line: `web.1 v1 up`, `web.2 v2 starting`, `web.1 v1 exited 3`, `web.1 v1 unhealthy`, `web.1 v1 created`,
 * `web.1 v1 unstartable`, `web.1 v1 unknown`, then optionally `failures=2`, `attempt=1`, `ago=5` (seconds since it was made
 * or ended), `drift`. Its id is `<slot>-<spec>-<attempt>`, its address 10.0.<spec number>.<slot>.
 */
export function container(line: string): ObservedContainer {
  const [replica = '', spec = '', state = '', ...rest] = line.split(' ');
  const [serviceName = '', slotText = ''] = replica.split('.');
  const option = (name: string, otherwise: number) => Number(rest.find((word) => word.startsWith(`${name}=`))?.split('=')[1] ?? otherwise);
  const slot = Number(slotText);
  const attempt = option('attempt', 0);
  const atMs = NOW_MS - option('ago', 10) * 1000;
  const base = {
    id: `${slot}-${spec}-${attempt}` as ContainerId,
    name: `shop.${serviceName}.${slot}-${spec}-${attempt}`,
    app: SHOP,
    service: serviceName as ServiceName,
    slot,
    release: Number(spec.slice(1)),
    specHash: spec as SpecHash,
    attempt,
    failures: option('failures', 0),
    createdAtMs: atMs - 1,
    facts: FACTS,
  };
  if (state === 'created') return {...base, state};
  if (state === 'unstartable') return {...base, state: 'created', error: 'exec: "nope": executable file not found in $PATH'};
  if (state === 'exited') return {...base, state, startedAtMs: atMs - option('up', 0) * 1000, finishedAtMs: atMs, exitCode: Number(rest[0]), isOutOfMemory: rest.includes('oom')};
  const health: Record<string, Health> = {
    up: {state: 'healthy'},
    starting: {state: 'starting', detail: 'nothing listens on port 8080 (ECONNREFUSED)'},
    unhealthy: {state: 'unhealthy', detail: 'GET / answered 500'},
    unknown: {state: 'unknown'},
  };
  const known = health[state];
  if (known === undefined) throw new Error(`bug in the test: unknown state in "${line}"`);
  return {...base, state: 'running', startedAtMs: atMs, address: `10.0.${spec.slice(1)}.${slot}`, health: known, ...(rest.includes('drift') && {drift: 'was changed by hand: it is paused'})};
}

/** `names('10.0.1.1')`: shop.test is answered with these addresses. */
export function names(...addresses: readonly string[]): NameTable {
  return new Map([['_http._tcp.shop.test', addresses.map((address): Target => ({address, port: 8080}))]]);
}

/** A release command in one line: `run1 v2 running`, `run1 v2 exited 3`, `run1 v2 created`, `run1 v2 unstartable`. `run1` is its run. */
export function releaseJob(line: string): ObservedJob {
  const [run = '', spec = '', state = '', code] = line.split(' ');
  const base = {id: `job-${run}` as ContainerId, name: `shop.release.${run}`, app: SHOP, job: {kind: 'release', run}, release: Number(spec.slice(1)), createdAtMs: NOW_MS - 10_000, stopGraceMs: 30_000} as const;
  if (state === 'created') return {...base, state};
  if (state === 'unstartable') return {...base, state: 'created', error: 'exec: "nope": executable file not found in $PATH'};
  if (state === 'running') return {...base, state, startedAtMs: NOW_MS - 10_000};
  return {...base, state: 'exited', startedAtMs: NOW_MS - 10_000, finishedAtMs: NOW_MS, exitCode: Number(code), isOutOfMemory: false};
}

function connectedContainer(line: string): ConnectedContainer {
  const [name = '', , ...networks] = line.split(' ');
  const [app = '', service = '', slot = ''] = name.split('.');
  return {id: name as ContainerId, name, app: app as AppName, ...(slot.includes('-') && {service: service as ServiceName}), networks: networks.map((network) => `flynn.${network}`)};
}

export interface World {
  /** `releaseJob` lines. */
  readonly jobs?: readonly string[];
  readonly have?: readonly string[];
  readonly record?: DeployRecord;
  readonly book?: CronBook;
  readonly names?: readonly string[];
  readonly images?: readonly string[];
  readonly inFlight?: Readonly<Record<string, number>>;
  /** Seconds since an address left the names. */
  readonly left?: Readonly<Record<string, number>>;
  readonly operations?: readonly string[];
  /** Apps that have one, and subnets that others use. */
  readonly networks?: readonly string[];
  readonly taken?: readonly string[];
  /** Pairs of apps that have one, `db.shop`. */
  readonly shared?: readonly string[];
  /** `shop.web.1-v1-0 on shop db.shop`: a container of shop's web; `shop.run.7 on shop`: one that is no replica. */
  readonly connected?: readonly string[];
}

export function observed({have = [], jobs = [], record, book, names: served, images = ['v1', 'v2', 'v3'], inFlight = {}, left = {}, operations = [], networks = ['shop'], taken = [], shared = [], connected = []}: World): ObservedState {
  return {
    nowMs: NOW_MS,
    containers: have.map(container),
    jobs: jobs.map(releaseJob),
    system: [],
    abandonedBuilds: [],
    runs: [],
    images: images.map((spec) => ({id: image(spec), app: SHOP, createdAtMs: 0})),
    networks: networks.map((name, index) => ({id: `n${index}`, name: `flynn.${name}`, app: name as AppName, subnet: `10.213.${index}.0/25`, isUsed: have.length > 0 && name === 'shop'})),
    sharedNetworks: shared.map((pair, index) => ({id: `s${index}`, name: `flynn.${pair}`, apps: pair.split('.') as unknown as Pair, subnet: `10.213.${100 + index}.0/25`})),
    connected: connected.map(connectedContainer),
    takenSubnets: [...networks.map((_, index) => `10.213.${index}.0/25`), ...taken],
    clutter: {caches: [], buildLogs: [], packageImages: [], isDiskLow: false},
    crons: new Map(book === undefined ? [] : [[SHOP, book]]),
    journal: new Map(record === undefined ? [] : [[SHOP, record]]),
    router: {
      state: 'ready',
      names: served === undefined ? new Map() : names(...served),
      structure: {hosts: []},
      file: {hosts: []},
      leaving: new Map(),
      maintenance: {address: '127.0.0.3', port: 8080},
      inFlight: new Map(Object.entries(inFlight).map(([address, count]) => [`${address}:8080`, count])),
      leftAtMs: new Map(Object.entries(left).map(([address, seconds]) => [`${address}:8080`, NOW_MS - seconds * 1000])),
      leftStreams: new Set(),
    },
    tcp: {file: undefined, running: {state: 'silent', sinceMs: 0}, takenPorts: new Set(), ownPorts: new Map(), connections: new Map()},
    operations: new Set(operations),
  };
}

/** `good(app)`: it was deployed and is healthy. `kept`: seconds for which blue-green still keeps a spec. */
export function good(lastGood: ResolvedApp, kept: Readonly<Record<string, number>> = {}): DeployRecord {
  const specs = Object.entries(kept).map(([spec, seconds]): KeptSpec => ({specHash: spec as SpecHash, untilMs: NOW_MS + seconds * 1000}));
  return {app: SHOP, deploy: deploy(lastGood, {state: 'healthy', endedAtMs: 0, ...(specs.length > 0 && {kept: specs})}), lastGood};
}

/** `deploying(next, old)`: begun 20 s ago, `old` serves. */
export function deploying(candidate: ResolvedApp, lastGood?: ResolvedApp, agoMs = 20_000): DeployRecord {
  return {app: SHOP, deploy: {...deploy(candidate, {state: 'deploying'}), startedAtMs: NOW_MS - agoMs}, ...(lastGood && {lastGood})};
}

export function failed(candidate: ResolvedApp, lastGood?: ResolvedApp, agoMs = NOW_MS): DeployRecord {
  return {app: SHOP, deploy: {...deploy(candidate, {state: 'failed', endedAtMs: 0, cause: 'web.1 exited with code 3'}), startedAtMs: NOW_MS - agoMs}, ...(lastGood && {lastGood})};
}

type DeployEnd =
  | {readonly state: 'deploying'}
  | {readonly state: 'healthy'; readonly endedAtMs: number; readonly kept?: readonly KeptSpec[]}
  | {readonly state: 'failed'; readonly endedAtMs: number; readonly cause: string};

function deploy({treeId, specKey, release}: ResolvedApp, end: DeployEnd): Deploy {
  return {treeId, specKey, ...(release !== undefined && {release}), startedAtMs: 0, ...end};
}
