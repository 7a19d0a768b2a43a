import {randomBytes} from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import type {CommitId} from '../../schemas/ids.ts';
import {git, GitError} from '../adapters/git.ts';
import {isAncestor} from './bare.ts';

/**
 * Names, in the repository's folder, the last commit of which somebody said that its deletions are meant. On disk, so that a restart
 * does not forget it; not a ref, because it is said before the commit is in the repository.
 */
const CONFIRMED = 'flynn-delete-confirmed';

/** The commit may still be on its way: it has to be confirmed before a branch is moved to it, or a node would hold it back. */
export async function confirmDelete(gitdir: string, commit: CommitId, signal: AbortSignal): Promise<void> {
  const unfinished = path.join(gitdir, `${CONFIRMED}.${randomBytes(4).toString('hex')}`);
  try {
    await fs.writeFile(unfinished, `${commit}\n`, {signal});
    await fs.rename(unfinished, path.join(gitdir, CONFIRMED));
  } finally {
    await fs.rm(unfinished, {force: true});
  }
}

/** True when the deletions were confirmed with this commit, or with one before it that was not applied yet. Once applied, a confirmation is used up. */
export async function isDeleteConfirmed(gitdir: string, {commit, applied}: {commit: CommitId; applied: CommitId | undefined}, signal: AbortSignal): Promise<boolean> {
  const confirmed = await read(gitdir, signal);
  if (confirmed === undefined) return false;
  if (confirmed === commit) return true;
  // It was confirmed, and its push was refused after all.
  if (!await isHere(gitdir, confirmed, signal)) return false;
  if (!await isAncestor(gitdir, {ancestor: confirmed, of: commit}, signal)) return false;
  return applied !== undefined && !await isAncestor(gitdir, {ancestor: confirmed, of: applied}, signal);
}

async function read(gitdir: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const text = await fs.readFile(path.join(gitdir, CONFIRMED), {encoding: 'utf8', signal});
    return /^[0-9a-f]{40}$/.test(text.trim()) ? text.trim() : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function isHere(gitdir: string, commit: string, signal: AbortSignal): Promise<boolean> {
  try {
    await git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^{commit}`], {gitdir}, signal);
    return true;
  } catch (error) {
    if (error instanceof GitError && error.exitCode === 1) return false;
    throw error;
  }
}
