import {createHash} from 'node:crypto';
import {appendFile, chmod, open, readFile, rename, stat} from 'node:fs/promises';
import path from 'node:path';
import type {Audit, AuditEntry, AuditVerdict, NewAuditEntry} from './oneshot.ts';

/** Bytes of one file; `audit.log.1` is older than `audit.log`. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const OLD_FILES_MAX = 4;

/**
 * Who did what: a line of JSON for each, appended and never changed. Each has the hash of the one before it, whatever that is, so that a line can't
 * be changed or taken out unseen; of the oldest file that is kept the first line is taken as it is. The oldest is removed when there are too many.
 */
export class AuditLog implements Audit {
  readonly #file: string;
  readonly #nowMs: () => number;
  /** Of the line that was written last; empty: there is none; undefined: it is not known. */
  #lastHash: string | undefined;
  /** One after the other: lines stay whole, and in order. */
  #last: Promise<unknown> = Promise.resolve();
  /** What comes while something is written is written, and flushed to the disk, together. */
  #waiting: AuditEntry[] = [];
  #next: Promise<void> | undefined;

  constructor(file: string, nowMs: () => number = Date.now) {
    this.#file = file;
    this.#nowMs = nowMs;
  }

  add(entry: NewAuditEntry): Promise<void> {
    this.#waiting.push({at: new Date(this.#nowMs()).toISOString(), ...entry});
    if (this.#next === undefined) {
      this.#next = this.#last.then(() => this.#writeWaiting());
      this.#last = this.#next.catch(() => {}); // Its own callers are told; the next lines have their own try.
    }
    return this.#next;
  }

  async last(count: number): Promise<readonly AuditEntry[]> {
    const entries: AuditEntry[] = [];
    for (let old = 0; old <= OLD_FILES_MAX && entries.length < count; old++) {
      const lines = (await textOf(this.#name(old))).split('\n').filter((line) => line !== '');
      entries.unshift(...lines.slice(-(count - entries.length)).flatMap(parsed));
    }
    return entries;
  }

  async verify(): Promise<AuditVerdict> {
    let lines = 0;
    let before: string | undefined;
    for (let old = OLD_FILES_MAX; old >= 0; old--) {
      for (const [index, text] of (await textOf(this.#name(old))).split('\n').entries()) {
        if (text === '') continue;
        lines += 1;
        const [entry] = parsed(text);
        if (before !== undefined && entry?.prev !== undefined && entry.prev !== hashOf(before)) return {lines, brokenAt: `${path.basename(this.#name(old))}:${index + 1}`};
        before = text;
      }
    }
    return {lines};
  }

  async #writeWaiting(): Promise<void> {
    const entries = this.#waiting;
    this.#waiting = [];
    this.#next = undefined;
    try {
      let hash = this.#lastHash ?? await this.#hashOfLast();
      const lines = entries.map((entry) => {
        const line = JSON.stringify({...entry, ...(hash !== '' && {prev: hash})});
        hash = hashOf(line);
        return `${line}\n`;
      }).join('');
      if (await sizeOf(this.#file) + Buffer.byteLength(lines) > FILE_BYTES_MAX) await this.#rotate();
      await appendFile(this.#file, await isWhole(this.#file) ? lines : `\n${lines}`, {mode: 0o600, flush: true});
      await chmod(this.#file, 0o600);
      this.#lastHash = hash;
    } catch (cause) {
      // Perhaps half of it is there: what it is counts.
      this.#lastHash = undefined;
      throw new Error(`writing "${this.#file}" failed`, {cause});
    }
  }

  async #rotate(): Promise<void> {
    for (let old = OLD_FILES_MAX - 1; old >= 0; old--) {
      if (await sizeOf(this.#name(old)) > 0) await rename(this.#name(old), this.#name(old + 1));
    }
  }

  /** Empty: there is none. */
  async #hashOfLast(): Promise<string> {
    for (let old = 0; old <= OLD_FILES_MAX; old++) {
      const last = (await textOf(this.#name(old))).split('\n').findLast((line) => line !== '');
      if (last !== undefined) return hashOf(last);
    }
    return '';
  }

  #name(old: number): string {
    return old === 0 ? this.#file : `${this.#file}.${old}`;
  }
}

function hashOf(line: string): string {
  return createHash('sha256').update(line).digest('hex');
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
