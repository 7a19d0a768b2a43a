import type {AppName, ContainerId, CronName, ImageDigest, ServiceName, SpecHash, TreeId} from '../../schemas/ids.ts';
import type {Schedule} from '../../schemas/schedule.ts';
import type {ContainerFacts, DesiredSystem, ResolvedApp} from '../desired/state.ts';
import type {ObservedCertificates} from './certified.ts';
import type {ObservedTcp} from './ports.ts';
import type {ObservedRegistry} from './pushed.ts';
import type {RouteStructure} from './structure.ts';
import type {LeavingShift, ObservedSystem} from './system.ts';

/** What this node was seen to run. Already out of date when it is read: plans must be safe to make from it. */
export interface ObservedState {
  /** Milliseconds since 1970, at the moment of the look. The planner's only clock. */
  readonly nowMs: number;
  readonly containers: readonly ObservedContainer[];
  /** Containers that run a command of an app once. */
  readonly jobs: readonly ObservedJob[];
  readonly system: readonly ObservedSystem[];
  /** Build containers of ours whose build is not in progress any more: what a killed reconciler left behind. */
  readonly abandonedBuilds: readonly {readonly id: ContainerId; readonly name: string}[];
  /** Commands that people run in containers of their own. */
  readonly runs: readonly ObservedRun[];
  /** Images of ours that the engine holds. */
  readonly images: readonly ObservedImage[];
  /** By app: what became of the last try to have an image again that was missing. Absent: none has failed since the reconciler started. */
  readonly lostImages?: ReadonlyMap<AppName, LostImage>;
  /** Absent: there is none. */
  readonly registry?: ObservedRegistry;
  /** Networks of ours that belong to an app. */
  readonly networks: readonly ObservedNetwork[];
  /** Networks of ours that two apps share. */
  readonly sharedNetworks: readonly ObservedSharedNetwork[];
  /** What runs of the apps, in whatever role, on networks: what is on the node's own is not here. */
  readonly connected: readonly ConnectedContainer[];
  /** IPv4 subnets in use on this machine: of the engine's networks, ours included, and of the host's routes. `10.0.0.0/24`. */
  readonly takenSubnets: readonly string[];
  /** What this node's disk says of the deploys of each app. */
  readonly journal: ReadonlyMap<AppName, DeployRecord>;
  /** What this node's disk says of the commands with a schedule. */
  readonly crons: ReadonlyMap<AppName, CronBook>;
  readonly router: ObservedRouter;
  readonly tcp: ObservedTcp;
  /** Absent: their files can't be read, or nobody looked. */
  readonly certificates?: ObservedCertificates;
  /** Of apps whose deploy is trying canaries. */
  readonly canaries?: ReadonlyMap<AppName, CanarySeen>;
  /** What builds and apps that are gone left on the disk. */
  readonly clutter: Clutter;
  /** Keys (`actionKey`) of the actions that are still being carried out. */
  readonly operations: ReadonlySet<string>;
}

export interface Clutter {
  /** Where builds keep their packages: a volume, BuildKit's cache (`volume` is absent then), or both. `usedAtMs`: when the last build began, as far as is known. */
  readonly caches: readonly {readonly app: AppName; readonly volume?: string; readonly usedAtMs: number; readonly isInUse: boolean}[];
  /** Apps that there are logs of builds of. */
  readonly buildLogs: readonly {readonly app: AppName}[];
  /** Images of the stack with Debian packages on top, `packages` with spaces between. `usedAtMs`: when a build last asked for it. `isInUse`: a container stands on it. */
  readonly packageImages: readonly {readonly image: ImageDigest; readonly packages: string; readonly usedAtMs: number; readonly isInUse: boolean}[];
  /** Images of releases that wait for others to look at them; `unknown`: proposals can't be read at present. Absent: there are none. */
  readonly proposed?: ReadonlyMap<AppName, readonly ImageDigest[]> | 'unknown';
  /** Less is free than builds have to find. */
  readonly isDiskLow: boolean;
  /** Somebody asks right now that nothing is kept for a while only. Absent: nobody does. */
  readonly collect?: 'garbage' | 'with-caches';
}

export interface ObservedNetwork {
  readonly id: string;
  readonly name: string;
  readonly app: AppName;
  readonly subnet: string;
  /** Some container of the app is there, in whatever state and role. */
  readonly isUsed: boolean;
}

export interface ObservedSharedNetwork {
  readonly id: string;
  readonly name: string;
  /** Sorted by name. */
  readonly apps: Pair;
  readonly subnet: string;
}

/** Two apps, sorted by name. */
export type Pair = readonly [AppName, AppName];

export interface ConnectedContainer {
  readonly id: ContainerId;
  /** Without the instance. */
  readonly name: string;
  readonly app: AppName;
  /** Of a replica, which others find by it. */
  readonly service?: ServiceName;
  /** Names of those networks of ours that it is on. */
  readonly networks: readonly string[];
  readonly isFormer?: true; // Its app has another name by now: it is on its way out.
}

export interface ObservedImage {
  readonly id: ImageDigest;
  readonly app: AppName;
  /** When it was made, or last loaded or tagged here if that was later: an image that is being deployed is among the newest. */
  readonly createdAtMs: number;
  /** Images of releases in whose place it is run on this node: it was built again from their source, and came out as another one. Absent: none. */
  readonly standsFor?: readonly ImageDigest[];
}

/** What was tried in vain to have an image again. */
export interface LostImage {
  readonly image: ImageDigest;
  readonly treeId: TreeId;
  readonly specKey: SpecHash | undefined;
  /** Why the registry did not give it. Absent: it was not asked. */
  readonly registry?: string;
  /** Why it could not be built. Absent: that was not tried. */
  readonly build?: string;
  readonly tries: number;
  /** When all is tried once more, milliseconds since 1970: why it failed may have passed by then. Absent: when the app's files change, or somebody restarts it. */
  readonly againAtMs?: number;
}

export type ObservedContainer = {
  readonly id: ContainerId;
  readonly name: string;
  readonly app: AppName;
  readonly service: ServiceName;
  readonly slot: number;
  readonly release: number;
  readonly specHash: SpecHash;
  readonly attempt: number;
  /** Failures in a row before this container was made. */
  readonly failures: number;
  readonly createdAtMs: number;
  readonly facts: ContainerFacts;
} & (
  /** Made but not started; `error` when the engine could not start it ("executable file not found in $PATH"). */
  | {readonly state: 'created'; readonly error?: string}
  | {
      readonly state: 'running';
      readonly startedAtMs: number;
      /** IPv4 in its app's network; absent when somebody disconnected it. */
      readonly address?: string;
      readonly health: Health;
      /** Why it is not as it has to be, in words that follow its name: `was changed by hand: it is paused`. Such a container is replaced. */
      readonly drift?: string;
    }
  | Ended
);

/** A container that runs a command of an app's release once. It is never started again: what has ended, has ended. */
export type ObservedJob = {
  readonly id: ContainerId;
  readonly name: string;
  readonly app: AppName;
  readonly job: Job;
  readonly release: number;
  readonly createdAtMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly stopGraceMs: number;
} & (
  | {readonly state: 'created'; readonly error?: string}
  | {readonly state: 'running'; readonly startedAtMs: number}
  | Ended
);

/** What a job is run for. */
export type Job =
  /** Before a release gets traffic. `run` names the deploy. */
  | {readonly kind: 'release'; readonly run: string}
  /** Because it is due, or somebody asked for it. `run` is of that moment. */
  | {readonly kind: 'cron'; readonly cron: CronName; readonly run: string};

export interface Ended {
  readonly state: 'exited';
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly isOutOfMemory: boolean;
}

/** A container that somebody's command has to itself: `flynn run`. */
export type ObservedRun = {
  readonly id: ContainerId;
  /** Without the instance, as of a replica. */
  readonly name: string;
  readonly app: AppName;
  /** `run.<number>` is what people call it. */
  readonly number: number;
  /** Whose environment it has. */
  readonly service: ServiceName;
  readonly release: number;
  /** Its first word; arguments may hold secrets. */
  readonly program: string;
  /** Nobody is to be connected to it: it goes on by itself, and its log is looked at afterwards. */
  readonly isDetached: boolean;
  /** Somebody is connected to it now. */
  readonly isAttended: boolean;
  readonly createdAtMs: number;
} & (
  | {readonly state: 'created'}
  | {readonly state: 'running'; readonly startedAtMs: number}
  | Ended
);

export type Health =
  /** Not probed since the reconciler started: say nothing, change nothing. */
  | {readonly state: 'unknown'}
  | {readonly state: 'starting'; readonly detail?: string}
  | {readonly state: 'healthy'}
  | {readonly state: 'unhealthy'; readonly detail: string};

/** One app's deploy, as this node's disk has it: what has to outlive the containers that showed it. */
export interface DeployRecord {
  readonly app: AppName;
  readonly deploy?: Deploy;
  /** What serves while a newer one is deployed, has failed, or is invalid. */
  readonly lastGood?: ResolvedApp;
  /** Since when it is in no commit, milliseconds since 1970; nothing else is known of it then. Absent: it is in one. */
  readonly goneAtMs?: number;
}

export type Deploy = {
  readonly treeId: TreeId;
  readonly specKey: SpecHash;
  readonly release?: number;
  readonly startedAtMs: number;
  /** The command that is run before any replica starts. Absent: none, or what it was run for serves already. */
  readonly releaseJob?: ReleaseJob;
} & (
  /** `canary`: a part of the requests goes to the new replicas. */
  | {readonly state: 'deploying'; readonly canary?: CanaryProgress}
  | {readonly state: 'healthy'; readonly endedAtMs: number; /** Replaced by blue-green. */ readonly kept?: readonly KeptSpec[]}
  | {readonly state: 'failed'; readonly endedAtMs: number; readonly cause: string; readonly container?: ContainerId}
);

/** `due`: it is to be started. `running`: it was seen to run, so it is never started again. `done`: it has succeeded. */
export interface ReleaseJob {
  readonly run: string;
  readonly state: 'due' | 'running' | 'done';
}

/** Steps count from 0. `specs`: what is tried. */
export interface CanaryProgress {
  readonly step: number;
  readonly sinceMs: number;
  readonly specs: readonly SpecHash[];
}

/** What the new replicas of a canary deploy answered in its present step, and what somebody wants to become of it. */
export interface CanarySeen {
  readonly figures: {readonly requests: number; readonly failures: number; /** Absent: there were none. */ readonly p95Ms: number | undefined};
  readonly wish?: {readonly kind: 'promote' | 'abort'; readonly by: string};
}

/** What served before a deploy and runs on without traffic until then, milliseconds since 1970, so that going back starts nothing. */
export interface KeptSpec {
  readonly specHash: SpecHash;
  readonly untilMs: number;
}

/** The commands with a schedule of one app: when each is due next, and what became of its last runs. */
export interface CronBook {
  readonly app: AppName;
  readonly crons: Readonly<Record<string, CronRecord>>;
}

export interface CronRecord {
  /** Absent: it has not been looked at yet, or is suspended. */
  readonly next?: CronNext;
  /** Sorted by id, the newest last; a bounded number. */
  readonly runs: readonly CronRun[];
}

/** `schedule`: what `dueMs` was computed from. */
export interface CronNext {
  readonly schedule: Schedule;
  readonly dueMs: number;
}

/** Written down before anything follows from it: a run that is `due` is started until it was seen to run, and never again. */
export type CronRun = {
  /** Of the moment that it was due. */
  readonly id: string;
  readonly dueMs: number;
  /** Who asked for it. Absent: its schedule. */
  readonly by?: string;
} & (
  | {readonly state: 'due'}
  | CronRunning
  | CronEnded
);

export interface CronRunning {
  readonly state: 'running';
  readonly startedAtMs: number;
  readonly release: number;
  readonly container: ContainerId;
  /** Why it is being stopped. */
  readonly stopping?: string;
}

export interface CronEnded extends Partial<Omit<CronRunning, 'state' | 'stopping'>> {
  readonly state: 'ended';
  readonly endedAtMs: number;
  /** `missed`: it was never started; with `count` it stands for several. */
  readonly result: 'succeeded' | 'failed' | 'stopped' | 'missed';
  readonly exitCode?: number;
  /** Why it did not succeed. */
  readonly cause?: string;
  readonly count?: number;
}

/** `unreachable`: it could not be asked, which says nothing of what it serves. */
export type ObservedRouter =
  | {
      readonly state: 'unreachable';
      readonly error: string;
      /** Which of the two servers does not answer, and since when as far as was seen: milliseconds since 1970. */
      readonly silentSinceMs: ReadonlyMap<DesiredSystem['role'], number>;
    }
  | {
      readonly state: 'ready';
      /** What the DNS server answers: SRV name → targets. Sorted by name, targets by address. */
      readonly names: NameTable;
      /** What Caddy is configured with; `undefined` when it is not what we loaded (by hand, or empty after a restart). */
      readonly structure: RouteStructure | undefined;
      /** What it starts from; `undefined` when that was written for other settings, by another version, or changed by hand. */
      readonly file: RouteStructure | undefined;
      /** Why Caddy did not take a host that it was to be started with, by that host's JSON. Absent: it has refused none. */
      readonly refused?: ReadonlyMap<string, string>;
      /** Of the shifts that run and are older. */
      readonly leaving: ReadonlyMap<number, LeavingShift>;
      /** Where the router itself answers for apps in maintenance. */
      readonly maintenance: Target;
      /** Requests in flight by `address:port`, through whichever shift. Absent: none. */
      readonly inFlight: ReadonlyMap<string, number>;
      /** When an `address:port` was last seen in `names`, for those that are not in it now. Absent: long ago, or never since the start. */
      readonly leftAtMs: ReadonlyMap<string, number>;
      /** Those of `leftAtMs` that connections to ports of the node went to. */
      readonly leftStreams: ReadonlySet<string>;
    };

/** SRV name, such as `_http._tcp.shop.flynn.localhost`, to the replicas behind it. */
export type NameTable = ReadonlyMap<string, readonly Target[]>;

export interface Target {
  readonly address: string;
  readonly port: number;
}
