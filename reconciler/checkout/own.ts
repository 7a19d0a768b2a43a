import {randomBytes} from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import {COMMITTER, writer} from '../commits/writer.ts';
import {git} from '../adapters/git.ts';
import {EMPTY_TREE, NO_COMMIT} from '../adapters/git-format.ts';
import {ObjectReader} from '../adapters/git-objects.ts';
import {RefMover} from '../adapters/git-refs.ts';
import {durableWriter, moveRef, type SignCommit} from '../adapters/git-write.ts';
import {watchFiles} from '../adapters/watch-files.ts';
import {runEdit} from '../commits/run-edit.ts';
import {BareBranch} from './bare.ts';
import {factsOf} from './changes.ts';
import {appHistory} from './history.ts';
import {releaseFloors} from './releases.ts';
import type {CommitCheck, FollowedRepo} from './repo.ts';
import type {Author} from './snapshot.ts';
import {afterCommits} from './upkeep.ts';

export const MAIN = 'refs/heads/main';
/** How often the tip is looked at although nothing called, in milliseconds: inotify can lose an event. */
const SAFETY_POLL_MS = 5000;

/** Our own bare repository: pushes come in through `receive/`, our commits through `commit`. It has to exist, see `createOwnRepo`. */
export function ownRepo({gitdir, check, sign}: {gitdir: string; check?: CommitCheck; sign?: SignCommit}): FollowedRepo {
  const branch = new BareBranch({gitdir, ref: MAIN, kind: 'own'});
  const floors = releaseFloors(gitdir);
  const tidyUp = afterCommits(gitdir);
  const refs = new RefMover({gitdir, reason: 'commit'});

  const tip = async (signal: AbortSignal) => {
    const commit = await branch.tip(signal);
    if (commit === undefined) throw new Error(`the cluster repository "${gitdir}" has no branch "main"`);
    return commit;
  };

  const commit = writer({
    gitdir,
    objects: branch.objects,
    sign,
    freshTip: tip,
    check: async ({from, to}, signal) => (check === undefined ? [] : check({before: await branch.snapshotAt(from, signal), after: await branch.snapshotAt(to, signal)}, signal)),
    publish: async ({from, to}, signal) => (await refs.move({ref: MAIN, from, to}, signal) ? 'published' : 'moved'),
  });

  return {
    snapshot: (signal) => branch.snapshot(signal),
    snapshotAt: (at, signal) => branch.snapshotAt(at, signal),
    markApplied: (at, signal) => branch.markApplied(at, signal),
    lastApplied: (signal) => branch.lastApplied(signal),
    nextReleaseFloor: async (app, signal) => floors(app, await tip(signal), signal),
    history: async (app, signal) => appHistory(branch, {app, tip: await tip(signal)}, signal),
    facts: async (name, applied, signal) => factsOf(branch, {name, tip: await tip(signal), applied}, signal),
    textAt: (at, file, signal) => branch.textAt(at, file, signal),
    refresh: async () => {},
    problem: () => undefined,
    async commit(change, signal) {
      const done = await commit(change, signal);
      if (done.isNew) tidyUp();
      return done;
    },
    watch: (onMove, signal) => watchBranch(branch, onMove, signal),
    close() {
      branch.objects.close();
      refs.close();
    },
  };
}

/** Calls back when a branch of a repository on this disk may have moved: by an event, and every few seconds by a look. */
export function watchBranch(branch: BareBranch, onMove: () => void, signal: AbortSignal): void {
  watchRefs(branch.gitdir, onMove, signal);
  let before: string | undefined;
  const look = async () => {
    // What can't be read now is read by the pass, which tells people.
    const tip = await branch.tip(signal).catch(() => undefined);
    if (before !== undefined && tip !== undefined && tip !== before) onMove();
    before = tip ?? before;
  };
  void look();
  const timer = setInterval(look, SAFETY_POLL_MS);
  signal.addEventListener('abort', () => clearInterval(timer), {once: true});
}

/** Calls back when a ref of a bare repository on this disk may have moved. */
export function watchRefs(gitdir: string, onMove: () => void, signal: AbortSignal): void {
  const paths = [path.join(gitdir, 'refs', 'heads'), path.join(gitdir, 'packed-refs')];
  // Without events the poll still finds it.
  const onError = () => {};
  watchFiles({paths, onError}, (changed) => {
    if (!changed.endsWith('.lock')) onMove();
  }, signal);
}

/** Makes a bare repository whose first commit has the given files (path → text), unless there is one already. */
export async function createOwnRepo({gitdir, files, author, sign}: {gitdir: string; files: Readonly<Record<string, string>>; author: Author; sign?: SignCommit}, signal: AbortSignal): Promise<void> {
  if (await isRepository(gitdir)) return;
  await createWhole(gitdir, async (unfinished) => {
    await emptyRepository({gitdir: unfinished, settings: SETTINGS}, signal);
    await firstCommit({gitdir: unfinished, files, author, sign}, signal);
  });
}

/** An empty bare repository with the settings that all of ours have. */
export async function initBare(gitdir: string, signal: AbortSignal): Promise<void> {
  await initBareWith({gitdir, settings: {}}, signal);
}

/** The same, with more settings from its first moment on. */
export async function initBareWith({gitdir, settings}: {gitdir: string; settings: Readonly<Record<string, string>>}, signal: AbortSignal): Promise<void> {
  await createWhole(gitdir, (unfinished) => emptyRepository({gitdir: unfinished, settings: {...SETTINGS, ...settings}}, signal));
}

export async function isRepository(gitdir: string): Promise<boolean> {
  return fs.stat(path.join(gitdir, 'HEAD')).then(() => true, () => false);
}

const SETTINGS = {
  // Who moved a branch, and from where: the way back after a mistake.
  'core.logAllRefUpdates': 'true',
  // Our own notes are nobody else's to see or to move.
  'transfer.hideRefs': 'refs/flynn',
} as const;

/** Makes it aside: a half-made repository never stands at its place, whenever we are killed. */
async function createWhole(gitdir: string, make: (unfinished: string) => Promise<void>): Promise<void> {
  await fs.mkdir(path.dirname(gitdir), {recursive: true});
  const unfinished = `${gitdir}.${randomBytes(4).toString('hex')}.new`;
  try {
    await make(unfinished);
    await fs.rename(unfinished, gitdir);
  } catch (error) {
    // Two at once, and the other one was faster.
    if (!isTaken(error) || !await isRepository(gitdir)) throw error;
  } finally {
    await fs.rm(unfinished, {recursive: true, force: true});
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST');
}

async function emptyRepository({gitdir, settings}: {gitdir: string; settings: Readonly<Record<string, string>>}, signal: AbortSignal): Promise<void> {
  await git(['init', '--quiet', '--bare', '--template=', '--initial-branch=main', '--', gitdir], {}, signal);
  for (const [key, value] of Object.entries(settings)) await git(['config', key, value], {gitdir}, signal);
}

async function firstCommit({gitdir, files, author, sign}: {gitdir: string; files: Readonly<Record<string, string>>; author: Author; sign: SignCommit | undefined}, signal: AbortSignal): Promise<void> {
  const objects = new ObjectReader({gitdir});
  try {
    const write = durableWriter(gitdir, sign);
    const tree = await runEdit({objects, write, tree: EMPTY_TREE}, () => files, signal);
    const commit = await write.commit({tree, parents: [], message: 'create the cluster repository\n', author, committer: COMMITTER, atMs: Date.now()});
    await write.flush();
    await moveRef(gitdir, {ref: MAIN, from: NO_COMMIT, to: commit, reason: 'create'}, signal);
  } finally {
    objects.close();
  }
}
