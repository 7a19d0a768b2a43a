import type {AppName, CommitId} from '../../schemas/ids.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import type {BuildFailure, BuiltImage} from '../build/build.ts';
import type {BuildService} from '../builds/service.ts';
import {git, GitError} from '../adapters/git.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {COMMITTER} from '../commits/writer.ts';
import {ReleaseRefused} from '../release/refused.ts';
import {buildCommit} from './build-commit.ts';

export interface RebuildParts {
  /** The repository of an app's source. */
  sourceOf(app: AppName): string;
  readonly repo: Pick<FollowedRepo, 'snapshot'>;
  readonly builds: BuildService;
}

export interface Rebuilding {
  readonly app: AppName;
  readonly commit: CommitId;
  /** As of `SourceOf`. */
  readonly folder?: string;
  /** One line of the build's output. */
  print(line: string): void;
}

/** Builds a commit that was pushed once, with what the cluster repository says today of the app's environment and of limits. Nothing is released. */
export async function rebuild({sourceOf, ...parts}: RebuildParts, {app, commit, folder, print}: Rebuilding, signal: AbortSignal): Promise<Result<BuiltImage, BuildFailure>> {
  const gitdir = sourceOf(app);
  if (!await hasCommit(gitdir, commit, signal)) return fail({reason: `commit ${commit.slice(0, 8)} is not in the app's repository on this node: push it`});
  try {
    return ok(await buildCommit(parts, {app, commit, gitdir, print, by: COMMITTER, origin: 'rebuild', ...(folder !== undefined && {folder})}, signal));
  } catch (error) {
    if (!(error instanceof ReleaseRefused)) throw error;
    return fail({reason: [...error.details, error.message].join('\n')});
  }
}

export async function hasCommit(gitdir: string, commit: string, signal: AbortSignal): Promise<boolean> {
  try {
    await git(['cat-file', '-e', `${commit}^{commit}`], {gitdir}, signal);
    return true;
  } catch (error) {
    // It ended with a status: there is no such commit, or no such repository.
    if (error instanceof GitError && error.exitCode !== undefined) return false;
    throw error;
  }
}
