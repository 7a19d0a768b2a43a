import test from 'ava';
import {latestLast} from '../../../reconciler/adapters/latest.ts';

const signal = AbortSignal.timeout(600_000);

test('the next value goes when the one before has arrived, and those in between are left out', async (t) => {
  const begun: number[] = [];
  const arrivals: (() => void)[] = [];
  const give = latestLast((value: number) => {
    begun.push(value);
    return new Promise<void>((resolve) => arrivals.push(resolve));
  });
  const all = [1, 2, 3].map((value) => give(value, signal));
  t.deepEqual(begun, [1]);
  arrivals[0]!();
  await new Promise(setImmediate);
  t.deepEqual(begun, [1, 3]);
  arrivals[1]!();
  await Promise.all(all);
  const later = give(4, signal);
  t.deepEqual(begun, [1, 3, 4]);
  arrivals[2]!();
  await later;
});

test('one that fails is told, unless a later one has arrived since', async (t) => {
  const begun: number[] = [];
  const give = latestLast(async (value: number) => {
    begun.push(value);
    await new Promise(setImmediate);
    if (value % 2 === 1) throw new Error(`${value} is odd`);
  });
  await Promise.all([give(1, signal), give(2, signal)]);
  await t.throwsAsync(give(3, signal), {message: '3 is odd'});
  await give(4, signal);
  t.deepEqual(begun, [1, 2, 3, 4]);
});
