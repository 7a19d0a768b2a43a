import {randomBytes} from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import type {CommitId} from '../../schemas/ids.ts';
import {git} from '../adapters/git.ts';
import {NO_COMMIT} from '../adapters/git-format.ts';
import {durableWriter, moveRef} from '../adapters/git-write.ts';
import {watchFiles} from '../adapters/watch-files.ts';
import {mutex} from '../mutex.ts';
import {COMMITTER, writer} from '../commits/writer.ts';
import {BareBranch} from './bare.ts';
import {FolderTree, isFollowed} from './folder-tree.ts';
import {factsOf} from './changes.ts';
import {appHistory} from './history.ts';
import {initBare, isRepository} from './own.ts';
import {readCommit} from './pieces.ts';
import {releaseFloors} from './releases.ts';
import type {CommitCheck, FollowedRepo} from './repo.ts';
import {afterCommits} from './upkeep.ts';

/** The folder's past: apart from our own main, which following a folder must not change. */
const SAVED = 'refs/flynn/folder';

/**
 * A plain folder, followed as it is saved: each state is imported as a commit into a bare repository beside it, so that everything
 * else works as with any repository. Commits of ours are written into the folder's files.
 */
export function folderRepo({gitdir, folder, check}: {gitdir: string; folder: string; check?: CommitCheck}): FollowedRepo {
  const branch = new BareBranch({gitdir, ref: SAVED, kind: 'folder'});
  const write = durableWriter(gitdir);
  const files = new FolderTree(write);
  const floors = releaseFloors(gitdir);
  const tidyUp = afterCommits(gitdir);
  const inTurn = mutex();

  const save = async (signal: AbortSignal): Promise<CommitId> => {
    if (!await isRepository(gitdir)) await initBare(gitdir, signal);
    const tree = await files.import(folder, signal);
    const tip = await branch.tip(signal);
    if (tip !== undefined && (await readCommit(branch.objects, tip, signal)).tree === tree) return tip;
    const parents = tip === undefined ? [] : [tip];
    const commit = await write.commit({tree, parents, message: `save ${folder}\n`, author: COMMITTER, committer: COMMITTER, atMs: Date.now()});
    await write.flush();
    if (!await moveRef(gitdir, {ref: SAVED, from: tip ?? NO_COMMIT, to: commit, reason: 'saved'}, signal)) throw new Error(`"${gitdir}" is used by another process`);
    tidyUp();
    // It was just written, so it is 40 hex digits.
    return commit as CommitId;
  };
  const saved = (signal: AbortSignal) => inTurn(() => save(signal), signal);

  const commit = writer({
    gitdir,
    objects: branch.objects,
    freshTip: saved,
    check: async ({from, to}, signal) => (check === undefined ? [] : check({before: await branch.snapshotAt(from, signal), after: await branch.snapshotAt(to, signal)}, signal)),
    publish: ({from, to}, signal) => inTurn(async () => {
      if (await save(signal) !== from) return 'moved';
      await writeChanges({gitdir, folder, branch}, {from, to}, signal);
      return await moveRef(gitdir, {ref: SAVED, from, to, reason: 'commit'}, signal) ? 'published' : 'moved';
    }, signal),
  });

  return {
    async snapshot(signal) {
      await saved(signal);
      return branch.snapshot(signal);
    },
    snapshotAt: (at, signal) => branch.snapshotAt(at, signal),
    markApplied: (at, signal) => branch.markApplied(at, signal),
    lastApplied: async (signal) => (await isRepository(gitdir) ? branch.lastApplied(signal) : undefined),
    nextReleaseFloor: async (app, signal) => floors(app, await saved(signal), signal),
    history: async (app, signal) => appHistory(branch, {app, tip: await saved(signal)}, signal),
    facts: async (name, applied, signal) => factsOf(branch, {name, tip: await saved(signal), applied}, signal),
    textAt: (at, file, signal) => branch.textAt(at, file, signal),
    async refresh(signal) {
      await saved(signal);
    },
    problem: () => undefined,
    commit,
    watch(onMove, signal) {
      const isIgnored = (changed: string) => path.relative(folder, changed).split(path.sep).some((step) => step !== '' && step !== '..' && !isFollowed(step));
      // Without events the loop's own interval still looks.
      watchFiles({paths: [folder], ignored: [isIgnored], onError: () => {}}, onMove, signal);
    },
    close: () => branch.objects.close(),
  };
}

/** Each file is replaced whole: an editor or another reader never sees half of it. */
async function writeChanges({gitdir, folder, branch}: {gitdir: string; folder: string; branch: BareBranch}, {from, to}: {from: CommitId; to: CommitId}, signal: AbortSignal): Promise<void> {
  const names = await git(['diff-tree', '-r', '-z', '--no-renames', '--name-status', from, to], {gitdir}, signal);
  const words = names.split('\0');
  for (let at = 0; at + 1 < words.length; at += 2) {
    const [status = '', name = ''] = words.slice(at, at + 2);
    const file = path.join(folder, name);
    if (status === 'D') {
      await fs.rm(file, {force: true});
      continue;
    }
    const object = await branch.objects.read(`${to}:${name}`, signal);
    if (object?.type !== 'blob') throw new Error(`"${name}" of commit ${to.slice(0, 8)} can't be read`);
    const unfinished = path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(4).toString('hex')}`);
    await fs.mkdir(path.dirname(file), {recursive: true});
    await fs.writeFile(unfinished, object.content);
    await fs.rename(unfinished, file);
  }
}
