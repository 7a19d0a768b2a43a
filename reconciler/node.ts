import type {AppName, CommitId} from '../schemas/ids.ts';
import type {Builds} from './builds/builds.ts';
import type {CanaryDesk} from './wiring/canaries.ts';
import type {Author, ClusterRepo} from './checkout/snapshot.ts';
import type {ForgeDesk} from './forge/status.ts';
import type {Audit, OneShot} from './oneshot/oneshot.ts';
import type {TcpFigures} from './logs/tcp-traffic.ts';
import type {TrafficFigures} from './logs/traffic.ts';
import type {RegistryTrouble} from './observed/pushed.ts';
import type {Plan} from './plan/action.ts';
import type {Proposals} from './proposals/proposals.ts';
import type {Releases} from './release/releases.ts';
import type {Keyring} from './secrets/keyring.ts';
import type {NodeSettings} from './settings.ts';
import type {HookOutcome, HookRequest, SourceLine, SourceStatus} from './source/status.ts';
import type {CronRunStatus, CronStatus} from './status/cron.ts';
import type {SshAnswer} from './ssh/answer.ts';
import type {FlynnEvent, NodeStatus} from './status/status.ts';
import type {Volumes} from './volumes/volumes.ts';

/**
 * What the parts around the pass (API, git receiver, `flynn up`) may ask of it. They ask questions and make commits;
 * nothing here changes a container, but for `oneShot`.
 */
export interface NodeView {
  readonly settings: NodeSettings;
  readonly repo: ClusterRepo;
  /** What opens the apps' secrets on this node. */
  readonly keyring: Keyring;
  /** Which releases there were, and those that people make by commands. */
  readonly releases: Releases;
  /** Changes that wait for others to look at them. */
  readonly proposals: Proposals;
  readonly stack: StackDesk;
  /** Undefined: there is none. */
  registry(): RegistryState | undefined;
  readonly builds: Builds;
  readonly deploys: DeployDesk;
  /** Sealed values that something here is made from, or would be made from again. */
  sealedInUse(): readonly string[];
  /** What people do to containers without a commit. */
  readonly oneShot: OneShot;
  readonly audit: Audit;
  readonly volumes: Volumes;
  readonly canaries: CanaryDesk;
  readonly housekeeping: Housekeeping;
  readonly sources: SourceDesk;
  /** Where the cluster repository lives when it is not here. */
  readonly forge: ForgeDesk;
  readonly crons: CronView;
  readonly metrics: MetricsDesk;
  readonly certificates: CertificateDesk;
  /** Git over SSH. */
  ssh(): SshAnswer;
  readonly quota: QuotaDesk;
  status(): NodeStatus;
  /** People can come in: since the start there was a moment at which the router answered and was as it has to be. */
  isReady(): boolean;
  /** What the next pass plans. It is woken for that, and carries it out as it would have done anyway. */
  plan(signal: AbortSignal): Promise<Plan>;
  /** Looks at the repository soon. */
  wake(reason: string): void;
  /**
   * Waits until what is in git *now* (so: call it after the commit) is what runs of this app, or has failed.
   * `onProgress` gets lines such as `web [1/3] starting`. Rejects only when the signal is aborted.
   */
  converged(app: AppName, onProgress: (line: string) => void, signal: AbortSignal): Promise<DeployOutcome>;
  /** Merged in time order. With `follow` it ends only by the signal, and new replicas join by themselves. */
  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>;
  /**
   * Says that the commit which is held back, for what it removes or because history was rewritten, is meant, and lets it be applied.
   * @param commit  The commit as people type it: at least its first 7 digits.
   * @throws {EditRefused} when no such commit is held back.
   */
  confirm(commit: string, signal: AbortSignal): Promise<CommitId>;
  /** Where logs are sent on to, and how that goes. */
  drains(): Promise<readonly DrainStatus[]>;
  onEvent(listener: (event: FlynnEvent) => void, signal: AbortSignal): void;
  /** Newest last; a bounded number. */
  events(): readonly FlynnEvent[];
  /** What is kept of those before them, oldest first. */
  olderEvents(): AsyncIterable<FlynnEvent>;
}

/** What apps are built in and run on. */
export interface StackDesk {
  info(signal: AbortSignal): Promise<readonly StackImageInfo[]>;
  /** What is installed in it. */
  packages(image: StackImageInfo['name'], signal: AbortSignal): Promise<readonly StackPackage[]>;
  /** Makes `run` and `build` anew, with the updates of the day. Ends with the signal, which leaves what was there. @throws {EditRefused} when somebody does so already */
  build(signal: AbortSignal): AsyncIterable<StackLine>;
}

export interface StackImageInfo {
  readonly name: 'run' | 'build' | 'router';
  readonly tag: string;
  /** Absent, with the rest: it is not there. */
  readonly id?: string;
  /** When this engine got it. */
  readonly madeAt?: string;
  readonly sizeBytes?: number;
  /** `Debian 13` */
  readonly debian?: string;
}

export interface StackPackage {
  readonly name: string;
  readonly version: string;
}

export type StackLine =
  | {readonly print: string}
  /** The last line. */
  | {readonly images: readonly (StackImageInfo & {readonly isNew: boolean})[]};

/** What this node knows of the cluster's registry. */
export interface RegistryState {
  /** That it has pushed there, and not removed since. */
  readonly images: number;
  readonly apps: number;
  /** What it did not do, and when it is asked again. */
  readonly troubles: readonly (Omit<RegistryTrouble, 'againAtMs'> & {readonly againAt: string})[];
}

/** Deploys of what was pushed before. */
export interface DeployDesk {
  /**
   * Builds, releases and waits as if it were pushed now. It ends, and is undone, when the signal is aborted.
   * @throws {EditRefused} when it does not serve, with the reason
   */
  deployPushed(app: AppName, wish: DeployWish, who: {readonly by: Author; readonly user: string; readonly isProposed: boolean}, signal: AbortSignal): AsyncIterable<DeployLine>;
}

/** `commit` as people type it: at least its first 7 digits. */
export type DeployWish = {readonly branch: string} | {readonly commit: string};

export type DeployLine =
  | {readonly print: string}
  /** The last line. */
  | {readonly deployed: {readonly release: number; readonly commit: CommitId; readonly urls: readonly string[]; /** It waits for others, and is deployed when they have merged it. */ readonly proposal?: number}};

/** Sources that are followed elsewhere. */
export interface SourceDesk {
  /** Undefined: it is pushed to this node. */
  status(app: AppName): SourceStatus | undefined;
  /**
   * Looks at once, and has the newest commit deployed whatever became of it before; it goes on when nobody listens.
   * @throws {EditRefused} when the app has no source elsewhere, or is suspended
   */
  sync(app: AppName, signal: AbortSignal): AsyncIterable<SourceLine>;
  /** What a webhook says, of which nobody knows yet whether it is true. */
  hook(app: AppName, request: HookRequest): Promise<HookOutcome>;
}

/** What the router has done for the apps. */
export interface MetricsDesk {
  look(signal: AbortSignal): Promise<NodeMetrics>;
}

export interface NodeMetrics {
  /** When the counting of requests began: ISO 8601, UTC. */
  readonly since: string;
  readonly http: readonly HttpMetrics[];
  /** Ports of the node. Their counting begins anew with each change of ports. */
  readonly tcp: readonly TcpMetrics[];
  /** The same by replica, of connections that are over, as HAProxy's log tells of them. */
  readonly tcpReplicas: readonly TcpReplicaMetrics[];
  /** What could not be asked, in words: then its figures are missing, and not 0. */
  readonly problems: readonly string[];
}

/** Absent with `open`: the router could not be asked. */
export interface HttpMetrics extends TrafficFigures {
  /** Requests that are not over yet; websockets and event streams among them. */
  readonly open?: number;
}

export interface TcpMetrics {
  readonly app: AppName;
  readonly service: string;
  readonly port: number;
  /** The host of TLS that leads here, where several share a port. */
  readonly sni?: string;
  readonly connections: number;
  readonly open: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Connections that no replica took. */
  readonly refused: number;
}

export interface TcpReplicaMetrics extends TcpFigures {
  /** Connections that are not over yet. Absent: HAProxy could not be asked. */
  readonly open?: number;
}

/** What teams and apps may have. */
export interface QuotaDesk {
  standings(): readonly QuotaStanding[];
}

/** `cpus` in thousandths of a core, `memory` in bytes, `buildMinutes` of this calendar month (UTC). */
export interface QuotaStanding {
  readonly kind: 'team' | 'app';
  readonly name: string;
  readonly field: 'apps' | 'replicas' | 'cpus' | 'memory' | 'volumes' | 'buildMinutes';
  readonly used: number;
  readonly allowed: number;
  /** That count for it. */
  readonly apps: readonly string[];
}

/** Certificates of hosts. */
export interface CertificateDesk {
  /** Whether the internal authority may certify this host: somebody has it, and no other authority does. */
  mayBeCertified(host: string): boolean;
  /** Its HTTP is redirected to HTTPS. */
  isRedirected(host: string): boolean;
  /** Of all hosts, sorted, and people's own. */
  list(): readonly CertificateStatus[];
  /** What is wrong with those of an app; of the cluster itself without one. */
  notices(app?: AppName): readonly string[];
  /** The internal authority's own, PEM. Undefined: it has certified nothing yet. */
  root(signal: AbortSignal): Promise<string | undefined>;
  /** @throws {EditRefused} when no order for the host has failed */
  retry(host: string): Promise<void>;
}

export interface CertificateStatus {
  /** Of one of people's own all that it names, with spaces between. */
  readonly host: string;
  /** Absent: of the cluster itself. */
  readonly app?: AppName;
  readonly source: 'own' | 'acme' | 'internal' | 'none';
  /** Of its file in `certificates/`. */
  readonly name?: string;
  readonly issuer?: string;
  /** ISO 8601, UTC. */
  readonly notAfter?: string;
  readonly isRedirected?: true;
  /** What somebody should look at. */
  readonly problem?: string;
}

/** What is left on the node's disk. */
export interface Housekeeping {
  /** What could go now, the largest first; the same with what builds keep for the next one. Changes nothing. */
  garbage(what: 'garbage' | 'with-caches', signal: AbortSignal): Promise<readonly Garbage[]>;
  /** Lets it go. Resolves to what is gone, when all is, or after a limit. */
  collect(what: 'garbage' | 'with-caches', signal: AbortSignal): Promise<readonly Garbage[]>;
  /** In words, while the disk is nearly full. */
  diskProblem(): string | undefined;
}

export interface Garbage {
  /** Tells it from all others. */
  readonly key: string;
  readonly kind: 'image' | 'build cache' | 'build logs';
  readonly subject: string;
  readonly app?: AppName;
  readonly reason: string;
  /** What goes with it alone: layers that other images have too are not counted. */
  readonly bytes: number;
}

export interface DrainStatus {
  /** Absent: of all apps. */
  readonly app?: AppName;
  /** Without user, password and query. */
  readonly url: string;
  readonly state: 'idle' | 'sending' | 'failing';
  /** Lines that the receiver has. */
  readonly delivered: number;
  /** Lines that it never gets: removed before it took them, or refused by it. */
  readonly dropped: number;
  /** Lines that wait. */
  readonly behind: number;
  readonly error?: string;
}

/** Commands with a schedule: questions about them, and runs out of turn, which are no intent and so no commits. */
export interface CronView {
  /** Of an app; none when it has no release yet. */
  list(app: AppName): readonly CronStatus[];
  /**
   * Makes a run due now. Resolves when that is written down: it will run once, whatever becomes of this process.
   * @throws {EditRefused} when there is no such command.
   */
  start(cron: Omit<RunOfCron, 'run'>, by: string): Promise<CronRunStatus>;
  /**
   * What a run wrote, and what became of it as the last line; with `follow` when it has ended.
   * @throws {EditRefused} when there is no such run.
   */
  log(run: RunOfCron, mode: 'follow' | 'so-far', signal: AbortSignal): AsyncIterable<CronLine>;
}

export interface RunOfCron {
  readonly app: AppName;
  readonly cron: string;
  readonly run: string;
}

export type CronLine = {readonly line: LogLine} | {readonly run: CronRunStatus};

export type DeployOutcome =
  | {readonly result: 'healthy'; readonly commit: CommitId; readonly release?: number; readonly urls: readonly string[]}
  /** `log`: the last lines of the container that failed. */
  | {readonly result: 'failed'; readonly commit: CommitId; readonly cause: string; readonly log: readonly string[]}
  /** It is in git, and nothing runs until somebody resumes the app. */
  | {readonly result: 'suspended'; readonly commit: CommitId; readonly release?: number}
  | {readonly result: 'removed'; readonly commit: CommitId};

export interface LogQuery {
  readonly app: AppName;
  /** `web`: all replicas of a service; also `router`, `build` and `platform`. */
  readonly service?: string;
  /** `web.1` */
  readonly replica?: string;
  /** The last so many of those that are asked for. Absent: all of them. */
  readonly lines?: number;
  readonly follow: boolean;
  /** Not before, and before: `at` as lines have it. */
  readonly since?: string;
  readonly until?: string;
  /** A regular expression that the text has to match. */
  readonly grep?: string;
}

export interface LogLine {
  /** ISO 8601 with nanoseconds, UTC. */
  readonly at: string;
  /** What the app wrote, or what we have to say of it. */
  readonly source: 'app' | 'flynn';
  /** `web.1`; of our own lines `build`, `router`, `platform` or `logs`. */
  readonly name: string;
  /** First 12 digits of its id. */
  readonly container?: string;
  readonly release?: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}
