import test from 'ava';
import {Remembered} from '../../schemas/remembered.ts';

test('what was asked for longest ago is forgotten first, and what is large is not kept at all', (t) => {
  const found: string[] = [];
  const remembered = new Remembered<string>(30);
  const ask = (key: string) => remembered.get(key, () => {
    found.push(key.slice(0, 10));
    return key.toUpperCase();
  });
  for (const key of ['aaaaaaaaaa', 'bbbbbbbbbb', 'aaaaaaaaaa', 'cccccccccc', 'aaaaaaaaaa', 'dddddddddd', 'aaaaaaaaaa', 'cccccccccc']) t.is(ask(key), key.toUpperCase());
  t.deepEqual(found, ['aaaaaaaaaa', 'bbbbbbbbbb', 'cccccccccc', 'dddddddddd']);
  t.is(ask('bbbbbbbbbb'), 'BBBBBBBBBB');
  for (const time of [1, 2]) t.is(ask('x'.repeat(40_000)).length, 40_000, `${time}`);
  t.is(ask('y'.repeat(31)).length, 31);
  t.deepEqual(found.slice(4), ['bbbbbbbbbb', 'xxxxxxxxxx', 'xxxxxxxxxx', 'yyyyyyyyyy']);
  t.is(ask('aaaaaaaaaa'), 'AAAAAAAAAA');
  t.deepEqual(found.slice(8), ['aaaaaaaaaa'], 'what is too long for all of it leaves nothing of the rest');
});
