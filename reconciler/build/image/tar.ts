import {Readable} from 'node:stream';
import {paddingOf, TAR_END, tarHeader} from '../../adapters/tar.ts';

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
    yield paddingOf(written);
  }
  yield TAR_END;
}

function header({name, sizeBytes, mode = 0o644, ownerId = 0}: TarEntry): Buffer {
  if (sizeBytes > SIZE_MAX) throw new Error(`"${name}" has ${sizeBytes} bytes, a tar header takes at most ${SIZE_MAX}`);
  return tarHeader({name, type: name.endsWith('/') ? '5' : '0', sizeBytes, mode, ownerId, groupId: ownerId});
}
