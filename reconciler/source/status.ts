import type {CommitId} from '../../schemas/ids.ts';

/** How an app's source is followed. JSON as it is: the API and `flynn source --json` print it unchanged. */
export interface SourceStatus {
  /** HTTP(S), without user and password. */
  readonly git: string;
  readonly branch: string;
  readonly path?: string;
  readonly intervalSeconds: number;
  readonly hasHook: boolean;
  /**
   * `new`: not looked at yet. `deployed`: the newest commit is. `deploying`: `deploying` is built and released. `failed`: the newest commit does not
   * serve, and is not tried again. `unreachable`: the branch can't be looked at. `suspended`: nobody looks.
   */
  readonly state: 'new' | 'deployed' | 'deploying' | 'failed' | 'unreachable' | 'suspended';
  /** The newest one that was deployed, or that failed. */
  readonly commit?: CommitId;
  readonly release?: number;
  readonly deploying?: CommitId;
  /** Why it failed, or can't be looked at. */
  readonly detail?: string;
  /** ISO 8601, UTC. */
  readonly lookedAt?: string;
  readonly nextLookAt?: string;
}

export type SourceLine =
  | {readonly print: string}
  /** The last line. */
  | {readonly source: SourceStatus};

/** A webhook's request: whoever sent it has proved nothing yet. */
export interface HookRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

export type HookOutcome =
  /** Somebody looks at the branch now. */
  | {readonly result: 'accepted'}
  /** It is true, and about something else. */
  | {readonly result: 'ignored'; readonly why: string}
  | {readonly result: 'refused'}
  /** There is no such app, or it has no webhook. */
  | {readonly result: 'unknown'};
