import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {AppName, BlobId, CommitId, TreeId} from '../../schemas/ids.ts';

/**
 * The cluster repository at one commit, cut into the pieces that are parsed together.
 * Two snapshots with the same tree id of an app have the same files of it: nothing has to be read or parsed again.
 */
export interface Snapshot {
  readonly commit: CommitId;
  /** Committer's time, milliseconds since 1970. */
  readonly committedAtMs: number;
  /** Name of who made it, and the first line of what he says of it; absent where there is no git. */
  readonly author?: string;
  readonly subject?: string;
  /** Files outside of `apps/`: cluster.yaml, nodes/…. Their tree ids folded into one. */
  readonly shared: Piece;
  /** Sorted by name. Every entry of `apps/` that is a folder, whatever its name. */
  readonly apps: readonly AppPiece[];
}

export interface Piece {
  readonly treeId: TreeId;
  /** Reads the files, once. Paths from the repository's root. Rejects when git can't read them: never answers with fewer. */
  files(signal: AbortSignal): Promise<readonly ManifestFile[]>;
  /** What is in memory of its files, or of those that it had in an earlier commit: for the next one, which has most of them. */
  known?(): readonly ManifestFile[];
}

export interface AppPiece extends Piece {
  readonly name: AppName;
}

export type ManifestFile = {
  readonly path: string;
} & (
  | {readonly kind: 'text'; readonly blobId: BlobId; readonly text: string}
  /** A symlink, submodule, or something too large: never followed, reported as a problem. */
  | {readonly kind: 'refused'; readonly why: string}
);

/** What the loop follows. Implementations: our own bare repository, a remote one, a plain folder. */
export interface ClusterRepo {
  /** The newest commit that may be applied. Cheap when nothing changed. Rejects when it can't be known. */
  snapshot(signal: AbortSignal): Promise<Snapshot>;
  /** Commits an edit on the tip and publishes it, without force. See `commits/`. */
  commit(change: Change, signal: AbortSignal): Promise<Committed>;
  /** Of a commit by its first digits, or all of them. `applied`: the commit that a node follows. Undefined: there is none. */
  facts(commit: string, applied: CommitId | undefined, signal: AbortSignal): Promise<CommitFacts | undefined>;
  /** Calls back soon after the tip may have moved. */
  watch(onMove: () => void, signal: AbortSignal): void;
}

/** What a commit changed, and how far it has come. */
export interface CommitFacts {
  readonly commit: CommitId;
  /** Apps that it changed, brought or took. */
  readonly apps: readonly AppName[];
  /** It changed something beside apps. */
  readonly isShared: boolean;
  /** It is in main. */
  readonly isMerged: boolean;
  /** A node has it. */
  readonly isApplied: boolean;
}

export interface Change {
  /** Pure; run again on the new tip when somebody else was faster. Throws an `EditRefused` to give up. */
  readonly edit: Edit;
  readonly message: string;
  /** Takes the place of the message's first line: made of what the edit finds, with each try, and as pure as the edit. */
  readonly subject?: (read: Parameters<Edit>[0]) => string;
  readonly author: Author;
  /** Same id, same commit: a retry after a lost answer finds its own commit. Trailer `Flynn-Operation`. */
  readonly operationId: string;
  /** What the edit runs on, instead of the tip itself: the tip with another commit merged into it, which becomes the second parent where it is named. Called again for each new tip. */
  merge?(tip: CommitId, signal: AbortSignal): Promise<{readonly tree: string; readonly parent?: CommitId}>;
  /** Published whatever the check would say: for going back to what there was, which must not depend on other people's mistakes. */
  readonly isUnchecked?: true;
  /** What its author has seen: it is published only when nothing at `path` is another than in one of these commits. Throws `StaleRead`. */
  readonly seen?: {readonly commits: readonly string[]; /** Empty: everything. */ readonly path: string};
}

/** `undefined` for a file, or a whole folder, removes it. Files that are not named stay. */
export type Edit = (read: (path: string) => string | undefined, list: (folder: string) => readonly string[]) => Readonly<Record<string, string | undefined>>;

export interface Author {
  readonly name: string;
  readonly email: string;
}

export interface Committed {
  readonly commit: CommitId;
  /** False: the tip had it already. */
  readonly isNew: boolean;
  /** What the change came to be called, where it has a `subject`. */
  readonly subject?: string;
}

/** The edit can't be made on what is there, and trying again won't help. The message is for people. */
export class EditRefused extends Error {
  override name = 'EditRefused';
  /** What would be wrong in manifests; the message says the same. */
  readonly problems: readonly Diagnostic[];

  constructor(message: string, {problems = [], ...options}: ErrorOptions & {readonly problems?: readonly Diagnostic[]} = {}) {
    super(message, options);
    this.problems = problems;
  }
}

/** What was asked for by its number is not there. */
export class NothingThere extends EditRefused {
  override name = 'NothingThere';
}

/** What the author of a change has seen is not what is there any more. */
export class StaleRead extends Error {
  override name = 'StaleRead';
}
