import test, {type ExecutionContext} from 'ava';
import {NO_COMMIT} from '../../../reconciler/adapters/git-format.ts';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import type {FollowedRepo} from '../../../reconciler/checkout/repo.ts';
import type {Change} from '../../../reconciler/checkout/snapshot.ts';
import {orAborted} from '../../../reconciler/mutex.ts';
import type {DeployOutcome} from '../../../reconciler/node.ts';
import {AppPushes} from '../../../reconciler/receive/app-push.ts';
import type {GitDeps} from '../../../reconciler/receive/deps.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {ADA, bareRepo, run} from '../checkout/support.ts';
import {gitDeps, IMAGE} from './support.ts';

const MANIFESTS = {'cluster.yaml': 'apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.test\n', 'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\n'};
const SHOP = 'shop' as AppName;
const FAILED: DeployOutcome = {result: 'failed', commit: NO_COMMIT as never, cause: 'web.1 exited with code 3', log: []};
const unaborted = () => AbortSignal.timeout(60_000);

/** A cluster repository, a repository of the app's source with a commit that was pushed but not accepted yet, and the way in. */
async function shop(t: ExecutionContext, given: (repo: FollowedRepo) => Partial<GitDeps> = () => ({})) {
  const cluster = await bareRepo(t, MANIFESTS);
  const repo = ownRepo({gitdir: cluster});
  t.teardown(() => repo.close());
  const gitdir = await bareRepo(t, {'server.js': '// one\n'});
  const commit = await run(gitdir, 'rev-parse', 'main');
  await run(gitdir, 'update-ref', '-d', 'refs/heads/main');
  const shown: string[] = [];
  let builds = 0;
  const start = async () => new AppPushes(await gitDeps(t, {repo, ...given(repo), build: async () => {
    builds += 1;
    return {ok: true, value: IMAGE};
  }}));
  let pushes = await start();
  return {
    gitdir, commit, shown,
    builds: () => builds,
    /** As after kill -9: nothing is remembered but what is on disk. */
    restart: async () => {
      pushes = await start();
    },
    push: (signal: AbortSignal, {ended = Promise.resolve(), before = NO_COMMIT}: {ended?: Promise<void>; before?: string} = {}) => pushes.deploy(SHOP, {
      gitdir, ended, options: [], env: {}, author: ADA, updates: [{ref: 'refs/heads/main', before, after: commit}], print: (line) => shown.push(line), settle: () => {},
    }, signal),
    releases: async () => (await run(cluster, 'ls-tree', '-r', '--name-only', 'main')).split('\n').filter((file) => file.includes('/releases/')).map((file) => file.replace(/.*\//, '')),
    log: async () => (await run(cluster, 'log', '--format=%s', 'main')).split('\n').map((line) => line.replace(/ \([0-9a-f]{8}\)$/, '')),
  };
}

function isRelease({message}: Change): boolean {
  return message.startsWith('shop: release');
}

test('Ctrl-C while the release is being committed leaves no release', async (t) => {
  const ctrlC = new AbortController();
  const {push, releases, log} = await shop(t, (repo) => ({repo: {...repo, commit: (change, signal) => orAborted((async () => {
    // As in git: the branch may be moved when we hear of the abort.
    const committed = await repo.commit(change, unaborted());
    if (isRelease(change)) ctrlC.abort(new Error('the pusher went away'));
    return committed;
  })(), signal)}}));
  await t.throwsAsync(push(ctrlC.signal), {message: 'the pusher went away'});
  t.deepEqual(await log(), ['shop: take back release v1', 'shop: release v1', 'create the cluster repository']);
  t.deepEqual(await releases(), []);
});

test('a release whose commit was made, with the answer lost, is taken back', async (t) => {
  const {push, releases} = await shop(t, (repo) => ({repo: {...repo, commit: async (change, signal) => {
    const committed = await repo.commit(change, signal);
    if (isRelease(change)) throw new Error('the remote end hung up');
    return committed;
  }}}));
  await t.throwsAsync(push(unaborted()), {message: 'the remote end hung up'});
  t.deepEqual(await releases(), []);
});

test('a release of somebody else that got the number meanwhile is not taken back', async (t) => {
  const {push, releases} = await shop(t, (repo) => ({repo: {...repo, commit: async (change, signal) => {
    if (!isRelease(change)) return repo.commit(change, signal);
    await repo.commit({...change, edit: () => ({'apps/shop/releases/v0001.yaml': 'theirs\n'}), operationId: 'theirs', isUnchecked: true}, signal);
    throw new Error('the remote end hung up');
  }}}));
  await t.throwsAsync(push(unaborted()), {message: 'the remote end hung up'});
  t.deepEqual(await releases(), ['v0001.yaml']);
});

test('the next push of a commit gets its turn only after a cancelled one is undone', async (t) => {
  const ctrlC = new AbortController();
  const takingBack = Promise.withResolvers<void>();
  const mayTakeBack = Promise.withResolvers<void>();
  let waits = 0;
  const {push, releases, shown} = await shop(t, (repo) => ({
    repo: {...repo, commit: async (change, signal) => {
      if (!isRelease(change)) {
        takingBack.resolve();
        await mayTakeBack.promise;
      }
      return repo.commit(change, signal);
    }},
    node: {settings: {} as never, wake: () => {}, converged: async (_app, _onProgress, signal) => {
      waits += 1;
      if (waits === 1) ctrlC.abort(new Error('the pusher went away'));
      signal.throwIfAborted();
      return {result: 'healthy', commit: (await repo.snapshot(signal)).commit, urls: []};
    }},
  }));
  // Git was killed, and ended, at once.
  const first = push(ctrlC.signal);
  await takingBack.promise;
  const second = push(unaborted());
  // If it had its turn already, it would find the release by now.
  await Promise.race([second.catch(() => {}), waitFor(() => shown.some((line) => line.includes('Waiting for the push before this one')))]);
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  mayTakeBack.resolve();
  await t.throwsAsync(first, {message: 'the pusher went away'});
  await second;
  t.deepEqual(await releases(), ['v0002.yaml']);
});

/** A node that answers these, one a time, and then that everything works. `killed`: it never answers. */
function answering(repo: FollowedRepo, outcomes: (DeployOutcome | 'killed')[]): Partial<GitDeps> {
  return {node: {settings: {} as never, wake: () => {}, converged: async (_app, _onProgress, signal) => {
    const outcome = outcomes.shift();
    if (outcome === 'killed') return new Promise<never>(() => {});
    return outcome ?? {result: 'healthy', commit: (await repo.snapshot(signal)).commit, urls: []};
  }}};
}

test('a release that fails, and whose push was killed, is taken back by the next push of its commit and built again', async (t) => {
  const left = ['killed' as const, FAILED];
  const {push, restart, releases, builds, shown} = await shop(t, (repo) => answering(repo, left));
  void push(unaborted());
  await waitFor(() => left.length === 1);
  t.deepEqual(await releases(), ['v0001.yaml']);
  await restart();
  await push(unaborted());
  t.deepEqual(await releases(), ['v0002.yaml']);
  t.is(builds(), 2);
  t.true(shown.some((line) => line.includes('Release v1 failed: web.1 exited with code 3. It is taken back, and built again.')));
});

test('a commit whose second build fails too is built no third time', async (t) => {
  const left = ['killed' as const, FAILED, FAILED];
  const {push, restart, releases, builds} = await shop(t, (repo) => answering(repo, left));
  void push(unaborted());
  await waitFor(() => left.length === 2);
  await restart();
  await t.throwsAsync(push(unaborted()), {message: /release v2 failed: web\.1 exited with code 3/});
  t.deepEqual(await releases(), []);
  t.is(builds(), 2);
});

test('a release that was accepted, and fails since its app.yaml was changed, is not taken back', async (t) => {
  const left: DeployOutcome[] = [];
  const {gitdir, commit, push, releases, builds} = await shop(t, (repo) => answering(repo, left));
  await push(unaborted());
  await run(gitdir, 'update-ref', 'refs/heads/main', commit);
  left.push(FAILED);
  await t.throwsAsync(push(unaborted(), {before: commit}), {message: /release v1 failed: web\.1 exited with code 3/});
  t.deepEqual(await releases(), ['v0001.yaml']);
  t.is(builds(), 1);
});

async function waitFor(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!await isTrue()) await new Promise((resolve) => setImmediate(resolve));
}
