import test from 'ava';
import {Turns} from '../../../reconciler/builds/turns.ts';

const signal = AbortSignal.timeout(600_000);
const take = (turns: Turns, doing: string, {atOnce = 1, until = signal, waits = [] as string[]} = {}) => (
  turns.take({doing, atOnce, onWait: (holders, ahead) => waits.push(`${doing} waits for ${holders.map((holder) => holder.doing).join()}+${ahead}`)}, until)
);

test('turns are given in the order in which they were asked for', async (t) => {
  const turns = new Turns();
  const order: string[] = [];
  const waits: string[] = [];
  const first = await take(turns, 'a', {waits});
  const others = ['b', 'c', 'd'].map(async (name) => {
    const giveBack = await take(turns, name, {waits});
    order.push(name);
    giveBack();
  });
  first();
  await Promise.all(others);
  t.deepEqual(order, ['b', 'c', 'd']);
  // Each hears of its new place.
  t.deepEqual(waits, ['b waits for a+0', 'c waits for a+1', 'd waits for a+2', 'c waits for b+0', 'd waits for b+1', 'd waits for c+0']);
  t.true(turns.isIdle);
});

test('never more have a turn than may', async (t) => {
  const turns = new Turns();
  let now = 0;
  let most = 0;
  await Promise.all(Array.from({length: 15}, async (_, number) => {
    const giveBack = await take(turns, String(number), {atOnce: 2});
    most = Math.max(most, now += 1);
    await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
    giveBack();
    giveBack();
  }));
  t.is(most, 2);
  t.true(turns.isIdle);
});

test('who gives up while waiting does not hold up those behind', async (t) => {
  const turns = new Turns();
  const giveUp = new AbortController();
  const first = await take(turns, 'a');
  const second = take(turns, 'b', {until: giveUp.signal});
  const third = take(turns, 'c');
  giveUp.abort(new Error('gone'));
  await t.throwsAsync(second, {message: 'gone'});
  first();
  (await third)();
  t.true(turns.isIdle);
});

test('who gives up at the moment of his turn passes it on', async (t) => {
  const turns = new Turns();
  const giveUp = new AbortController();
  const first = await take(turns, 'a');
  const second = take(turns, 'b', {until: giveUp.signal});
  const third = take(turns, 'c');
  giveUp.abort(new Error('gone'));
  first();
  await t.throwsAsync(second, {message: 'gone'});
  (await third)();
  t.true(turns.isIdle);
});

test('too many that wait are turned away', async (t) => {
  const turns = new Turns();
  await take(turns, 'a');
  const giveUp = new AbortController();
  const waiting = Array.from({length: 20}, () => take(turns, 'b', {until: giveUp.signal}).catch(() => 'gave up'));
  await t.throwsAsync(take(turns, 'c'), {message: '20 wait already, try again later'});
  giveUp.abort();
  t.deepEqual(new Set(await Promise.all(waiting)), new Set(['gave up']));
});
