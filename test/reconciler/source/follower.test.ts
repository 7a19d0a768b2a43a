import test, {type ExecutionContext} from 'ava';
import type {CommitId} from '../../../schemas/ids.ts';
import type {FollowedSource} from '../../../reconciler/desired/state.ts';
import {Follower, type SourceDeployOutcome} from '../../../reconciler/source/follower.ts';
import type {SourceRecord} from '../../../reconciler/source/records.ts';
import {SHOP} from '../../support/make.ts';
import {until} from '../../support/until.ts';

const SOURCE: FollowedSource = {git: 'https://git.example.com/shop.git', branch: 'main', intervalMs: 60_000};

function commit(digit: number): CommitId {
  return String(digit).repeat(40) as CommitId;
}

interface Deploy {
  readonly commit: CommitId;
  readonly signal: AbortSignal;
  end(outcome: SourceDeployOutcome): void;
  fail(error: Error): void;
}

/** A branch elsewhere, and a node that deploys when the test says so. */
function start(t: ExecutionContext, {tip = commit(1), record}: {tip?: CommitId; record?: SourceRecord} = {}) {
  const stop = new AbortController();
  const world = {tip: tip as CommitId | undefined | Error, deploys: [] as Deploy[], open: undefined as Deploy | undefined, told: [] as string[], record, looks: 0};
  const follower = new Follower(SHOP, SOURCE, {
    records: {read: async () => world.record, write: async (_app, written) => void (world.record = written)},
    tip: async () => {
      world.looks += 1;
      if (world.tip instanceof Error) throw world.tip;
      return world.tip;
    },
    fetch: async () => ({commit: world.tip as CommitId, author: {name: 'Ann', email: 'ann@example.com'}}),
    deploy: ({commit: id, print}, signal) => {
      print(`building ${id.slice(0, 2)}`);
      const {promise, resolve: end, reject: fail} = Promise.withResolvers<SourceDeployOutcome>();
      signal.addEventListener('abort', () => fail(signal.reason as Error), {once: true});
      const deploy = {commit: id, signal, end, fail};
      world.deploys.push(deploy);
      world.open = deploy;
      return promise.finally(() => (world.open = world.open === deploy ? undefined : world.open));
    },
    tell: (kind, message) => world.told.push(`${kind}: ${message}`),
  });
  const ended = follower.run(stop.signal);
  t.teardown(async () => {
    stop.abort(new Error('the test has ended'));
    await ended;
  });
  const deploying = async (id: CommitId) => {
    await until(`${id.slice(0, 2)} is being deployed`, async () => world.open?.commit === id);
    return world.open as Deploy;
  };
  const looked = async () => {
    const before = world.looks;
    follower.look();
    await until('it has looked', async () => world.looks > before);
  };
  return {follower, world, deploying, looked};
}

test('the newest commit is deployed, and once', async (t) => {
  const {follower, world, deploying, looked} = start(t);
  (await deploying(commit(1))).end({result: 'deployed', release: 7});
  await until('it is noted', async () => follower.status().state === 'deployed');
  await looked();
  t.is(world.deploys.length, 1);
  t.like(follower.status(), {state: 'deployed', commit: commit(1), release: 7});
  t.deepEqual(world.told, ['source-deployed: main 11111111 of https://git.example.com/shop.git is deployed as v7']);
});

test('what failed is not tried again, not even after a restart, until there is a newer commit', async (t) => {
  const {follower, world, deploying, looked} = start(t);
  (await deploying(commit(1))).end({result: 'refused', cause: 'npm ended with exit code 1'});
  await until('it is noted', async () => follower.status().state === 'failed');
  await looked();
  t.is(world.deploys.length, 1);
  t.like(follower.status(), {state: 'failed', commit: commit(1), detail: 'npm ended with exit code 1'});

  const after = start(t, {record: world.record as SourceRecord});
  await after.looked();
  t.is(after.world.deploys.length, 0);
  after.world.tip = commit(2);
  await after.looked();
  await after.deploying(commit(2));
});

test('the same commit is tried again when the source is another one', async (t) => {
  const {deploying} = start(t, {record: {git: 'https://git.example.com/other.git', branch: 'main', commit: commit(1), cause: 'it failed'}});
  t.is((await deploying(commit(1))).commit, commit(1));
});

test('a newer commit ends the deploy before it, but not twice in a row', async (t) => {
  const {follower, world, deploying, looked} = start(t);
  const first = await deploying(commit(1));
  world.tip = commit(2);
  follower.look();
  const second = await deploying(commit(2));
  t.true(first.signal.aborted);
  world.tip = commit(3);
  await looked();
  t.false(second.signal.aborted);
  second.end({result: 'deployed', release: 1});
  await deploying(commit(3));
  t.deepEqual(world.deploys.map((one) => one.commit), [commit(1), commit(2), commit(3)]);
});

test('a branch that can\'t be looked at is told once, and followed again when it can', async (t) => {
  const {follower, world, deploying, looked} = start(t, {record: {git: SOURCE.git, branch: 'main', commit: commit(1), release: 1}});
  await looked();
  world.tip = new Error('Could not resolve host');
  await looked();
  await until('it is noted', async () => follower.status().state === 'unreachable');
  await looked();
  t.like(follower.status(), {state: 'unreachable', commit: commit(1), detail: 'Could not resolve host'});
  world.tip = undefined;
  await looked();
  await until('it is noted', async () => follower.status().detail === 'there is no branch "main"');
  world.tip = commit(2);
  follower.look();
  await deploying(commit(2));
  t.deepEqual(world.told, [
    'source-unreachable: https://git.example.com/shop.git: Could not resolve host',
    'source-unreachable: https://git.example.com/shop.git: there is no branch "main"',
    'source-reachable: https://git.example.com/shop.git is followed again',
  ]);
});

test('what could not be tried is tried again', async (t) => {
  const {follower, world, deploying} = start(t);
  (await deploying(commit(1))).fail(new Error('the engine does not answer'));
  await until('it is noted', async () => follower.status().detail === '11111111 could not be deployed: the engine does not answer');
  t.is(world.record, undefined);
  follower.look();
  (await deploying(commit(1))).end({result: 'deployed', release: 1});
  await until('it is deployed', async () => follower.status().state === 'deployed');
});

test('somebody who asks has what failed tried again, and hears how it goes', async (t) => {
  const {follower, world, deploying} = start(t, {record: {git: SOURCE.git, branch: 'main', commit: commit(1), cause: 'it failed'}});
  const lines: string[] = [];
  const syncing = follower.sync((line) => lines.push(line));
  (await deploying(commit(1))).end({result: 'deployed', release: 2});
  await syncing;
  t.deepEqual(lines, ['building 11']);
  t.like(follower.status(), {state: 'deployed', release: 2});
  t.is(world.deploys.length, 1);
});

test('somebody who asks is told when the branch can\'t be looked at', async (t) => {
  const {follower, world, looked} = start(t, {record: {git: SOURCE.git, branch: 'main', commit: commit(1), release: 1}});
  await looked();
  world.tip = new Error('Could not resolve host');
  await follower.sync(() => {});
  t.like(follower.status(), {state: 'unreachable', detail: 'Could not resolve host'});
});
