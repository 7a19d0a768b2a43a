import {setTimeout as sleep} from 'node:timers/promises';
import type {CommitId} from '../../schemas/ids.ts';
import {GitError} from '../adapters/git.ts';
import {fetchRef, pushCommit, remoteKind, remoteTip, type Remote} from '../adapters/git-remote.ts';
import {moveRef, type SignCommit} from '../adapters/git-write.ts';
import {mutex} from '../mutex.ts';
import {writer} from '../commits/writer.ts';
import {BareBranch} from './bare.ts';
import {factsOf} from './changes.ts';
import {appHistory} from './history.ts';
import {initBare, isRepository, MAIN, watchRefs} from './own.ts';
import {releaseFloors} from './releases.ts';
import type {CommitCheck, FollowedRepo, SyncProblem} from './repo.ts';
import {EditRefused} from './snapshot.ts';

/** Where the remote's main is kept: apart from our own, so that following a remote overwrites nothing. */
const MIRROR = 'refs/remotes/origin/main';
/** Part of the poll interval by which it is made longer or shorter at random, so that nodes don't all ask at once. */
const JITTER = 0.2;

export interface RemoteOptions {
  /** Bare repository on this disk that holds the copy. */
  readonly gitdir: string;
  readonly remote: Remote;
  readonly pollSeconds: number;
  readonly check?: CommitCheck;
  readonly sign?: SignCommit;
}

/**
 * A repository elsewhere. Reading never waits for the network once there is a copy on this disk (rule 6): `refresh` and the polls
 * of `watch` bring the copy up to date, and `problem` tells when they can't.
 */
export function remoteRepo({gitdir, remote, pollSeconds, check, sign}: RemoteOptions): FollowedRepo {
  const kind = remoteKind(remote.url);
  const branch = new BareBranch({gitdir, ref: MIRROR, kind: 'remote'});
  const floors = releaseFloors(gitdir);
  const inTurn = mutex();
  let problem: SyncProblem | undefined;

  const refresh = (signal: AbortSignal) => inTurn(async () => {
    try {
      await fetchIfMoved({gitdir, branch, remote}, signal);
      problem = undefined;
    } catch (error) {
      signal.throwIfAborted();
      problem = {message: error instanceof Error ? error.message : String(error), sinceMs: problem?.sinceMs ?? Date.now()};
      throw error;
    }
  }, signal);

  /** The first time there is nothing on this disk yet. */
  const needCopy = async (signal: AbortSignal) => {
    if (!await isRepository(gitdir) || await branch.tip(signal) === undefined) await refresh(signal);
  };

  const freshTip = async (signal: AbortSignal): Promise<CommitId> => {
    await refresh(signal);
    return (await branch.snapshot(signal)).commit;
  };

  const commit = writer({
    gitdir,
    objects: branch.objects,
    sign,
    freshTip,
    check: async ({from, to}, signal) => (check === undefined ? [] : check({before: await branch.snapshotAt(from, signal), after: await branch.snapshotAt(to, signal)}, signal)),
    publish: async ({from, to}, signal) => {
      const outcome = await pushCommit(gitdir, {remote, ref: MAIN, from, to}, signal).catch(async (error: unknown) => {
        if (!(error instanceof GitError) || signal.aborted) throw error;
        // The answer was lost, perhaps after the push was accepted.
        if (await freshTip(signal) === to) return {result: 'pushed'} as const;
        throw error;
      });
      if (outcome.result === 'refused') throw new EditRefused(`the cluster repository's server refused the commit: ${outcome.why}`);
      if (outcome.result === 'moved') return 'moved';
      // A poll may have noticed first, which is as good.
      await moveRef(gitdir, {ref: MIRROR, from, to, reason: 'pushed'}, signal);
      return 'published';
    },
  });

  return {
    async snapshot(signal) {
      await needCopy(signal);
      return branch.snapshot(signal);
    },
    snapshotAt: (at, signal) => branch.snapshotAt(at, signal),
    markApplied: (at, signal) => branch.markApplied(at, signal),
    lastApplied: async (signal) => (await isRepository(gitdir) ? branch.lastApplied(signal) : undefined),
    async nextReleaseFloor(app, signal) {
      return floors(app, await freshTip(signal), signal);
    },
    async history(app, signal) {
      await needCopy(signal);
      return appHistory(branch, {app, tip: (await branch.snapshot(signal)).commit}, signal);
    },
    async facts(name, applied, signal) {
      await needCopy(signal);
      const tip = await branch.tip(signal);
      return tip && factsOf(branch, {name, tip, applied}, signal);
    },
    textAt: (at, file, signal) => branch.textAt(at, file, signal),
    refresh,
    problem: () => problem,
    commit,
    watch(onMove, signal) {
      const poll = async () => {
        const before = await branch.tip(signal).catch(() => undefined);
        const hadProblem = problem !== undefined;
        // A failure is in `problem`, and the loop is told below when that begins or ends.
        await refresh(signal).catch(() => {});
        const after = await branch.tip(signal).catch(() => undefined);
        if (!signal.aborted && (after !== before || hadProblem !== (problem !== undefined))) onMove();
      };
      void keepPolling(poll, {everyMs: pollSeconds * 1000}, signal);
      if (kind === 'path') watchRefs(remote.url, () => void poll(), signal);
    },
    close: () => branch.objects.close(),
  };
}

/** One listing of one ref when nothing moved. */
async function fetchIfMoved({gitdir, branch, remote}: {gitdir: string; branch: BareBranch; remote: Remote}, signal: AbortSignal): Promise<void> {
  if (!await isRepository(gitdir)) await initBare(gitdir, signal);
  const tip = await remoteTip(remote, MAIN, signal);
  if (tip === undefined) throw new Error(`the cluster repository "${remote.url}" has no branch "main"`);
  if (tip === await branch.tip(signal)) return;
  await fetchRef(gitdir, {remote, from: MAIN, to: MIRROR}, signal);
}

async function keepPolling(poll: () => Promise<void>, {everyMs}: {everyMs: number}, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await poll();
    await sleep(everyMs * (1 - JITTER + 2 * JITTER * Math.random()), undefined, {signal}).catch(() => {});
  }
}
