import {createHash} from 'node:crypto';
import {appendFile, readFile, rename, writeFile} from 'node:fs/promises';
import type {FastifyRequest} from 'fastify';
import {ApiError} from './problem.ts';

/** Keys of which is known what they were used for. A retry comes within minutes. */
const KEYS_MAX = 2_000;
/** Lines of the file, until it is written anew with those that count. */
const LINES_MAX = 2 * KEYS_MAX;

/** Where they are kept, and who is told that they can't be. */
export interface KeyBook {
  readonly file: string;
  log(message: string, error: unknown): void;
}

/**
 * What Idempotency-Keys were used for. Git has only the keys themselves, in the trailers of commits: of what was in a request it must not even have a hash,
 * which could be tried out. So that is in a file of the node, and a key means the same after a restart.
 */
export class UsedKeys {
  readonly #book: KeyBook | undefined;
  readonly #prints = new Map<string, string>();
  /** Of the file; undefined: it has not been read yet. */
  #lines: number | undefined;
  /** One after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** Without a book they are forgotten with this process. */
  constructor(book?: KeyBook) {
    this.#book = book;
  }

  /** Resolves when it is written down: before anything is done. @throws {ApiError} 422 for a key that was used for another request */
  async mustFit(key: string, request: Pick<FastifyRequest, 'method' | 'url' | 'body'>): Promise<void> {
    const print = printOf(request);
    const fitting = this.#last.then(() => this.#fit(key, print));
    this.#last = fitting.catch(() => {});
    return fitting;
  }

  async #fit(key: string, print: string): Promise<void> {
    if (this.#lines === undefined) await this.#read();
    const before = this.#prints.get(key);
    if (before !== undefined && before !== print) throw new ApiError(422, 'this Idempotency-Key was used for another request: take a new one for each');
    this.#remember(key, print);
    if (before === undefined) await this.#write(`${key} ${print}\n`);
  }

  #remember(key: string, print: string): void {
    this.#prints.delete(key);
    this.#prints.set(key, print);
    const [oldest] = this.#prints.keys();
    if (this.#prints.size > KEYS_MAX && oldest !== undefined) this.#prints.delete(oldest);
  }

  /** Half a line, of a machine that lost power, is none: then all of the file is written anew. */
  async #read(): Promise<void> {
    this.#lines = 0;
    if (this.#book === undefined) return;
    const text = await readFile(this.#book.file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') this.#book?.log('the Idempotency-Keys of before the start can\'t be read', error);
      return '';
    });
    for (const [, key = '', print = ''] of text.matchAll(/^(\S+) ([0-9a-f]{64})$/gm)) {
      this.#lines += 1;
      this.#remember(key, print);
    }
    if (text !== '' && !text.endsWith('\n')) this.#lines = LINES_MAX;
  }

  /** What can't be written is done all the same: only a retry after a restart is not told that it is another request. */
  async #write(line: string): Promise<void> {
    if (this.#book === undefined) return;
    const {file, log} = this.#book;
    try {
      if ((this.#lines ?? 0) < LINES_MAX) {
        await appendFile(file, line, {mode: 0o600});
        this.#lines = (this.#lines ?? 0) + 1;
        return;
      }
      await writeFile(`${file}.next`, [...this.#prints].map(([key, print]) => `${key} ${print}\n`).join(''), {mode: 0o600});
      await rename(`${file}.next`, file);
      this.#lines = this.#prints.size;
    } catch (error) {
      log('an Idempotency-Key can\'t be written down', error);
    }
  }
}

function printOf({method, url, body}: Pick<FastifyRequest, 'method' | 'url' | 'body'>): string {
  return createHash('sha256').update(JSON.stringify([method, url.split('?')[0], body ?? null])).digest('hex');
}
