import type {Readable} from 'node:stream';
import type {BuildManifest} from '../../schemas/build.ts';
import type {AppName, CommitId, ImageDigest} from '../../schemas/ids.ts';
import type {Result} from '../../schemas/result.ts';

export interface BuildRequest {
  readonly app: AppName;
  readonly sourceCommit: CommitId;
  /** `git archive` of the commit: a tar stream. Called once. */
  source(signal: AbortSignal): Readable;
  /** What app.yaml wants it to be built with. Absent: what the source says, or what is detected. */
  readonly buildpacks?: readonly string[];
  /** Commits of the source's submodules, by their folders. Absent: none. */
  readonly submodules?: Readonly<Record<string, string>>;
  /** Git LFS is in use, whatever the source says itself: of a folder of a repository, what is above it may say so. */
  readonly hasLfs?: boolean;
  /** The app's env: what a buildpack gets as files in ENV_DIR. */
  readonly env: Readonly<Record<string, string>>;
  readonly limits: BuildLimits;
  /** What app.yaml says of its Dockerfile. */
  readonly build?: BuildManifest;
  /** One line of output in Heroku's grammar (`-----> `, 7 spaces, ` !     `), without newline. */
  print(line: string): void;
}

/** From `cluster.yaml`. */
export interface BuildLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly timeMs: number;
  readonly diskBytes: number;
  /** Of the disk, what a cache that is larger is emptied for. */
  readonly cacheBytes: number;
  /** On the disk, before it begins. */
  readonly minFreeBytes: number;
  /** Of the image, with what it stands on. */
  readonly imageBytes: number;
  /** Whether a Dockerfile may be built by BuildKit, which the engine does not limit. */
  readonly isBuildkitAllowed: boolean;
}

export interface BuiltImage {
  readonly image: ImageDigest;
  /** Procfile's lines, or the buildpack's default ones. */
  readonly commands: Readonly<Record<string, readonly string[]>>;
  /** `Node.js`, `Dockerfile`, … */
  readonly builder: string;
  readonly sizeBytes: number;
  /** In the order in which they were used. Absent: a Dockerfile. */
  readonly buildpacks?: readonly UsedBuildpack[];
}

/** A buildpack that had a part in a build, so exactly that it could be had again. */
export interface UsedBuildpack {
  readonly name: string;
  /** Of one that came from a git repository. */
  readonly commit?: string;
  /** Of a tarball. */
  readonly sha256?: string;
  /** What it says that it took: `python: 3.13.5 (Debian package python3)`. */
  readonly report?: Readonly<Record<string, string>>;
}

/** Why there is no image, in words for the pusher. */
export interface BuildFailure {
  readonly reason: string;
}

/** Aborting the signal stops the build and leaves nothing behind. */
export type Build = (request: BuildRequest, signal: AbortSignal) => Promise<Result<BuiltImage, BuildFailure>>;
