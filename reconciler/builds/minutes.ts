import {readFile, rename, writeFile} from 'node:fs/promises';
import type {AppName} from '../../schemas/ids.ts';

interface Book {
  /** `2026-11`, UTC. */
  readonly month: string;
  readonly minutes: Readonly<Record<string, number>>;
}

/** How long the builds of each app took in this calendar month. On disk, apart from the builds' records, of which old ones go, and with them their apps'. */
export class BuildMinutes {
  readonly #file: string;
  readonly #log: (message: string, error: unknown) => void;
  #book: Book;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, {book, log}: {book: Book; log: (message: string, error: unknown) => void}) {
    this.#file = file;
    this.#log = log;
    this.#book = book;
  }

  /** What can't be read counts as nothing, and is told of: builds are not to stop for it. */
  static async open(file: string, log: (message: string, error: unknown) => void): Promise<BuildMinutes> {
    const book = await readFile(file, 'utf8').then((text) => bookIn(JSON.parse(text)), (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return EMPTY;
    }).catch((error: unknown) => {
      log(`${file} can't be read: this month's minutes of builds begin anew`, error);
      return EMPTY;
    });
    return new BuildMinutes(file, {book, log});
  }

  /** Minutes of the month that `nowMs` is in. */
  used(app: string, nowMs: number): number {
    return this.#book.month === monthOf(nowMs) && Object.hasOwn(this.#book.minutes, app) ? this.#book.minutes[app] ?? 0 : 0;
  }

  /** Resolves when it is on the disk, or was told that it can't be. */
  async add(app: AppName, ms: number, nowMs: number): Promise<void> {
    const month = monthOf(nowMs);
    const minutes = this.#book.month === month ? this.#book.minutes : {};
    this.#book = {month, minutes: {...minutes, [app]: (Object.hasOwn(minutes, app) ? minutes[app] ?? 0 : 0) + Math.max(0, ms) / 60_000}};
    const text = `${JSON.stringify(this.#book, null, 2)}\n`;
    this.#writing = this.#writing.then(async () => {
      await writeFile(`${this.#file}.new`, text, {mode: 0o600});
      await rename(`${this.#file}.new`, this.#file);
    }).catch((error: unknown) => this.#log('minutes of builds are not noted', error));
    await this.#writing;
  }
}

const EMPTY: Book = {month: '', minutes: {}};

function monthOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 'yyyy-mm'.length);
}

function bookIn(value: unknown): Book {
  const {month, minutes} = (value ?? {}) as Partial<Book>;
  if (typeof month !== 'string' || typeof minutes !== 'object' || minutes === null || !Object.values(minutes).every((one) => typeof one === 'number')) throw new Error('it is no book of minutes');
  return {month, minutes};
}
