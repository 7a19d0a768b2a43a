import {git, GitError} from '../adapters/git.ts';
import {ReleaseRefused} from '../release/refused.ts';
import type {SourceOf} from './build-commit.ts';

/** Variable of an app whose source is a folder of its repository, as others call it too (Heroku's subdirectory buildpacks). */
export const PROJECT_PATH = 'PROJECT_PATH';

/**
 * A commit of one folder of a commit, with the same time: what is archived of it is the folder as if it were the repository. The same commit and folder
 * give the same one; nothing refers to it, so that git drops it in its own time.
 *
 * @throws {ReleaseRefused} when the commit has no such folder
 */
export async function subtreeCommit({commit, gitdir, env}: Omit<SourceOf, 'commit'> & {readonly commit: string}, {name, folder}: {/** Where it is said. */ readonly name: string; readonly folder: string}, signal: AbortSignal): Promise<string> {
  const steps = stepsOf(folder);
  if (steps.includes('..')) throw new ReleaseRefused(`${name} is "${folder}", which is no folder of the app's repository`);
  if (steps.length === 0) return commit;
  const tree = await git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}:${steps.join('/')}`], {gitdir, env}, signal).catch(() => undefined);
  const isFolder = tree !== undefined && await git(['cat-file', '-t', tree], {gitdir, env}, signal) === 'tree';
  signal.throwIfAborted();
  if (!isFolder) throw new ReleaseRefused(`${name} is "${folder}", and commit ${commit.slice(0, 8)} has no such folder`);
  const date = await git(['show', '--no-patch', '--format=%ct +0000', '--end-of-options', commit], {gitdir, env}, signal);
  const person = {NAME: 'flynn', EMAIL: 'flynn@localhost', DATE: date};
  const identity = Object.fromEntries(['AUTHOR', 'COMMITTER'].flatMap((role) => Object.entries(person).map(([field, value]) => [`GIT_${role}_${field}`, value])));
  return git(['commit-tree', tree, '-m', `${steps.join('/')} of ${commit}`], {gitdir, env: {...env, ...identity}}, signal);
}

/** Whether Git LFS is in use in a folder because of what the folders above it say: of that an archive of the folder alone has nothing. */
export async function hasLfsFromAbove({commit, gitdir, env}: Pick<SourceOf, 'commit' | 'gitdir' | 'env'>, folder: string, signal: AbortSignal): Promise<boolean> {
  const steps = stepsOf(folder);
  const files = steps.map((_, depth) => `:(literal)${[...steps.slice(0, depth), '.gitattributes'].join('/')}`);
  if (files.length === 0) return false;
  try {
    await git(['grep', '--quiet', '--word-regexp', '-e', 'filter=lfs', commit, '--', ...files], {gitdir, env}, signal);
    return true;
  } catch (error) {
    if (error instanceof GitError && error.exitCode === 1) return false;
    throw error;
  }
}

function stepsOf(folder: string): readonly string[] {
  return folder.split('/').filter((step) => step !== '' && step !== '.');
}
