import type {RawLogLine} from './engine.ts';

/** A longer line is cut, bytes. */
const LINE_BYTES_MAX = 64 * 1024;
const HEADER_BYTES = 8;
const STDERR = 2;
const NEWLINE = 0x0a;
/** A time and the space after it, which the engine puts before each piece (it cuts lines into pieces of 16 KiB). */
const STAMP_BYTES = '2026-11-25T19:54:23.123456789Z '.length;

/**
 * What the engine's log endpoint answers, chunk by chunk, as lines. A frame is one byte with the stream's number, 3 of padding, 4 of length,
 * then a timestamp and the text (API reference, "Get container logs"). Bytes are never decoded: at 100,000 lines a second that is what costs.
 */
export async function* logBatches(stream: AsyncIterable<unknown>): AsyncGenerator<readonly RawLogLine[]> {
  let rest: Buffer = Buffer.alloc(0);
  const unfinished = new Map<boolean, {readonly pieces: Buffer[]; bytes: number}>();
  for await (const chunk of stream) {
    const bytes = rest.length === 0 ? chunk as Buffer : Buffer.concat([rest, chunk as Buffer]);
    const lines: RawLogLine[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const from = at + HEADER_BYTES;
      const to = from + bytes.readUInt32BE(at + 4);
      if (to > bytes.length) break;
      const isStderr = bytes[at] === STDERR;
      at = to;
      const isWhole = bytes[to - 1] === NEWLINE;
      const before = unfinished.get(isStderr);
      if (isWhole && before === undefined) lines.push({isStderr, bytes: bytes.subarray(from, to)});
      else if (before === undefined) unfinished.set(isStderr, {pieces: [Buffer.from(bytes.subarray(from, to))], bytes: to - from});
      else {
        const more = bytes.subarray(from + STAMP_BYTES, isWhole ? to - 1 : to).subarray(0, Math.max(0, LINE_BYTES_MAX - before.bytes));
        before.pieces.push(Buffer.from(more));
        before.bytes += more.length;
        if (!isWhole) continue;
        lines.push({isStderr, bytes: Buffer.concat([...before.pieces, Buffer.from([NEWLINE])])});
        unfinished.delete(isStderr);
      }
    }
    rest = Buffer.from(bytes.subarray(at));
    if (lines.length > 0) yield lines;
  }
  // The last words of one that ended without a newline.
  const left = [...unfinished].map(([isStderr, {pieces}]): RawLogLine => ({isStderr, bytes: Buffer.concat([...pieces, Buffer.from([NEWLINE])])}));
  if (left.length > 0) yield left;
}
