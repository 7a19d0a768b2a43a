import {createHash} from 'node:crypto';
import type {CommitId} from '../../schemas/ids.ts';
import {releaseNumberOf} from '../../schemas/release.ts';
import type {ChangedPath} from '../access/paths.ts';
import {git, GitError} from '../adapters/git.ts';
import {NO_COMMIT, parseTree, type TreeEntry} from '../adapters/git-format.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import {pathKey} from './approvals.ts';

/** Most files and folders that two trees may differ in. */
const DIFFERENCES_MAX = 50_000;

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

/** Git's own three-way merge, of two commits that are in the repository; no branch moves, and there is no work tree (git-merge-tree(1), from 2.38 on). */
export async function mergeOf({gitdir, objects}: {readonly gitdir: string; readonly objects: ObjectReader}, {onto, tip}: {readonly onto: CommitId; readonly tip: CommitId}, signal: AbortSignal): Promise<MergeResult> {
  const {tree, conflicts} = await mergedTree(gitdir, {onto, tip}, signal);
  // While it conflicts, what the proposal itself has changed is all that can be said.
  const [from, to] = tree === undefined ? [await mergeBase(gitdir, {onto, tip}, signal), tip] : [onto, tree];
  return {...(tree !== undefined && {tree}), conflicts, changes: await changesBetween(objects, {from, to}, signal)};
}

/** The first one itself, where they have nothing in common. */
export async function mergeBase(gitdir: string, {onto, tip}: {readonly onto: CommitId; readonly tip: CommitId}, signal: AbortSignal): Promise<string> {
  return git(['merge-base', onto, tip], {gitdir}, signal).catch(() => onto);
}

/**
 * Files that two trees or commits differ in, by path: only folders that differ are read, and no process is started for it. A file that was moved is one
 * that is gone and one that has come.
 *
 * @throws when there are more than `DIFFERENCES_MAX`: a few small trees can stand for billions of paths
 */
export async function changesBetween(objects: ObjectReader, {from, to}: {readonly from: string; readonly to: string}, signal: AbortSignal): Promise<readonly ChangedFile[]> {
  const files: ChangedFile[] = [];
  const folders: {readonly path: string; readonly from: string | undefined; readonly to: string | undefined}[] = [{path: '', from: `${from}^{tree}`, to: `${to}^{tree}`}];
  let differences = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const [before, after] = await Promise.all([entriesOf(objects, folder.from, signal), entriesOf(objects, folder.to, signal)]);
    for (const {name, old, now} of differing(before, after)) {
      differences += 1;
      if (differences > DIFFERENCES_MAX) throw new Error(`more than ${DIFFERENCES_MAX} files and folders differ`);
      const path = `${folder.path}${name}`;
      if (isFolder(old ?? now)) folders.push({path: `${path}/`, from: old?.id, to: now?.id});
      else files.push({path, blob: now?.id ?? NO_COMMIT, change: old === undefined ? 'added' : now === undefined ? 'removed' : 'changed'});
    }
  }
  return files.toSorted((one, other) => (one.path < other.path ? -1 : 1));
}

interface Differing {
  readonly name: string;
  readonly old: TreeEntry | undefined;
  readonly now: TreeEntry | undefined;
}

/** Entries of a folder that are not the same before and after. What was a file and is a folder is one that is gone and one that has come. */
function differing(before: readonly TreeEntry[], after: readonly TreeEntry[]): readonly Differing[] {
  const key = ({mode, id, name}: TreeEntry) => `${mode} ${id} ${name}`;
  const [hadBefore, hasAfter] = [new Set(before.map(key)), new Set(after.map(key))];
  const kindOf = (entry: TreeEntry) => `${isFolder(entry)} ${entry.name}`;
  // Several of one name: they are not UTF-8, and only look alike.
  const gone = Map.groupBy(before.filter((entry) => !hasAfter.has(key(entry))), kindOf);
  const come = Map.groupBy(after.filter((entry) => !hadBefore.has(key(entry))), kindOf);
  return [...new Set([...gone.keys(), ...come.keys()])].flatMap((kind) => {
    const [olds = [], nows = []] = [gone.get(kind), come.get(kind)];
    return Array.from({length: Math.max(olds.length, nows.length)}, (_, index) => ({name: (olds[index] ?? nows[index])?.name ?? '', old: olds[index], now: nows[index]}));
  });
}

function isFolder(entry: TreeEntry | undefined): boolean {
  return entry?.mode === '40000';
}

async function entriesOf(objects: ObjectReader, tree: string | undefined, signal: AbortSignal): Promise<readonly TreeEntry[]> {
  if (tree === undefined) return [];
  const object = await objects.read(tree, signal);
  if (object?.type !== 'tree') throw new Error(`git tree ${tree} is missing: the repository is damaged`);
  return parseTree(object.content);
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
export async function appsIn(objects: ObjectReader, treeish: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const apps = await objects.read(`${treeish}:apps`, signal);
  return new Set(apps?.type === 'tree' ? parseTree(apps.content).filter(({mode}) => mode === '40000').map(({name}) => name) : []);
}

async function mergedTree(gitdir: string, {onto, tip}: {readonly onto: CommitId; readonly tip: CommitId}, signal: AbortSignal): Promise<{readonly tree?: string; readonly conflicts: readonly string[]}> {
  try {
    return {tree: (await git(['merge-tree', '--write-tree', '-z', '--no-messages', '--end-of-options', onto, tip], {gitdir}, signal)).split('\0')[0] ?? '', conflicts: []};
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
