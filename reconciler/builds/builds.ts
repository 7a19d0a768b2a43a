import type {AppName, CommitId, ImageDigest} from '../../schemas/ids.ts';
import type {Author} from '../checkout/snapshot.ts';

/** `interrupted`: the reconciler ended in the middle of it. */
export type BuildState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'interrupted';

/** Who wanted it: a push, `flynn deploy`, the poll of a source elsewhere, or a release whose image is gone. */
export type BuildOrigin = 'push' | 'deploy' | 'pull' | 'rebuild';

/** One build of an app, as it is kept beside its log, and as the API tells it. */
export interface BuildRecord {
  readonly app: AppName;
  /** From 1 on, for each app. */
  readonly number: number;
  readonly commit: CommitId;
  readonly branch?: string;
  /** Who pushed, or asked for it. */
  readonly by: string;
  readonly origin: BuildOrigin;
  readonly state: BuildState;
  /** ISO 8601, UTC, as all times here. */
  readonly queuedAt: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  /** `Node.js`, `Dockerfile`, … */
  readonly builder?: string;
  readonly image?: ImageDigest;
  /** Of the source, as a tar. */
  readonly sourceBytes?: number;
  readonly imageBytes?: number;
  /** What became of the image; absent: none was made of it, or not yet. */
  readonly release?: number;
  /** Why there is no image, or why its release does not serve. */
  readonly reason?: string;
}

export interface ListedBuild extends BuildRecord {
  /** Of one that is queued: how many have their turn before it. */
  readonly ahead?: number;
}

/** The last one tells what became of it, or how it is now when nobody wanted to wait. */
export type BuildLine = {readonly line: string} | {readonly build: ListedBuild};

/** What people may ask of builds, and do to them. */
export interface Builds {
  /** The newest first. */
  list(app: AppName, limit: number): Promise<readonly ListedBuild[]>;
  /** @throws {Refused} when there is none with this number, or not any more */
  show(app: AppName, number: number): Promise<ListedBuild>;
  /** What was printed; with `follow` until it has ended. @throws {Refused} */
  log(build: {readonly app: AppName; readonly number: number}, mode: 'follow' | 'so-far', signal: AbortSignal): AsyncIterable<BuildLine>;
  /** Ends one that is queued or running; resolves when nothing is left of it. @throws {Refused} when it has ended already */
  cancel(app: AppName, number: number, by: Author, signal: AbortSignal): Promise<ListedBuild>;
  /** What the app's builds keep for the next one, and how much that may be. */
  cache(app: AppName, signal: AbortSignal): Promise<BuildCache>;
  /** Lets it go. Resolves to what it was. @throws {Refused} while a build uses it */
  purgeCache(app: AppName, signal: AbortSignal): Promise<BuildCache>;
}

export interface BuildCache {
  readonly app: AppName;
  /** 0: there is none. */
  readonly bytes: number;
  /** From here on it is emptied before a build; absent: the cluster's manifest can't be read. */
  readonly maxBytes?: number;
}
