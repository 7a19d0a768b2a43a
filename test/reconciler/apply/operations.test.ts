import test, {type ExecutionContext} from 'ava';
import type {AppName, ContainerId} from '../../../schemas/ids.ts';
import type {World} from '../../../reconciler/apply/executors.ts';
import {Operations, type Outcome} from '../../../reconciler/apply/operations.ts';
import type {Action} from '../../../reconciler/plan/action.ts';

/** An engine that only removes, when the test says so. */
function setUp(t: ExecutionContext) {
  const calls: string[] = [];
  const outcomes: Outcome[] = [];
  const open = new Map<string, PromiseWithResolvers<void>>();
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const remove = (id: string) => {
    calls.push(id);
    const call = Promise.withResolvers<void>();
    open.set(id, call);
    return call.promise;
  };
  const operations = new Operations({world: {engine: {remove, stop: remove}} as unknown as World, onDone: (outcome) => outcomes.push(outcome), signal: stop.signal});
  const apply = (actions: readonly Action[], nowMs = Date.now()) => operations.apply({actions, waiting: []}, nowMs);
  const settle = async (id: string, error?: Error) => {
    if (error === undefined) open.get(id)?.resolve();
    else open.get(id)?.reject(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {operations, apply, settle, calls, outcomes, begun: async () => new Promise((resolve) => setImmediate(resolve))};
}

function remove(id: string, app = 'shop'): Action {
  return {kind: 'remove-container', app: app as AppName, id: id as ContainerId, name: id, reason: 'test'};
}

test('a pass does not wait for what it began, and begins nothing twice', async (t) => {
  const {operations, apply, settle, calls, outcomes, begun} = setUp(t);
  t.is(apply([remove('a')]).begun.length, 1);
  t.deepEqual([...operations.keys], ['container a']);
  t.is(apply([remove('a')]).begun.length, 0);
  await begun();
  await settle('a');
  t.deepEqual(calls, ['a']);
  t.deepEqual(outcomes.map(({result}) => result), ['done']);
  t.deepEqual([...operations.keys], []);
});

test('at most four removals run at once; the rest is for a later plan', async (t) => {
  const {operations, apply, settle, begun} = setUp(t);
  const actions = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => remove(id));
  t.is(apply(actions).begun.length, 4);
  await begun();
  await settle('a');
  t.is(apply(actions.slice(1)).begun.length, 1);
  t.is(operations.keys.size, 4);
});

test('apps take turns, so that one with many actions does not hold up another one\'s first', (t) => {
  const {operations, apply} = setUp(t);
  apply([...['a', 'b', 'c', 'd', 'e'].map((id) => remove(id, 'big')), remove('z', 'small')]);
  t.deepEqual([...operations.keys], ['container a', 'container z', 'container b', 'container c']);
});

test('what failed is begun again only after a pause that grows, and at once when the wish was another one meanwhile', async (t) => {
  const {apply, settle, outcomes, begun} = setUp(t);
  const failOnce = async (nowMs: number) => {
    t.is(apply([remove('a')], nowMs).begun.length, 1);
    await begun();
    await settle('a', new Error('refused'));
  };
  // It failed at some moment between the two.
  const pauses = async (pauseMs: number, nowMs: () => number) => {
    const beforeMs = Date.now();
    await failOnce(nowMs());
    const afterMs = Date.now();
    const againAtMs = apply([remove('a')], beforeMs).lookAgainAtMs ?? 0;
    t.true(againAtMs >= beforeMs + pauseMs && againAtMs <= afterMs + pauseMs, `${againAtMs - beforeMs} ms`);
  };
  await pauses(1000, Date.now);
  t.like(outcomes, [{result: 'failed', error: {message: 'refused'}}]);
  await pauses(2000, () => Date.now() + 2000);
  apply([]);
  t.is(apply([remove('a')]).begun.length, 1);
});

test('who asks for what is being done already is told when it fails', async (t) => {
  const {operations, settle, begun} = setUp(t);
  const asked = [operations.act(remove('a')), operations.act(remove('a'))].map((acting) => t.throwsAsync(acting));
  await begun();
  await settle('a', new Error('the engine is ill'));
  for (const told of asked) t.regex((await told)?.message ?? '', /failed$/);
});
