import type {AppName, CommitId} from '../../schemas/ids.ts';
import path from 'node:path';
import {fail, type Result} from '../../schemas/result.ts';
import type {BuildFailure, BuiltImage} from '../build/build.ts';
import {git, GitError} from '../adapters/git.ts';
import {buildInputs} from './build-inputs.ts';
import type {GitDeps} from './deps.ts';
import {PushRejected} from './push.ts';
import {archive} from './source.ts';

export interface Rebuilding {
  readonly app: AppName;
  readonly commit: CommitId;
  /** One line of the build's output. */
  print(line: string): void;
}

/** Builds a commit that was pushed once, with what the cluster repository says today of the app's environment and of limits. Nothing is released. */
export async function rebuild({layout, repo, build}: Pick<GitDeps, 'layout' | 'repo' | 'build'>, {app, commit, print}: Rebuilding, signal: AbortSignal): Promise<Result<BuiltImage, BuildFailure>> {
  const gitdir = path.join(layout.sources, `${app}.git`);
  if (!await hasCommit(gitdir, commit, signal)) return fail({reason: `commit ${commit.slice(0, 8)} is not in the app's repository on this node: push it`});
  try {
    const {env, limits} = await buildInputs(app, await repo.snapshot(signal), signal);
    return await build({app, sourceCommit: commit, source: (until) => archive({gitdir, commit, env: {}}, until), env, limits, print}, signal);
  } catch (error) {
    if (!(error instanceof PushRejected)) throw error;
    return fail({reason: error.lines.map((line) => line.replace(/^ !\s+Push rejected, /, '')).join('\n')});
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
