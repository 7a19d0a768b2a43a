import {TAR_END, tarPieces, type TarPiece} from './tar.ts';

/** Where the time of an entry and the checksum of its header are (POSIX.1-1988, ustar). */
const TIME = {at: 136, length: 12} as const;
const CHECKSUM_AT = 148;

/**
 * Copies a tar, entry by entry. `edit` gets the beginning of each, and its header's bytes; it gives the bytes to be written in their place,
 * or undefined to leave the entry out. An entry whose long name stands in a header of its own goes with that.
 */
export async function* editTar(tar: AsyncIterable<Uint8Array>, edit: (header: NonNullable<TarPiece['header']>, block: Buffer) => Buffer | undefined): AsyncGenerator<Buffer> {
  let announcing: Buffer[] = [];
  let fate: 'copied' | 'announcing' | 'left out' = 'copied';
  for await (const {header, bytes} of tarPieces(tar)) {
    if (header?.type === 'x') {
      fate = 'announcing';
      announcing = [bytes];
    } else if (header === undefined && fate === 'announcing') {
      announcing.push(bytes);
    } else {
      let written: Buffer | undefined = bytes;
      if (header !== undefined) {
        // `g` is about the whole tar.
        written = header.type === 'g' ? bytes : edit(header, bytes);
        fate = written === undefined ? 'left out' : 'copied';
        if (fate === 'copied') yield* announcing;
        announcing = [];
      }
      if (fate === 'copied' && written !== undefined) yield written;
    }
  }
  yield TAR_END;
}

/** A header's bytes with another time, in seconds since 1970. One that an extended header says as well, with fractions, is not changed by it; docker's tars have none. */
export function withTime(block: Buffer, seconds: number): Buffer {
  const changed = Buffer.from(block);
  changed.write(`${seconds.toString(8).padStart(TIME.length - 1, '0')}\0`, TIME.at);
  changed.write('        ', CHECKSUM_AT);
  changed.write(`${changed.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, CHECKSUM_AT);
  return changed;
}

/** `./a/b/` → `a/b` */
export function pathOf(name: string): string {
  return name.replace(/^\.?\//, '').replace(/\/$/, '');
}
