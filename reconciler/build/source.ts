import {createWriteStream} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import path from 'node:path';
import type {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {execa} from 'execa';
import {formatLimit} from './output.ts';
import {LimitExceeded} from './limits.ts';

/** Small files at the root that say how an app is built; more of one is not read, characters. */
export const TEXT_MAX = 100_000;

/** The pushed files, as a tar on this machine's disk. */
export interface Source extends AsyncDisposable {
  readonly tarFile: string;
  readonly sizeBytes: number;
  /** Names of the files and folders at its root. */
  readonly root: ReadonlySet<string>;
  /** Everything in it, folders with a `/` at their end. */
  readonly entries: readonly SourceEntry[];
  /** A file at its root. Undefined when there is none. */
  text(name: string): Promise<string | undefined>;
  /** What is in these files, which are in the order of `entries`. None when one of them can't be read by its name. */
  texts(files: readonly SourceEntry[]): Promise<readonly string[]>;
}

export interface SourceEntry {
  /** As it is in the tar. */
  readonly name: string;
  readonly sizeBytes: number;
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
  // A name with a line break in it is lost: nobody looks for one.
  const listing = await execa('tar', ['--list', '--verbose', '--numeric-owner', '--quoting-style=literal', '--file', tarFile], {cancelSignal: signal, lines: true, maxBuffer: 500_000_000, env: {LC_ALL: 'C.UTF-8'}});
  const entries = listing.stdout.flatMap((line): SourceEntry[] => {
    const [, type, sizeBytes, name] = /^(.)\S+ \S+ +(\d+) \S+ \S+ (.*)$/.exec(line) ?? [];
    if (type === undefined || name === undefined) return [];
    return [{name: type === 'l' ? name.replace(/ -> .*$/, '') : name, sizeBytes: Number(sizeBytes)}];
  });
  const paths = new Map(entries.map(({name}) => [name.replace(/^\.\//, '').replace(/\/$/, ''), name]));
  return {
    tarFile,
    sizeBytes,
    entries,
    root: new Set([...paths.keys()].map(name => name.split('/')[0] ?? '').filter(name => name !== '')),
    async text(name) {
      const written = paths.get(name);
      if (written === undefined) return undefined;
      const {stdout} = await execa('tar', ['--extract', '--to-stdout', '--file', tarFile, '--', written], {cancelSignal: signal, maxBuffer: TEXT_MAX, reject: false, stripFinalNewline: false});
      return stdout;
    },
    async texts(files) {
      // Without a name tar would give everything.
      if (files.length === 0) return [];
      const input = files.map(({name}) => `${name}\0`).join('');
      const {stdout, failed} = await execa('tar', ['--extract', '--to-stdout', '--file', tarFile, '--null', '--verbatim-files-from', '--files-from=-'], {cancelSignal: signal, input, encoding: 'buffer', reject: false});
      // In the order of the tar, without anything between them.
      let at = 0;
      return failed ? [] : files.map(({sizeBytes: length}) => Buffer.from(stdout.subarray(at, (at += length))).toString());
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, {recursive: true, force: true});
    },
  };
}
