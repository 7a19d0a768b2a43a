import {createWriteStream} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import path from 'node:path';
import type {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {execa} from 'execa';
import {formatLimit} from './output.ts';
import {LimitExceeded} from './limits.ts';

/** Small files at the root that say how an app is built; more of one is not read, bytes. */
const TEXT_MAX = 100_000;

/** The pushed files, as a tar on this machine's disk. */
export interface Source extends AsyncDisposable {
  readonly tarFile: string;
  readonly sizeBytes: number;
  /** Names of the files and folders at its root. */
  readonly root: ReadonlySet<string>;
  /** A file at its root. Undefined when there is none. */
  text(name: string): Promise<string | undefined>;
}

/** Writes a stream to a temporary file; `open` is called when all is ready to read, as a child's output is lost without a reader. Throws `LimitExceeded` when it is larger than the build's disk may be. */
export async function keepSource(open: () => Readable, {diskBytes, scratch}: {diskBytes: number; scratch: string}, signal: AbortSignal): Promise<Source> {
  const folder = await mkdtemp(path.join(scratch, 'flynn-source-'));
  try {
    return await readSource(folder, await writeSource(open, path.join(folder, 'source.tar'), {diskBytes, signal}), signal);
  } catch (error) {
    await rm(folder, {recursive: true, force: true});
    throw error;
  }
}

async function writeSource(open: () => Readable, file: string, {diskBytes, signal}: {diskBytes: number; signal: AbortSignal}): Promise<number> {
  let sizeBytes = 0;
  const counted = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      sizeBytes += chunk.length;
      if (sizeBytes > diskBytes) throw new LimitExceeded(`the source alone is larger than the build's ${formatLimit(diskBytes)} of disk`);
      yield chunk;
    }
  };
  await pipeline(open(), counted, createWriteStream(file, {mode: 0o600}), {signal});
  return sizeBytes;
}

async function readSource(folder: string, sizeBytes: number, signal: AbortSignal): Promise<Source> {
  const tarFile = path.join(folder, 'source.tar');
  // Only regular names matter, so an odd name that tar quotes may stay quoted.
  const listing = await execa('tar', ['--list', '--file', tarFile], {cancelSignal: signal, lines: true, maxBuffer: 500_000_000});
  const paths = new Map(listing.stdout.map(name => [name.replace(/^\.\//, '').replace(/\/$/, ''), name]));
  return {
    tarFile,
    sizeBytes,
    root: new Set([...paths.keys()].map(name => name.split('/')[0] ?? '').filter(name => name !== '')),
    async text(name) {
      const written = paths.get(name);
      if (written === undefined) return undefined;
      const {stdout} = await execa('tar', ['--extract', '--to-stdout', '--file', tarFile, '--', written], {cancelSignal: signal, maxBuffer: TEXT_MAX, reject: false, stripFinalNewline: false});
      return stdout;
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, {recursive: true, force: true});
    },
  };
}
