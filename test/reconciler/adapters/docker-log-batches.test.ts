import {Readable} from 'node:stream';
import test from 'ava';
import {logBatches} from '../../../reconciler/adapters/docker-log-batches.ts';

const AT = '2026-11-25T19:54:23.123456789Z';

function frame(stream: 1 | 2, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function lines(bytes: Buffer, chunkBytes: number): Promise<readonly string[]> {
  const chunks = Array.from({length: Math.ceil(bytes.length / chunkBytes)}, (_, n) => bytes.subarray(n * chunkBytes, (n + 1) * chunkBytes));
  const found: string[] = [];
  for await (const batch of logBatches(Readable.from(chunks))) found.push(...batch.map(({isStderr, bytes: line}) => `${isStderr ? 'e' : 'o'} ${line.toString()}`));
  return found;
}

for (const chunkBytes of [1, 7, 64, 1_000_000]) {
  test(`frames become lines, however they are cut: ${chunkBytes} bytes at a time`, async (t) => {
    const bytes = Buffer.concat([frame(1, `${AT} one\n`), frame(2, `${AT} zwei äöü\n`), frame(1, `${AT} \n`), frame(1, `${AT} three\r\n`)]);
    t.deepEqual(await lines(bytes, chunkBytes), [`o ${AT} one\n`, `e ${AT} zwei äöü\n`, `o ${AT} \n`, `o ${AT} three\r\n`]);
  });
}

test('pieces of a long line are put together, without the times that the engine puts between', async (t) => {
  const bytes = Buffer.concat([frame(1, `${AT} aaa`), frame(2, `${AT} other\n`), frame(1, `${AT} bbb`), frame(1, `${AT} ccc\n`), frame(1, `${AT} next\n`)]);
  t.deepEqual(await lines(bytes, 10), [`e ${AT} other\n`, `o ${AT} aaabbbccc\n`, `o ${AT} next\n`]);
});

test('a line that never ends is cut, and the next is whole', async (t) => {
  const pieces = Array.from({length: 10}, () => frame(1, `${AT} ${'x'.repeat(16_384)}`));
  const [long = '', next] = await lines(Buffer.concat([...pieces, frame(1, `${AT} \n`), frame(1, `${AT} next\n`)]), 65_536);
  t.is(long.length, 2 + 65_536 + 1);
  t.is(next, `o ${AT} next\n`);
});

test('last words without a newline are a line', async (t) => {
  t.deepEqual(await lines(frame(2, `${AT} panic`), 100), [`e ${AT} panic\n`]);
});
