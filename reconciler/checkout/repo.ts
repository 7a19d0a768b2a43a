import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {AppCommit} from './history.ts';
import type {ClusterRepo, Snapshot} from './snapshot.ts';

/** A cluster repository that remembers how far it was applied. All kinds keep a bare repository on this node's disk (rule 6). */
export interface FollowedRepo extends ClusterRepo {
  /** A commit that is on this disk, whatever has become of the branch: after `HistoryRewritten`, and after a start without network. */
  snapshotAt(commit: CommitId, signal: AbortSignal): Promise<Snapshot>;
  /** Keeps this commit alive, and from now on follows only its descendants. */
  markApplied(commit: CommitId, signal: AbortSignal): Promise<void>;
  lastApplied(signal: AbortSignal): Promise<CommitId | undefined>;
  /** Highest release number that the app ever had: numbers of failed and reverted releases are not used again. 0: none. */
  nextReleaseFloor(app: AppName, signal: AbortSignal): Promise<number>;
  /** What became of the app, newest first; a bounded number. */
  history(app: AppName, signal: AbortSignal): Promise<readonly AppCommit[]>;
  /** The text of a file at a commit; undefined when there is none, or it is no manifest: too large, or not text. */
  textAt(commit: CommitId, path: string, signal: AbortSignal): Promise<string | undefined>;
  /** Asks the source now instead of at the next poll. */
  refresh(signal: AbortSignal): Promise<void>;
  /** Why the source can't be asked at present, for people. `snapshot()` goes on with what is on this disk. */
  problem(): SyncProblem | undefined;
  /** Ends the processes that it keeps. */
  close(): void;
}

export interface SyncProblem {
  readonly message: string;
  /** Milliseconds since 1970: when it first failed. */
  readonly sinceMs: number;
}

/** Looks at what changed between two commits; what it answers is refused. `before` is absent for the first commit. */
export type CommitCheck = (change: {readonly before: Snapshot | undefined; readonly after: Snapshot}, signal: AbortSignal) => Promise<readonly Diagnostic[]>;

/** The branch no longer contains the commit that was last applied: somebody force-pushed. Followed only when told so, by `markApplied(to)`. */
export class HistoryRewritten extends Error {
  override name = 'HistoryRewritten';
  readonly applied: CommitId;
  readonly tip: CommitId;

  constructor({applied, tip}: {applied: CommitId; tip: CommitId}) {
    super(`history was rewritten: ${tip.slice(0, 8)} is not a descendant of ${applied.slice(0, 8)}, which was applied last`);
    this.applied = applied;
    this.tip = tip;
  }
}
