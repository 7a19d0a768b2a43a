import {appendFile, chmod, open, readFile, rename, stat} from 'node:fs/promises';
import type {Audit, AuditEntry} from './oneshot.ts';

/** Bytes of one file; `audit.log.1` is older than `audit.log`. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const OLD_FILES_MAX = 4;

/**
 * Who did what: a line of JSON for each, appended and never changed. Other fields may join (a chain of hashes); a reader takes what it knows.
 * The oldest file is removed when there are too many.
 */
export class AuditLog implements Audit {
  readonly #file: string;
  readonly #nowMs: () => number;
  /** One after the other: lines stay whole, and in order. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: string, nowMs: () => number = Date.now) {
    this.#file = file;
    this.#nowMs = nowMs;
  }

  add(entry: Omit<AuditEntry, 'at'>): Promise<void> {
    const writing = this.#last.then(() => this.#write({at: new Date(this.#nowMs()).toISOString(), ...entry}));
    this.#last = writing.catch(() => {}); // Its own caller is told; the next line has its own try.
    return writing;
  }

  async last(count: number): Promise<readonly AuditEntry[]> {
    const entries: AuditEntry[] = [];
    for (let old = 0; old <= OLD_FILES_MAX && entries.length < count; old++) {
      const lines = (await textOf(this.#name(old))).split('\n').filter((line) => line !== '');
      entries.unshift(...lines.slice(-(count - entries.length)).flatMap(parsed));
    }
    return entries;
  }

  async #write(entry: AuditEntry): Promise<void> {
    try {
      const line = `${JSON.stringify(entry)}\n`;
      if (await sizeOf(this.#file) + Buffer.byteLength(line) > FILE_BYTES_MAX) await this.#rotate();
      await appendFile(this.#file, await isWhole(this.#file) ? line : `\n${line}`, {mode: 0o600, flush: true});
      await chmod(this.#file, 0o600);
    } catch (cause) {
      throw new Error(`writing "${this.#file}" failed`, {cause});
    }
  }

  async #rotate(): Promise<void> {
    for (let old = OLD_FILES_MAX - 1; old >= 0; old--) {
      if (await sizeOf(this.#name(old)) > 0) await rename(this.#name(old), this.#name(old + 1));
    }
  }

  #name(old: number): string {
    return old === 0 ? this.#file : `${this.#file}.${old}`;
  }
}

/** Half a line, of a machine that lost power, is none. */
function parsed(line: string): readonly AuditEntry[] {
  try {
    return [JSON.parse(line) as AuditEntry];
  } catch {
    return [];
  }
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(unlessMissing(''));
}

/** False when a machine lost power, or a disk was full, in the middle of the last line. */
async function isWhole(file: string): Promise<boolean> {
  const sizeBytes = await sizeOf(file);
  if (sizeBytes === 0) return true;
  await using handle = await open(file);
  const {buffer} = await handle.read(Buffer.alloc(1), 0, 1, sizeBytes - 1);
  return buffer.toString() === '\n';
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(({size}) => size, unlessMissing(0));
}

function unlessMissing<Value>(instead: Value): (error: NodeJS.ErrnoException) => Value {
  return (error) => {
    if (error.code !== 'ENOENT') throw error;
    return instead;
  };
}
