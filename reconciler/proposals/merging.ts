import {createHash} from 'node:crypto';
import type {CommitId} from '../../schemas/ids.ts';
import {releaseNumberOf} from '../../schemas/release.ts';
import type {ChangedPath} from '../access/paths.ts';
import {git, GitError} from '../adapters/git.ts';
import {pathKey} from './approvals.ts';

/** What a proposal makes of main as it is now. */
export interface MergeResult {
  /** Tree of main with the proposal in it. Absent: both have changed the same lines. */
  readonly tree?: string;
  /** Files that both have changed, in different ways. */
  readonly conflicts: readonly string[];
  /** Against main. */
  readonly changes: readonly ChangedFile[];
}

export interface ChangedFile {
  readonly path: string;
  readonly change: 'added' | 'changed' | 'removed';
  /** Id of its content afterwards; of what is gone 40 zeros. */
  readonly blob: string;
}

/**
 * Git's own three-way merge, of two commits that are in the repository; no branch moves, and there is no work tree (git-merge-tree(1), from 2.38 on).
 * `env` and `gitdir`: where git finds the objects.
 */
export async function mergeOf(where: {readonly gitdir: string; readonly env?: Readonly<Record<string, string>>}, {onto, tip}: {readonly onto: CommitId; readonly tip: CommitId}, signal: AbortSignal): Promise<MergeResult> {
  const {tree, conflicts} = await mergedTree(where, {onto, tip}, signal);
  // While it conflicts, what the proposal itself has changed is all that can be said.
  const [from, to] = tree === undefined ? [await git(['merge-base', onto, tip], where, signal).catch(() => onto), tip] : [onto, tree];
  return {...(tree !== undefined && {tree}), conflicts, changes: await changesBetween(where, {from, to}, signal)};
}

/** Files that two trees or commits differ in. A file that was moved is one that is gone and one that has come. */
export async function changesBetween(where: {readonly gitdir: string; readonly env?: Readonly<Record<string, string>>}, {from, to}: {readonly from: string; readonly to: string}, signal: AbortSignal): Promise<readonly ChangedFile[]> {
  const words = (await git(['diff-tree', '-r', '-z', '--no-renames', '--raw', '--no-abbrev', '--end-of-options', from, to], where, signal)).split('\0');
  const files: ChangedFile[] = [];
  // `:100644 100644 <blob> <blob> M`, and its path.
  for (let at = 0; at + 1 < words.length; at += 2) {
    const [, blob = '', status = ''] = /^:\d+ \d+ [0-9a-f]{40} ([0-9a-f]{40}) ([A-Z])/.exec(words[at] ?? '') ?? [];
    files.push({path: words[at + 1] ?? '', blob, change: status === 'A' ? 'added' : status === 'D' ? 'removed' : 'changed'});
  }
  return files;
}

/** Names what a proposal makes of the files that it changes: an approval is for this, and for nothing else. */
export function resultOf(changes: readonly ChangedFile[]): string {
  const lines = changes.filter((file) => !isPruned(file)).map(({path, blob}) => `${pathKey(path)} ${blob}\n`).toSorted();
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/** For the rights that each takes. */
export function pathsOf(changes: readonly ChangedFile[], {before, after}: {readonly before: ReadonlySet<string>; readonly after: ReadonlySet<string>}): readonly ChangedPath[] {
  return changes.map(({path}) => {
    const app = /^apps\/([^/]+)\//.exec(path)?.[1];
    return {path, before: app === undefined || before.has(app), after: app === undefined || after.has(app)};
  });
}

/** Names of the apps that a commit or a tree has. */
export async function appsIn(where: {readonly gitdir: string; readonly env?: Readonly<Record<string, string>>}, treeish: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const listed = await git(['ls-tree', '-d', '-z', '--name-only', '--end-of-options', treeish, 'apps/'], where, signal);
  return new Set(listed.split('\0').filter((path) => path !== '').map((path) => path.slice('apps/'.length)));
}

async function mergedTree(where: {readonly gitdir: string; readonly env?: Readonly<Record<string, string>>}, {onto, tip}: {readonly onto: CommitId; readonly tip: CommitId}, signal: AbortSignal): Promise<{readonly tree?: string; readonly conflicts: readonly string[]}> {
  try {
    return {tree: (await git(['merge-tree', '--write-tree', '-z', '--no-messages', '--end-of-options', onto, tip], where, signal)).split('\0')[0] ?? '', conflicts: []};
  } catch (error) {
    if (!(error instanceof GitError) || error.exitCode !== 1) throw error;
    // Stages of the same file have a line each: `100644 <blob> 2\tapps/shop/app.yaml`.
    const files = error.stdout.split('\0').slice(1).flatMap((line) => /^\d+ [0-9a-f]{40} [1-3]\t(.+)$/s.exec(line)?.[1] ?? []);
    return {conflicts: [...new Set(files)].filter((path) => path !== '')};
  }
}

/** Old releases go when a new one comes. */
function isPruned({path, change}: ChangedFile): boolean {
  const [, file] = /^apps\/[^/]+\/releases\/(.*)$/.exec(path) ?? [];
  return change === 'removed' && file !== undefined && releaseNumberOf(file) !== undefined;
}
