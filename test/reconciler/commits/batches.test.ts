import test from 'ava';
import {inBatches} from '../../../reconciler/commits/batches.ts';

const signal = AbortSignal.timeout(600_000);

/** Batches that were worked on, and a function that asks for one more thing. */
function subject(work?: (batch: readonly string[], signal: AbortSignal) => Promise<void>) {
  const batches: string[] = [];
  const ask = inBatches<string, string>(3, async (wishes, until) => {
    batches.push(wishes.map(({asked}) => asked).join());
    await work?.(wishes.map(({asked}) => asked), until);
    for (const {asked, answer} of wishes) answer(asked.toUpperCase());
  });
  return {batches, ask};
}

test('what is asked for at the same moment is worked off together, in its order, at most so many at once', async (t) => {
  const {batches, ask} = subject();
  t.deepEqual(await Promise.all([...'abcde'].map((one) => ask(one, signal))), [...'ABCDE']);
  t.is(await ask('f', signal), 'F');
  t.deepEqual(batches, ['a,b,c', 'd,e', 'f']);
});

test('what comes meanwhile is the next batch', async (t) => {
  const later: Promise<string>[] = [];
  const {batches, ask} = subject(async ([first]) => {
    if (first === 'a') later.push(ask('b', signal), ask('c', signal));
  });
  await ask('a', signal);
  t.deepEqual(await Promise.all(later), ['B', 'C']);
  t.deepEqual(batches, ['a', 'b,c']);
});

test('what work throws is the answer of its batch, and of no other one', async (t) => {
  const {ask} = subject(async (batch) => {
    if (batch.includes('bad')) throw new Error('failed');
  });
  const ends = await Promise.allSettled(['a', 'bad', 'c', 'd'].map((one) => ask(one, signal)));
  t.deepEqual(ends.map(({status}) => status), ['rejected', 'rejected', 'rejected', 'fulfilled']);
});

test('who gives up while he waits is left out, and told at once', async (t) => {
  const given = new AbortController();
  const {batches, ask} = subject();
  const ends = Promise.allSettled([ask('a', signal), ask('b', given.signal), ask('c', AbortSignal.abort(new Error('before')))]);
  given.abort(new Error('gone'));
  t.deepEqual((await ends).map((end) => (end.status === 'fulfilled' ? end.value : String(end.reason))), ['A', 'Error: gone', 'Error: before']);
  t.deepEqual(batches, ['a']);
});

test('work goes on as long as anybody waits for it', async (t) => {
  const [one, two] = [new AbortController(), new AbortController()];
  const seen: boolean[] = [];
  const {ask} = subject(async (_batch, until) => {
    one.abort(new Error('one'));
    seen.push(until.aborted);
    two.abort(new Error('two'));
    seen.push(until.aborted);
  });
  await Promise.allSettled([ask('a', one.signal), ask('b', two.signal)]);
  t.deepEqual(seen, [false, true]);
});
