import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {ReleasedService, SourceManifest} from '../../schemas/release.ts';
import type {Author, Change} from '../checkout/snapshot.ts';
import type {Fate} from './past.ts';

/** What a node can tell of releases, and the releases that it makes itself. What it answers is JSON, as the API sends it. */
export interface Releases {
  /** Newest first. */
  list(app: AppName, limit: number, signal: AbortSignal): Promise<ReleaseList>;
  /** @throws {EditRefused} when the app never had it */
  show(app: AppName, number: number, signal: AbortSignal): Promise<ReleaseDetails>;
  /** Every commit that changed the app, newest first. */
  history(app: AppName, limit: number, signal: AbortSignal): Promise<readonly HistoryEntry[]>;
  /** The commit that has changed again what `commit` says of the app, as `at` has it. Undefined: what it says is still so. */
  overtaken(app: AppName, which: {readonly commit: CommitId; readonly at: CommitId}, signal: AbortSignal): Promise<Overtaken | undefined>;
  /** What a rollback would change. @throws {EditRefused} when it can't be made, with the reason */
  preview(app: AppName, wish: RollbackWish, signal: AbortSignal): Promise<RollbackPreview>;
  /** Makes a release that repeats an earlier one, waits until it serves, and takes it back if it does not. */
  rollback(app: AppName, wish: RollbackWish, who: Wisher): AsyncIterable<ReleaseLine>;
  /** Whether the current release stands on the run image of today. */
  rebasePreview(app: AppName, signal: AbortSignal): Promise<RebasePreview>;
  /** Makes a release of the same app on the run image of today. */
  rebase(app: AppName, who: Wisher): AsyncIterable<ReleaseLine>;
  /** Makes a release of an image that was built elsewhere. */
  deployImage(app: AppName, wish: ImageWish, who: Wisher): AsyncIterable<ReleaseLine>;
}

export interface Wisher {
  readonly author: Author;
  /** His file below `people/`. Absent: he has none. */
  readonly user?: string;
  /** The release is proposed instead of made, with this title; empty: as it is called. */
  readonly propose?: string;
  /** The same id joins what was begun with it: nothing is done twice because an answer was lost. */
  readonly operationId: string;
  /** What he has seen of the app: see `Change`. */
  readonly seen?: NonNullable<Change['seen']>;
  /** Who listens no longer stops listening; the release goes on. */
  readonly signal: AbortSignal;
}

export interface ReleaseList {
  /** The number of the release that git wants; absent: none. */
  readonly current?: number;
  /** The release that serves on this node, when it is another one. */
  readonly serving?: number;
  readonly releases: readonly ReleaseSummary[];
}

export interface ReleaseSummary {
  readonly number: number;
  readonly state: Fate['kind'];
  /** Why it failed, or who reverted it. */
  readonly detail?: string;
  /** `Deploy 1a2b3c4d`, `Rollback to v3`, `Deploy nginx:1.27` */
  readonly description: string;
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly commit: CommitId;
  readonly rollbackOf?: number;
}

export interface ReleaseDetails extends ReleaseSummary {
  readonly image: string;
  readonly isImageHere: boolean;
  readonly source: SourceManifest;
  readonly services: Readonly<Record<string, ReleasedService>>;
  /** Names of what was configured otherwise while the release before it was current; never values. */
  readonly changes: readonly string[];
}

export interface HistoryEntry {
  readonly commit: CommitId;
  readonly at: string;
  readonly by: string;
  readonly subject: string;
  /** The release that was current after it. */
  readonly current?: number;
  /** Of a merged proposal: who wrote it, and who has approved it. `by` has merged it. */
  readonly proposal?: {readonly number: number; readonly by: string; readonly approvedBy: readonly string[]};
}

/** A later commit than the one that somebody waits for. */
export interface Overtaken {
  readonly commit: CommitId;
  readonly by: string;
  readonly subject: string;
}

export interface RollbackWish {
  /** Absent: the one before the current one. */
  readonly to?: number;
  /** The configuration stays as it is. */
  readonly isCodeOnly: boolean;
  /** The release that the wish was made on: refused when it is not the current one any more. */
  readonly from?: number;
}

export interface RollbackPreview {
  readonly from: number;
  readonly to: number;
  /** Of the release that is gone back to. */
  readonly description: string;
  readonly image: string;
  /** Otherwise it is built again from its source first. */
  readonly isImageHere: boolean;
  /** `env.LOG_LEVEL changed`: names only, never values. */
  readonly changes: readonly string[];
}

/** `fixed`: it can't be put onto another image, for this reason. */
export type RebasePreview = {readonly app: AppName; /** Absent: there is none. */ readonly release?: number} & (
  | {readonly state: 'current' | 'outdated'}
  | {readonly state: 'fixed'; readonly reason: string}
);

export interface ImageWish {
  /** A name, a name with a digest, or an id. */
  readonly image: string;
  /** The registry is asked although the engine has it. */
  readonly isPulled: boolean;
  readonly service: string;
  /** Empty: the image's own command. */
  readonly command: readonly string[];
  /** Absent: what the image exposes. */
  readonly port?: number;
}

export type ReleaseLine =
  | {readonly print: string}
  | {readonly outcome: ReleaseOutcome};

export type ReleaseOutcome =
  | {readonly result: 'healthy'; readonly release: number; readonly urls: readonly string[]}
  /** `log`: the last lines of the container that failed. */
  | {readonly result: 'failed'; readonly release: number; readonly cause: string; readonly log: readonly string[]; /** Git does not name it any more. */ readonly isTakenBack: boolean}
  /** It waits for others: it is deployed when they have merged it, perhaps under another number. */
  | {readonly result: 'proposed'; readonly release: number; readonly proposal: number}
  /** Another release is the current one meanwhile. */
  | {readonly result: 'superseded'; readonly release: number; readonly by: number}
  | {readonly result: 'removed'; readonly release: number};
