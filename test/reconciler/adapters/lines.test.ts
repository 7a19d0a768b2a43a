import {Readable} from 'node:stream';
import test from 'ava';
import {splitLines} from '../../../reconciler/adapters/lines.ts';

test('lines are whole whatever pieces they arrive in, and progress bars are lines too', async t => {
  const bytes = Buffer.from('größe\r\n10%\r20%\nlast');
  const pieces = [...bytes].map(byte => Buffer.from([byte]));
  const lines: string[] = [];
  for await (const line of splitLines(Readable.from(pieces))) lines.push(line);
  t.deepEqual(lines, ['größe', '10%', '20%', 'last']);
});

test('a line that never ends is heard of in pieces', async t => {
  const lengths: number[] = [];
  for await (const line of splitLines(Readable.from(Array.from({length: 5}, () => Buffer.alloc(600_000, 'x'))))) lengths.push(line.length);
  t.deepEqual(lengths, [1_200_000, 1_200_000, 600_000]);
});
