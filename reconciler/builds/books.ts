import {mkdir, readdir, readFile, rename, rm, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {AppName} from '../../schemas/ids.ts';
import type {BuildRecord} from './builds.ts';

/** Records and logs that are kept of each app, beside those of builds that have not ended. */
export const RECORDS_KEPT = 100;
export const LOGS_KEPT = 20;

/** Apps whose folders are looked at, at once. */
const PARALLEL_MAX = 8;
const RECORD = /^(\d{1,9})(\.open)?\.json$/;
const LOG = /^(\d{1,9})\.log$/;
const UNFINISHED = /^\.(\d{1,9})\.json\.new$/;

/**
 * What this node's disk says of builds: `<app>/<number>.json` for each that has ended, `<number>.open.json` for each that has not. A file
 * is replaced as a whole, so that a crash leaves the old one or the new one; an open one of an earlier process tells of an interrupted build.
 */
export class BuildBooks {
  readonly #folder: string;
  readonly #noteProblem: (message: string, error: unknown) => void;
  /** By app: numbers of this process's builds that have not ended. */
  readonly #open = new Map<AppName, Set<number>>();
  /** By app: the highest number that was ever given away. */
  readonly #highest = new Map<AppName, number>();

  /** `noteProblem` hears of records that the disk refuses: that must not end a build. */
  constructor(folder: string, noteProblem: (message: string, error: unknown) => void) {
    this.#folder = folder;
    this.#noteProblem = noteProblem;
  }

  logFile(app: AppName, number: number): string {
    return path.join(this.#folder, app, `${number}.log`);
  }

  /** Writes down a build that is to come, under the next number of its app. Calls for one app come one after the other. */
  async add({app, ...draft}: Omit<BuildRecord, 'number'>): Promise<BuildRecord> {
    const names = await this.#names(app);
    const numbers = names.flatMap((name) => numberOf(name, RECORD) ?? numberOf(name, LOG) ?? []);
    const number = Math.max(0, ...numbers, this.#highest.get(app) ?? 0) + 1;
    this.#highest.set(app, number);
    this.#openOf(app).add(number);
    const record: BuildRecord = {app, number, ...draft};
    await this.write(record);
    await this.#prune(app, names);
    return record;
  }

  /** One that has ended is so for good. Never rejects. */
  async write(record: BuildRecord): Promise<void> {
    try {
      await this.#write(record);
    } catch (error) {
      this.#noteProblem(`build ${record.number} of ${record.app} is not noted`, error);
    }
  }

  async #write(record: BuildRecord): Promise<void> {
    const {app, number} = record;
    const folder = path.join(this.#folder, app);
    const unfinished = path.join(folder, `.${number}.json.new`);
    const hasEnded = record.endedAt !== undefined;
    // The logs of an app that is gone may just have been removed.
    await mkdir(folder, {recursive: true, mode: 0o700});
    await writeFile(unfinished, `${JSON.stringify(record, null, 2)}\n`, {mode: 0o600});
    await rename(unfinished, path.join(folder, hasEnded ? `${number}.json` : `${number}.open.json`));
    if (!hasEnded) return;
    this.#openOf(app).delete(number);
    await rm(path.join(folder, `${number}.open.json`), {force: true});
  }

  /** For a build that was not needed. Its number is not given away again while this process lives. */
  async forget({app, number}: Pick<BuildRecord, 'app' | 'number'>): Promise<void> {
    for (const name of [`${number}.open.json`, `${number}.json`, `${number}.log`]) await rm(path.join(this.#folder, app, name), {force: true});
    this.#openOf(app).delete(number);
  }

  /** The newest first. */
  async list(app: AppName, limit: number): Promise<readonly BuildRecord[]> {
    const numbers = numbersIn(await this.#names(app)).slice(0, limit);
    const records = await Promise.all(numbers.map((number) => this.read(app, number)));
    return records.filter((record) => record !== undefined);
  }

  /** Undefined: there is none, or it can't be read. */
  async read(app: AppName, number: number): Promise<BuildRecord | undefined> {
    const file = (suffix: string) => path.join(this.#folder, app, `${number}${suffix}`);
    // In this order: an open one is removed after the one that has ended is there.
    const isOurs = this.#openOf(app).has(number);
    const open = await recordIn(file('.open.json'));
    const ended = await recordIn(file('.json'));
    if (ended !== undefined || open === undefined) return ended;
    return isOurs ? open : this.#interrupt(open);
  }

  /** Marks builds that a reconciler before this one left open. Answers them. */
  async interruptAbandoned(): Promise<readonly BuildRecord[]> {
    const apps = (await readdir(this.#folder, {withFileTypes: true}).catch(missing)).filter((entry) => entry.isDirectory()).map(({name}) => name as AppName);
    const interrupted: BuildRecord[] = [];
    for (let start = 0; start < apps.length; start += PARALLEL_MAX) {
      await Promise.all(apps.slice(start, start + PARALLEL_MAX).map(async (app) => {
        const abandoned = (await this.#names(app)).filter((name) => name.endsWith('.open.json')).flatMap((name) => numberOf(name, RECORD) ?? []).filter((number) => !this.#openOf(app).has(number));
        for (const number of abandoned) interrupted.push(...[await this.read(app, number)].filter((record) => record !== undefined));
      }));
    }
    return interrupted;
  }

  async #interrupt(open: BuildRecord): Promise<BuildRecord> {
    // Nobody knows when it ended; its last words are the last that was heard of it.
    const heard = await stat(this.logFile(open.app, open.number)).catch(() => undefined);
    const begunMs = Date.parse(open.startedAt ?? open.queuedAt);
    // The time of a file may be some milliseconds behind the clock.
    const endedAt = new Date(Math.max(begunMs, heard?.mtimeMs ?? 0)).toISOString();
    const record: BuildRecord = {...open, state: 'interrupted', endedAt, reason: 'the reconciler ended in the middle of it'};
    await this.write(record);
    return record;
  }

  async #prune(app: AppName, names: readonly string[]): Promise<void> {
    const open = this.#openOf(app);
    const kept = (numbers: readonly number[], max: number) => numbers.filter((number) => !open.has(number)).slice(max);
    const records = kept(numbersIn(names), RECORDS_KEPT).flatMap((number) => [`${number}.json`, `${number}.open.json`, `${number}.log`]);
    const logs = kept(names.flatMap((name) => numberOf(name, LOG) ?? []).toSorted((one, other) => other - one), LOGS_KEPT).map((number) => `${number}.log`);
    // Of a process that was killed while it wrote.
    const unfinished = names.filter((name) => !open.has(numberOf(name, UNFINISHED) ?? 0) && UNFINISHED.test(name));
    for (const name of [...records, ...logs, ...unfinished]) await rm(path.join(this.#folder, app, name), {force: true});
  }

  #openOf(app: AppName): Set<number> {
    const open = this.#open.get(app) ?? new Set();
    this.#open.set(app, open);
    return open;
  }

  async #names(app: AppName): Promise<readonly string[]> {
    return readdir(path.join(this.#folder, app)).catch(missing);
  }
}

/** The highest first. */
function numbersIn(names: readonly string[]): readonly number[] {
  return [...new Set(names.flatMap((name) => numberOf(name, RECORD) ?? []))].toSorted((one, other) => other - one);
}

function numberOf(name: string, pattern: RegExp): number | undefined {
  const [, digits] = pattern.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** Our own file; what a full disk or a hand made of it is no record. */
async function recordIn(file: string): Promise<BuildRecord | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as BuildRecord;
    return typeof record.number === 'number' && typeof record.app === 'string' ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Before the first build there is no folder. */
function missing(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
