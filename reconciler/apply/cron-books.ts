import {mkdir, readdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {AppName} from '../../schemas/ids.ts';
import type {CronBook, CronNext, CronRecord, CronRun} from '../observed/state.ts';

/** Runs that are kept of each command with a schedule, beside those that have not ended. */
export const CRON_RUNS_KEPT = 50;

export interface CronChange {
  readonly app: AppName;
  readonly cron: string;
  /** New ones, and those that changed, by their ids. */
  readonly runs: readonly CronRun[];
  /** Absent: as it was. */
  readonly next?: CronNext | 'none';
}

/**
 * What this node's disk says of commands with a schedule: one JSON file an app, replaced as a whole, so that a crash leaves the old one or
 * the new one. Changes of one book come one after the other, each to what the one before it left: two of them never undo each other.
 */
export class CronBooks {
  readonly #folder: string;
  readonly #books: Map<AppName, CronBook>;
  readonly #turns = new Map<AppName, Promise<void>>();

  private constructor(folder: string, books: Map<AppName, CronBook>) {
    this.#folder = folder;
    this.#books = books;
  }

  /** `onBroken` hears of files that can't be read as what they should be: they are put aside as `<app>.json.broken`, never deleted. */
  static async open(folder: string, onBroken: (file: string, cause: unknown) => void): Promise<CronBooks> {
    await mkdir(folder, {recursive: true});
    const books = new Map<AppName, CronBook>();
    for (const name of await readdir(folder)) {
      if (!name.endsWith('.json')) continue;
      const file = path.join(folder, name);
      const text = await readFile(file, 'utf8');
      try {
        const book = JSON.parse(text) as CronBook;
        if (book.app !== name.slice(0, -'.json'.length)) throw new Error(`is of app "${book.app}"`);
        books.set(book.app, book);
      } catch (cause) {
        onBroken(file, cause);
        await rename(file, `${file}.broken`);
      }
    }
    return new CronBooks(folder, books);
  }

  get books(): ReadonlyMap<AppName, CronBook> {
    return this.#books;
  }

  async write({app, cron, runs, next}: CronChange): Promise<void> {
    await this.#change(app, (crons) => ({...crons, [cron]: changed(crons[cron] ?? {runs: []}, runs, next)}));
  }

  async forgetCron(app: AppName, cron: string): Promise<void> {
    await this.#change(app, ({[cron]: _, ...others}) => others);
  }

  async forget(app: AppName): Promise<void> {
    await this.#change(app, () => ({}));
  }

  #change(app: AppName, edit: (crons: CronBook['crons']) => CronBook['crons']): Promise<void> {
    const turn = (this.#turns.get(app) ?? Promise.resolve()).then(async () => {
      const crons = edit(this.#books.get(app)?.crons ?? {});
      const file = path.join(this.#folder, `${app}.json`);
      if (Object.keys(crons).length === 0) {
        await rm(file, {force: true});
        this.#books.delete(app);
        return;
      }
      const book: CronBook = {app, crons};
      await writeFile(`${file}.new`, JSON.stringify(book), {flush: true, mode: 0o600});
      await rename(`${file}.new`, file);
      this.#books.set(app, book);
    });
    // Who comes next does not fail because of this one.
    const settled = turn.catch(() => {});
    this.#turns.set(app, settled);
    void settled.then(() => this.#turns.get(app) === settled && this.#turns.delete(app));
    return turn;
  }
}

/** A record after a change. Exported for the simulation, whose disk is its memory. */
export function changed(record: CronRecord, runs: readonly CronRun[], next: CronChange['next']): CronRecord {
  const byId = new Map([...record.runs, ...runs].map((run) => [run.id, run]));
  const sorted = [...byId.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const ended = sorted.filter(({state}) => state === 'ended');
  const forgotten = new Set(ended.slice(0, Math.max(0, ended.length - CRON_RUNS_KEPT)));
  const due = next === undefined ? record.next : next === 'none' ? undefined : next;
  return {...(due !== undefined && {next: due}), runs: sorted.filter((run) => !forgotten.has(run))};
}
