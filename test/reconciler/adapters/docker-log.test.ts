import test from 'ava';
import {logLines} from '../../../reconciler/adapters/docker-log.ts';
import {demultiplexed} from '../../../reconciler/adapters/docker-output.ts';
import type {EngineLogLine} from '../../../reconciler/adapters/engine.ts';

const AT = '2026-11-01T12:00:00.000000000Z';

test('lines of a log are whole whatever frames and pieces they come in, and the last needs no end', async (t) => {
  const text = Buffer.from(`${AT} größe\r\n${AT} 10%\r20%\n${AT} no end`);
  // A frame for each byte: all borders fall within characters and timestamps.
  const frames = Buffer.concat([...text].map((byte) => frame(1, Buffer.from([byte]))));
  const expected = ['größe', '10%\r20%', 'no end'].map((line) => ({at: AT, stream: 'stdout', text: line}));
  for (const pieceBytes of [1, 7, 9, frames.length]) t.deepEqual(await linesIn(frames, pieceBytes), expected, `pieces of ${pieceBytes} bytes`);
});

test('the two streams of a log do not break each other\'s lines', async (t) => {
  const frames = Buffer.concat([frame(1, Buffer.from(`${AT} out`)), frame(2, Buffer.from(`${AT} error\n`)), frame(1, Buffer.from('put\n'))]);
  t.deepEqual(await linesIn(frames, frames.length), [{at: AT, stream: 'stderr', text: 'error'}, {at: AT, stream: 'stdout', text: 'output'}]);
});

test('a line that never ends is cut', async (t) => {
  const [line] = await linesIn(Buffer.concat([frame(1, Buffer.from(`${AT} `)), ...Array.from({length: 20}, () => frame(1, Buffer.alloc(10_000, 'x')))]), 10_000);
  t.is(line?.text.length, 65_536 - AT.length - 1);
});

function frame(stream: number, bytes: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

async function linesIn(frames: Buffer, pieceBytes: number) {
  const pieces = Array.from({length: Math.ceil(frames.length / pieceBytes)}, (_, index) => frames.subarray(index * pieceBytes, (index + 1) * pieceBytes));
  const lines: EngineLogLine[] = [];
  for await (const line of logLines(demultiplexed(pieces))) lines.push(line);
  return lines;
}
