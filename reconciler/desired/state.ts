import type {Overlap} from '../../schemas/cron.ts';
import type {AppId, AppName, CommitId, CronName, ImageDigest, ServiceName, SpecHash, TreeId} from '../../schemas/ids.ts';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {ErrorPage} from '../../schemas/error-pages.ts';
import type {Priority} from '../../schemas/requests.ts';
import type {Condition} from '../../schemas/conditions.ts';
import type {RedirectStatus} from '../../schemas/redirects.ts';
import type {ProxyProtocol} from '../../schemas/tcp.ts';
import type {Schedule} from '../../schemas/schedule.ts';
import type {HttpsManifest} from '../../schemas/tls.ts';
import type {DesiredTls} from './certificates-state.ts';

/** What this node should run, according to one commit. Complete: planning never has to ask for more. */
export interface DesiredState {
  readonly commit: CommitId;
  /** Sorted by name. */
  readonly apps: readonly DesiredApp[];
  /** Containers of the platform itself (router, DNS): from the node's own settings, not from the commit. */
  readonly system: readonly DesiredSystem[];
  /** Newest images of each app that stay beside those of its kept releases: what a failed deploy is looked into with. */
  readonly keptImages: number;
  readonly networks: AddressPlan;
  /** `registry.example.com/team`: where the images of releases are to be, each app's in a repository of its own. Absent: nowhere but here. */
  readonly registry?: string;
  /** Networks of proxies before this node that are believed when they say who a client is. Absent: none. */
  readonly trustedProxies?: readonly string[];
  /** The live nodes, with the room that the services leave. */
  readonly nodes: readonly NodeRoom[];
  /** This node, when it starts nothing new. Absent: it does. */
  readonly closed?: ClosedNode;
  /** Absent: certificates are the internal authority's, and it is not said otherwise anywhere. */
  readonly tls?: DesiredTls;
}

/** Where the subnets of the apps' networks come from. */
export interface AddressPlan {
  /** `10.213.0.0/16` */
  readonly range: string;
  /** Length of the prefix of one network. */
  readonly prefix: number;
}

/** Memory and cores: what something needs, or what there is. */
export interface Need {
  readonly memoryBytes: number;
  readonly cpus: number;
}

/** A node that starts nothing new; drained, it keeps nothing either. */
export interface ClosedNode {
  readonly node: string;
  readonly state: Closed;
}

export type Closed = 'cordoned' | 'drained';

export interface NodeRoom extends Need {
  readonly node: string;
  /** Absent: it is open. */
  readonly closed?: Closed;
  /** Not requested by any service. */
  readonly free: Need;
}

export type DesiredApp = ResolvedApp | InvalidApp;

/** Where lines of a log are sent on to. */
export interface DesiredDrain {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sealed values, by header. */
  readonly sealedHeaders?: Readonly<Record<string, string>>;
  readonly verify?: boolean;
  /** Certificates, PEM. */
  readonly ca?: string;
}

/** An app whose manifests are right, with every default filled in. Plain JSON: it is kept on disk as the last good one. */
export interface ResolvedApp {
  readonly state: 'resolved';
  readonly name: AppName;
  readonly id?: AppId; // What is kept of it goes by. Absent: its name.
  /** Tree of `apps/<name>/`: the same id means that nothing of the app changed. */
  readonly treeId: TreeId;
  /** What an app without a release will have. None of it leads anywhere yet, and it holds nobody up. Absent: nothing. */
  readonly claims?: Pick<ResolvedApp, 'routes' | 'tcp'>;
  /** Number of the current release; absent: nothing was pushed yet, and `services` is empty. */
  readonly release?: number;
  /** Hash of release and all service specs, without replica counts: a change of it is a deploy. */
  readonly specKey: SpecHash;
  /** Somebody asked for new containers of it as it is: the `specKey` that it has by its manifests. See `restarted.ts`. */
  readonly restartOf?: SpecHash;
  /** Sorted by name. */
  readonly services: readonly DesiredService[];
  /** Sorted by host, then longest path first, then as in the file with those without conditions last. */
  readonly routes: readonly DesiredRoute[];
  /** Absent: none. Sorted by port, then host. */
  readonly tcp?: readonly DesiredTcpRoute[];
  /** Services that want a port of the node, whichever: a commit will say which. Absent: none. */
  readonly portsWanted?: readonly ServiceName[];
  /** Its hosts lead to the page that says so, and not to its replicas. */
  readonly isInMaintenance?: boolean;
  /** Absent: the router's own. */
  readonly errorPages?: ErrorPages;
  /** Limit for the whole deploy, in milliseconds. */
  readonly deployTimeoutMs: number;
  /** Run once, before a deploy of these manifests starts any of its replicas. */
  readonly releaseJob?: ContainerTemplate;
  /** Absent: none. Sorted by name. A change of them is no deploy: they are run from what serves. */
  readonly crons?: readonly DesiredCron[];
  /** Nothing of it is to run, whatever else is wanted or happens. Absent: it is to run. */
  readonly isSuspended?: boolean;
  /** Images of all releases that git has, not only of the current one: a rollback starts from them without a build. */
  readonly releasedImages: readonly ImageDigest[];
  /** How the current release's image is had again where it is missing. Absent: no way is known. */
  readonly imageOrigin?: ImageOrigin;
  /** Absent: none. */
  readonly drains?: readonly DesiredDrain[];
  /** Apps that it connects to, and that may connect to it. Absent: none. A change of them is no deploy. */
  readonly reach?: readonly AppName[];
  readonly allowFrom?: readonly AppName[];
  /** Absent: what is pushed to this node. A change of it is no deploy. */
  readonly source?: FollowedSource;
}

/** A branch elsewhere whose commits are deployed. */
export interface FollowedSource {
  readonly git: string;
  readonly branch: string;
  /** Folder of the repository that is the app. Absent: all of it. */
  readonly path?: string;
  readonly intervalMs: number;
  /** Sealed. Absent: everybody may read it. */
  readonly sealedToken?: string;
  /** Sealed: what webhooks prove themselves with. Absent: there are none. */
  readonly sealedHook?: string;
}

/** What a release says about where its image comes from. */
export interface ImageOrigin {
  readonly image: ImageDigest;
  /** Its name in a registry: with the digest there when the release says so, else with the tag that it would have in the cluster's. Absent: there is none. */
  readonly registry?: string;
  /** Of the app's source. Absent: it was not built here. */
  readonly commit?: CommitId;
  /** The folder of the repository that is the app. Absent: all of it. */
  readonly path?: string;
}

/** An app that this commit gets wrong. It keeps what it has (`DeployRecord.lastGood`), and its owner is told why. */
export interface InvalidApp {
  readonly state: 'invalid';
  readonly name: AppName;
  readonly id?: AppId;
  readonly treeId: TreeId;
  readonly problems: readonly Diagnostic[];
  /** Its manifests may be right: this node could not open all of its secrets. */
  readonly reason?: 'SecretsUnreadable';
}

export interface DesiredService {
  readonly name: ServiceName;
  /** Hash over `container` and the number of the release, or of the one that it repeats: a change of it needs a new container. */
  readonly specHash: SpecHash;
  /** Copies on THIS node; placement has already divided the app's total among nodes. */
  readonly replicas: number;
  /** Copies that are wanted beyond those, and that no node has room for or no quota; `on`: what they wait for, in words. Absent: none. */
  readonly unplaced?: {readonly replicas: number; readonly on: string; readonly isOverQuota?: true};
  /** Absent: `normal`. */
  readonly priority?: Priority;
  /** What is kept for each copy. Absent: nothing. */
  readonly requests?: Need;
  /** How a deploy replaces its replicas. Not part of the hash. */
  readonly strategy: Strategy;
  /** Replicas that somebody wants replaced, without a deploy. Not part of the hash. Absent: none. */
  readonly renew?: readonly Renewal[];
  readonly container: ContainerTemplate;
}

/** What is in this slot and was made before `atMs` is to be replaced; from `untilMs` on that is given up. Milliseconds since 1970. */
export interface Renewal {
  readonly slot: number;
  readonly atMs: number;
  readonly untilMs: number;
}

/** A command that is run at certain times. */
export interface DesiredCron {
  readonly name: CronName;
  readonly schedule: Schedule;
  readonly overlap: Overlap;
  /** Limit for one run, in milliseconds. */
  readonly deadlineMs: number;
  /** What has to be free before a run is started. Absent: nothing. */
  readonly requests?: Need;
  /** Nothing is run at its times. */
  readonly isSuspended: boolean;
  readonly container: ContainerTemplate;
}

/** `batch`: replicas replaced at a time. */
export type Strategy =
  | {readonly kind: 'rolling'; readonly batch: number}
  | {readonly kind: 'all-at-once'}
  | {readonly kind: 'stop-first'; readonly batch: number}
  /** `keepOldMs`: how long the old replicas run on without traffic. */
  | {readonly kind: 'blue-green'; readonly keepOldMs: number}
  | Canary;

export interface Canary {
  readonly kind: 'canary';
  /** `weight`: percent of the requests that the new replicas get. */
  readonly steps: readonly {readonly weight: number; readonly pauseMs: number}[];
  readonly errorPercentMax: number;
  readonly p95MsMax?: number;
}

/** Everything about a container that is the same for all replicas of a service. */
export interface ContainerTemplate {
  readonly image: ImageDigest;
  /** Argument vector; empty: the image's own command. A Procfile line becomes `['/bin/bash', '-c', line]` through the image's entrypoint, see `buildpacks/`. */
  readonly command: readonly string[];
  /** Sorted by name; `PORT` is included when there is a port. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Variables whose values are secrets, sealed as they are in git (age, armoured). They are opened where a container is made and nowhere
   * else, so that no state, plan, journal or log ever holds one. Sorted by name; no name is in `env` too. Absent: none.
   */
  readonly sealedEnv?: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
  /** Cores, as a fraction: 0.5 is half a core. */
  readonly cpus: number;
  readonly pidsMax: number;
  // What few containers have is left out where they don't have it, so that their hashes stay what they were.
  /** Open files of a process, when it is not the number that all get. */
  readonly filesMax?: number;
  readonly isRootReadOnly?: true;
  /** Sorted by path. */
  readonly tmpfs?: readonly {readonly path: string; readonly sizeBytes: number}[];
  /** Sorted by name. They belong to the app. */
  readonly volumes?: readonly {readonly name: string; readonly path: string}[];
  // Only what the cluster's policy allows this app.
  readonly isPrivileged?: true;
  /** Beside those that all containers have, sorted. */
  readonly capabilities?: readonly string[];
  readonly isOnHostNetwork?: true;
  readonly hostMounts?: readonly {readonly source: string; readonly target: string; readonly isReadOnly: boolean}[];
  readonly facts: ContainerFacts;
}

/** What the prober, the router and the stopper have to know of a container, whatever became of its manifest. */
export interface ContainerFacts {
  /** TCP port that the service listens on inside its container. Absent: it takes no traffic. */
  readonly port?: number;
  readonly check: HealthCheck;
  /** Between SIGTERM and SIGKILL. */
  readonly stopGraceMs: number;
  /** Its ports are the node's own: it is reached on 127.0.0.1. */
  readonly isOnHostNetwork?: true;
}

/** `up` has no probe: the container is healthy once it has stayed up for `startPeriodMs`. */
export type HealthCheck = {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that make a healthy container unhealthy. */
  readonly retries: number;
  /** Failures within this time after the start do not count. */
  readonly startPeriodMs: number;
} & (
  | {readonly kind: 'http'; readonly path: string; readonly port: number}
  | {readonly kind: 'tcp'; readonly port: number}
  | {readonly kind: 'command'; readonly command: readonly string[]}
  | {readonly kind: 'up'}
);

/** It has exactly one of `service`, `split` and `redirect`. */
export interface DesiredRoute {
  /** Lower case, without port: a host, `*.example.com` or `*`. */
  readonly host: string;
  /** `/` or a prefix without trailing slash, matched on whole segments. */
  readonly path: string;
  /** All have to be true. Absent: any request. */
  readonly when?: readonly Condition[];
  readonly service?: ServiceName;
  /** Several services share the requests. `id` stays when only weights change: 16 hex digits. */
  readonly split?: {readonly id: string; readonly shares: readonly Share[]};
  readonly redirect?: {readonly to: string; readonly status: RedirectStatus; readonly keepPath: boolean};
  /** The service does not see the path's prefix. */
  readonly stripPrefix?: true;
  /** What becomes of requests over HTTP, of the whole host. Absent: they are redirected once it has a certificate that browsers trust. */
  readonly https?: HttpsManifest;
  /** Absent: none. */
  readonly options?: RouteOptions;
}

/** Part of the requests, in proportion to the weights of the others. */
export interface Share {
  readonly service: ServiceName;
  readonly weight: number;
}

/** What becomes of a route's requests. What is left out is not done, or as for every host. */
export interface RouteOptions {
  readonly balance?: 'round-robin' | 'least-conn' | 'ip-hash';
  /** Name of the cookie by which a client stays with its replica. */
  readonly stickyCookie?: string;
  readonly isH2c?: true;
  readonly bodyBytesMax?: number;
  readonly waitMs?: number;
  readonly responseMs?: number;
  readonly idleMs?: number;
  readonly isCompressed?: true;
  readonly request?: HeaderEdits;
  readonly response?: HeaderEdits;
  /** `sealedUsers`: lines `user:hash`. */
  readonly basicAuth?: {readonly realm: string; readonly sealedUsers: string};
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

/** HTML by what it is answered for: a status, or `maintenance`. Not empty. */
export type ErrorPages = Readonly<Partial<Record<ErrorPage, string>>>;

export interface HeaderEdits {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

/** A port of the node that leads to a service. Networks are sorted; absent: everybody, nobody. */
export interface DesiredTcpRoute {
  readonly port: number;
  readonly service: ServiceName;
  /** TLS connections for this host only. */
  readonly sni?: string;
  /** TLS ends at the router, with a certificate of `sni`. */
  readonly tls?: 'terminate';
  readonly proxyProtocol: ProxyProtocol;
  readonly acceptProxyFrom?: readonly string[];
  readonly allow?: readonly string[];
  readonly idleTimeoutMs: number;
}

/** A container of the platform itself. `specHash` covers everything it is made from, configuration files included that need a restart. */
export interface DesiredSystem {
  readonly role: 'router' | 'dns' | 'tcp' | 'ssh';
  readonly specHash: SpecHash;
}
