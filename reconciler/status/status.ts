import type {AppId, AppName, CommitId} from '../../schemas/ids.ts';
import type {NodeRoom} from '../desired/state.ts';
import type {SourceStatus} from '../source/status.ts';

/** What people see. JSON as it is: `GET /v1/status` and `flynn status --json` print it unchanged. */
export interface NodeStatus {
  readonly node: string;
  readonly cluster: string;
  readonly domain: string;
  /** Last applied commit; absent before the first pass. */
  readonly commit?: CommitId;
  /** `main@sha1:<40 hex>`. */
  readonly revision?: string;
  readonly lastPassAt?: string;
  /** ISO 8601, UTC: when the last pass ended in which nothing failed. A polling that died silently shows here. */
  readonly lastSuccessfulPassAt?: string;
  readonly conditions: readonly Condition[];
  /** Absent on a clone. */
  readonly commits?: CommitSigning;
  /** The live nodes: what their replicas may request together, and what of it nobody has requested. Empty before the first pass. */
  readonly nodes: readonly NodeRoom[];
  readonly apps: readonly AppStatus[];
  /** What somebody should look at, and nothing waits for. Absent: nothing. */
  readonly notices?: readonly string[];
}

/** Whether commits of the cluster repository have to be signed. */
export interface CommitSigning {
  readonly isRequired: boolean;
  /** What this node signs its own commits with. */
  readonly nodeKey: string;
  /** The last applied commit has it in `nodes/`. */
  readonly isNodeKeyKnown: boolean;
}

export interface AppStatus {
  readonly name: AppName;
  /** Of one that was renamed: what its things go by. */
  readonly id?: AppId;
  readonly release?: number;
  /** The release that really serves, when it is another one (a failed or unfinished deploy). */
  readonly servingRelease?: number;
  readonly urls: readonly string[];
  /** TCP ports of the node that lead to its services. Absent: none. */
  readonly ports?: readonly {readonly port: number; readonly service: string; readonly sni?: string}[];
  /** Its URLs answer 503 with a page that says so. */
  readonly isInMaintenance?: boolean;
  /** Where its source is followed. Absent: it is pushed to this cluster. */
  readonly source?: SourceStatus;
  readonly services: readonly ServiceStatus[];
  /** Commands that people run, oldest first; of those that have ended the ones that are kept. */
  readonly runs: readonly RunStatus[];
  readonly conditions: readonly Condition[];
  /** What is not done yet, and on what it waits: the planner's own words. */
  readonly waiting: readonly string[];
  /** What somebody should look at, and nothing waits for. Absent: nothing. */
  readonly notices?: readonly string[];
}

export interface ServiceStatus {
  readonly name: string;
  readonly command: readonly string[];
  readonly wanted: number;
  /** Why some of them have no place on any node; absent: all have one. */
  readonly waitsFor?: string;
  readonly healthy: number;
  readonly replicas: readonly ReplicaStatus[];
}

export interface ReplicaStatus {
  /** `web.1` */
  readonly name: string;
  readonly containerId: string;
  readonly release: number;
  /** `starting`, `up`, `unhealthy`, `crashed`, `stopping` */
  readonly state: 'starting' | 'up' | 'unhealthy' | 'crashed' | 'stopping';
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly detail?: string;
}

export interface RunStatus {
  /** `run.4821` */
  readonly name: string;
  readonly containerId: string;
  readonly release: number;
  /** First word of its command; the others may be secrets. */
  readonly program: string;
  readonly isDetached: boolean;
  readonly state: 'starting' | 'up' | 'stopping' | 'ended';
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly detail?: string;
}

/** As Kubernetes and Flux have it: `Ready`, `Reconciling`, `Stalled`. */
export interface Condition {
  readonly type: 'Ready' | 'Reconciling' | 'Stalled';
  readonly status: boolean;
  /** CamelCase, for programs. */
  readonly reason: string;
  /** A sentence, for people. */
  readonly message: string;
  readonly commit: CommitId;
  /** ISO 8601, UTC: when `status` or `reason` last changed. */
  readonly since: string;
}

/** One thing that happened: a line of `flynn up` and of the event log. */
export interface FlynnEvent {
  readonly at: string;
  readonly app?: AppName;
  readonly kind: string;
  readonly message: string;
  /** Why, where the message does not say it already. */
  readonly reason?: string;
  /** The commit that is being followed, or that this is about. */
  readonly commit?: CommitId;
  /** Who: the author of the commit, or `flynn` for what follows from it. */
  readonly actor?: string;
  readonly release?: number;
  /** First 12 digits of its id. */
  readonly container?: string;
}
