import {setTimeout as wait} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import type {AppName, CommitId, TreeId} from '../../schemas/ids.ts';
import {Operations} from '../../reconciler/apply/operations.ts';
import type {World} from '../../reconciler/apply/executors.ts';
import {HistoryRewritten} from '../../reconciler/checkout/repo.ts';
import type {ManifestFile, Snapshot} from '../../reconciler/checkout/snapshot.ts';
import {DesiredReader} from '../../reconciler/wiring/desired-reader.ts';
import {Loop, type PassReport} from '../../reconciler/loop.ts';
import type {ObservedState} from '../../reconciler/observed/state.ts';
import {app, cluster} from '../support/manifests.ts';
import {observed} from '../support/make.ts';

const MACHINE = {node: 'n1', memoryBytes: 2 ** 32, cpus: 2};

/** A node with a repository that the test can change, break and cut off, and a machine on which nothing runs. */
class Node {
  tip: Snapshot | Error;
  applied: Snapshot | undefined;
  known: readonly AppName[] = [];
  confirmed: CommitId | undefined;
  isRouterAsLeft = true;
  look: () => Promise<Omit<ObservedState, 'operations'>> = async () => observed({});
  readonly passes: PassReport[] = [];
  readonly loop: Loop;
  readonly #heard = new Set<() => void>();

  constructor(t: ExecutionContext, {tip = snapshot('1', ['a', 'b', 'c', 'd']), applied}: {tip?: Snapshot | Error; applied?: Snapshot} = {}) {
    this.tip = tip;
    this.applied = applied;
    const stop = new AbortController();
    const operations = new Operations({world: {} as World, onDone: () => {}, signal: stop.signal});
    this.loop = new Loop({
      repo: {
        snapshot: async () => {
          if (this.tip instanceof Error) throw this.tip;
          return this.tip;
        },
        snapshotAt: async () => this.applied ?? Promise.reject(new Error('no such commit')),
        markApplied: async (commit) => {
          if (!(this.tip instanceof Error) && this.tip.commit === commit) this.applied = this.tip;
        },
        lastApplied: async () => this.applied?.commit,
        problem: () => undefined,
        watch: () => {},
      },
      trusted: async (tip) => ({snapshot: tip}),
      reader: new DesiredReader({domain: undefined, system: [], machine: MACHINE}),
      operations: Object.assign(operations, {apply: () => ({begun: [], lookAgainAtMs: undefined})}),
      adjusted: (desired) => desired,
      look: async () => this.look(),
      isRouterAsLeft: async () => this.isRouterAsLeft,
      knownApps: () => this.known,
      isDeleteConfirmed: async (commit) => commit === this.confirmed,
      onNewCommit: () => {},
      onPass: (report) => {
        this.passes.push(report);
        for (const heard of this.#heard) heard();
      },
    });
    const running = this.loop.run(stop.signal);
    t.teardown(async () => {
      stop.abort();
      await running;
    });
  }

  /** The first pass from number `from` on; limited by the test's own time. */
  async pass(from: number): Promise<PassReport> {
    for (;;) {
      const found = this.passes.find(({number}) => number >= from);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        const heard = () => {
          this.#heard.delete(heard);
          resolve();
        };
        this.#heard.add(heard);
      });
    }
  }
}

function snapshot(commit: string, apps: readonly string[], clusterYaml = ''): Snapshot {
  const files = (list: readonly ManifestFile[]) => async () => list;
  return {
    commit: commit.repeat(40) as CommitId,
    committedAtMs: 0,
    shared: {treeId: `shared ${clusterYaml}` as TreeId, files: files([cluster(clusterYaml)])},
    apps: apps.map((name) => ({name: name as AppName, treeId: `tree ${name}` as TreeId, files: files([app(name)])})),
  };
}

function namesIn(report: PassReport): readonly string[] | undefined {
  return report.seen?.desired.apps.map(({name}) => name);
}

test('a repository that can\'t be read changes nothing: passes go on with the last commit and say why', async (t) => {
  const node = new Node(t);
  t.deepEqual(namesIn(await node.pass(1)), ['a', 'b', 'c', 'd']);
  node.tip = new Error('the remote is gone');
  const report = await node.pass(node.loop.wake());
  t.deepEqual(namesIn(report), ['a', 'b', 'c', 'd']);
  t.deepEqual(report.held, {reason: 'SourceFailed', message: 'the remote is gone'});
  node.tip = snapshot('2', ['a', 'b', 'c']);
  const back = await node.pass(node.loop.wake());
  t.is(back.held, undefined);
  t.deepEqual(namesIn(back), ['a', 'b', 'c']);
});

test('a cluster.yaml that is wrong holds the commit back, with its problems at their places', async (t) => {
  const node = new Node(t);
  await node.pass(1);
  node.tip = snapshot('2', ['a'], 'defaults: {memory: 64}\n');
  const {held, seen} = await node.pass(node.loop.wake());
  t.is(String(seen?.desired.commit), '1'.repeat(40));
  t.regex(held?.message ?? '', /^cluster\.yaml of commit 22222222 is wrong:\ncluster\.yaml:5:\d+: defaults\.memory must be/);
});

test('a start without the repository goes on with what was applied last', async (t) => {
  const node = new Node(t, {tip: new Error('no network'), applied: snapshot('7', ['a'])});
  const report = await node.pass(1);
  t.deepEqual(report.held, {reason: 'SourceFailed', message: 'no network'});
  t.deepEqual(namesIn(report), ['a']);
});

test('a commit that removes most of the apps is held until it is confirmed', async (t) => {
  const node = new Node(t);
  await node.pass(1);
  node.known = ['a', 'b', 'c', 'd'] as AppName[];
  node.tip = snapshot('2', ['d']);
  const report = await node.pass(node.loop.wake());
  t.is(report.held?.reason, 'MassDelete');
  t.is(String(report.held?.commit), '2'.repeat(40));
  t.regex(report.held?.message ?? '', /removes 3 apps \(a, b, c\).*flynn confirm 22222222/);
  t.deepEqual(namesIn(report), ['a', 'b', 'c', 'd']);
  node.confirmed = '2'.repeat(40) as CommitId;
  t.deepEqual(namesIn(await node.pass(node.loop.wake())), ['d']);
});

test('a machine that can\'t be looked at is planned nothing for', async (t) => {
  const node = new Node(t);
  node.look = async () => Promise.reject(new Error('the engine did not answer'));
  const report = await node.pass(node.loop.wake());
  t.is(report.seen, undefined);
  t.deepEqual(report.held, {reason: 'EngineFailed', message: 'the engine did not answer'});
});

test('whoever wakes the loop during a pass gets another one', async (t) => {
  const node = new Node(t);
  await node.pass(1);
  const {promise: looking, resolve: isLooking} = Promise.withResolvers<void>();
  const {promise: goOn, resolve: letGo} = Promise.withResolvers<void>();
  node.look = async () => {
    isLooking();
    await goOn;
    return observed({});
  };
  const first = node.loop.wake();
  await looking;
  const second = node.loop.wake();
  t.is(second, first + 1);
  letGo();
  t.is((await node.pass(second)).number, second);
});

test('a router that was changed by hand is noticed without anybody calling', async (t) => {
  const node = new Node(t);
  await node.pass(1);
  await wait(10);
  const next = (node.passes.at(-1)?.number ?? 0) + 1;
  node.isRouterAsLeft = false;
  t.true((await node.pass(next)).number >= next);
});

test('a history that was rewritten is told with the commit that can be confirmed', async (t) => {
  const node = new Node(t);
  await node.pass(1);
  node.tip = new HistoryRewritten({applied: '1'.repeat(40) as CommitId, tip: '9'.repeat(40) as CommitId});
  const {held, seen} = await node.pass(node.loop.wake());
  t.is(held?.reason, 'HistoryRewritten');
  t.is(String(held?.commit), '9'.repeat(40));
  t.regex(held?.message ?? '', /flynn confirm 99999999/);
  t.is(String(seen?.desired.commit), '1'.repeat(40));
});
