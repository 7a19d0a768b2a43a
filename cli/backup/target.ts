import {createHash} from 'node:crypto';
import {open, rename, rm, stat} from 'node:fs/promises';
import path from 'node:path';
import {Failure} from '../command.ts';

export interface WrittenFile {
  readonly bytes: number;
  /** Of the file, in hex. */
  readonly sha256: string;
}

/** A file of this name is whole, or is not there. One that is there already is not replaced: it may be the only backup. */
export async function writeWhole(file: string, bytes: AsyncIterable<Uint8Array>): Promise<WrittenFile> {
  if (await stat(file).then(() => true, () => false)) throw new Failure(`'${file}' is there already`, {advice: ['choose another name, or move that one away']});
  const part = `${file}.part`;
  try {
    await using handle = await open(part, 'w', 0o600);
    const written = await passedOn(bytes, (chunk) => handle.writeFile(chunk));
    await handle.sync();
    await rename(part, file);
    await using folder = await open(path.dirname(path.resolve(file)));
    await folder.sync();
    return written;
  } catch (error) {
    await rm(part, {force: true});
    throw error;
  }
}

export async function passedOn(bytes: AsyncIterable<Uint8Array>, write: (chunk: Uint8Array) => Promise<unknown>): Promise<WrittenFile> {
  const hash = createHash('sha256');
  let count = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    count += chunk.length;
    await write(chunk);
  }
  return {bytes: count, sha256: hash.digest('hex')};
}

/** The first bytes of a file; fewer where it has fewer. */
export async function headOf(file: string): Promise<Buffer> {
  await using handle = await open(file);
  const {buffer, bytesRead} = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  return buffer.subarray(0, bytesRead);
}

const HEAD_BYTES = 512;
