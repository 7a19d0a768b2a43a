import {Readable} from 'node:stream';

/** One file of a tar, or a folder: its name ends in a slash, and it has no bytes. The stream must give exactly `sizeBytes`. */
export interface TarEntry {
  readonly name: string;
  readonly sizeBytes: number;
  /** Called when its turn has come. */
  content(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** 0o644 unless given. */
  readonly mode?: number;
  /** Of the owner and its group; 0 unless given. */
  readonly ownerId?: number;
}

const BLOCK = 512;
/** What fits into a header's size field: 11 octal digits. */
const SIZE_MAX = 8 ** 11 - 1;

export function textEntry(name: string, text: string, rest: Pick<TarEntry, 'mode' | 'ownerId'> = {}): TarEntry {
  const bytes = Buffer.from(text);
  return {name, sizeBytes: bytes.length, content: () => [bytes], ...rest};
}

/** A ustar archive (POSIX.1-1988) with times of 0: the same entries give the same bytes. Names have at most 100 bytes. */
export function tarStream(entries: readonly TarEntry[]): Readable {
  return Readable.from(blocks(entries), {objectMode: false});
}

async function* blocks(entries: readonly TarEntry[]): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    yield header(entry);
    let written = 0;
    for await (const chunk of entry.content()) {
      written += chunk.length;
      if (written > entry.sizeBytes) break;
      yield chunk;
    }
    if (written !== entry.sizeBytes) throw new Error(`"${entry.name}" has other than the ${entry.sizeBytes} bytes that it was announced with`);
    yield Buffer.alloc((BLOCK - (written % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}

function header({name, sizeBytes, mode = 0o644, ownerId = 0}: TarEntry): Buffer {
  if (Buffer.byteLength(name) > 100) throw new Error(`bug: "${name}" is too long for a tar header`);
  if (sizeBytes > SIZE_MAX) throw new Error(`"${name}" has ${sizeBytes} bytes, a tar header takes at most ${SIZE_MAX}`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) => block.write(value.toString(8).padStart(length - 1, '0'), at);
  block.write(name, 0);
  octal(mode, 100, 8);
  octal(ownerId, 108, 8);
  octal(ownerId, 116, 8);
  octal(sizeBytes, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148);
  block.write(name.endsWith('/') ? '5' : '0', 156);
  block.write('ustar\u000000', 257);
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
