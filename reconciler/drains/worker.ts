import {readFile, rename, writeFile} from 'node:fs/promises';
import type {AppName} from '../../schemas/ids.ts';
import type {DrainStatus} from '../node.ts';
import type {Position} from '../logs/partition.ts';
import {linesOf, parseRecord} from '../logs/record.ts';
import type {LogStore} from '../logs/store.ts';
import {Refused, type Drain, type DrainLine, type Sender} from './drain.ts';

export interface WorkerOptions {
  readonly drain: Drain;
  readonly store: LogStore;
  /** Where is written down how far its receiver has got. */
  readonly file: string;
  createSender(onBroken: () => void): Sender;
  /** Something that people should hear of. `of`: it goes on, it fails, or lines are lost. */
  onNews(news: {readonly of: 'failing' | 'working' | 'dropped'; readonly message: string}): void;
}

/** By app, then partition. */
type Positions = Map<AppName, Map<string, Position>>;

const READ_BYTES = 64 * 1024;
/** Partitions whose lines go together, in time order. */
const TOGETHER_MAX = 16;
/** A connection is ended, and begun anew, when it was idle for so long, has lasted so long, or has taken so much: then it is known what has arrived. */
const IDLE_MS = 2_000;
const SETTLE_MS = 15_000;
const SETTLE_BYTES = 4 * 1024 * 1024;
/** After a failure: 0.5, 1, 2 … s. */
const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 60_000;

/**
 * Sends lines of the store on to one receiver, from where it had got to, at least once. What waits for a receiver that is away waits in the store,
 * which is the bound: what was removed there in the meantime is counted as dropped.
 */
export class DrainWorker {
  readonly #options: WorkerOptions;
  /** Up to here the receiver has everything. Written down. */
  #settled: Positions = new Map();
  /** Up to here it was given everything. */
  #sent: Positions = new Map();
  /** Since the last settling. */
  #sentLines = 0;
  #sentBytes = 0;
  #sentSinceMs = 0;
  #lostLines = 0;
  #lostWhy = '';
  #delivered = 0;
  #dropped = 0;
  #failures = 0;
  #error = '';
  readonly #news = new Map<string, readonly [AppName, string]>();
  #wake = () => {};

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  get state(): Omit<DrainStatus, 'app' | 'url'> {
    const behind = this.#partitions().reduce((sum, [app, name, {end}]) => sum + Math.max(0, end.line - (this.#settled.get(app)?.get(name)?.line ?? 0)), 0);
    return {
      state: this.#failures > 0 ? 'failing' : behind > 0 ? 'sending' : 'idle',
      delivered: this.#delivered, dropped: this.#dropped, behind,
      ...(this.#failures > 0 && {error: this.#error}),
    };
  }

  /** Until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const {store, drain} = this.#options;
    const isOurs = (app: AppName) => drain.app === undefined || drain.app === app;
    store.listen((app, name) => isOurs(app) && this.#tell(app, name), signal);
    signal.addEventListener('abort', () => this.#wake(), {once: true});
    await this.#restore();
    const sender = this.#options.createSender(() => this.#wake());
    while (!signal.aborted) {
      try {
        if (sender.isBroken && this.#isUnsettled) throw new Error('the receiver has ended the connection');
        const hasSent = await this.#sendSome(sender, signal);
        const isDue = this.#isUnsettled && (sender.isSure || Date.now() - this.#sentSinceMs > SETTLE_MS || this.#sentBytes > SETTLE_BYTES);
        if (!hasSent && this.#news.size === 0 && !(await this.#isWoken(this.#isUnsettled ? IDLE_MS : undefined, signal)) && this.#isUnsettled) await this.#settle(sender, signal);
        else if (isDue) await this.#settle(sender, signal);
      } catch (error) {
        if (signal.aborted) break;
        await this.#fail(error, sender, signal);
      }
    }
    sender.close();
  }

  get #isUnsettled(): boolean {
    return this.#sentLines + this.#lostLines > 0;
  }

  /** Answers whether there was anything. */
  async #sendSome(sender: Sender, signal: AbortSignal): Promise<boolean> {
    const {store} = this.#options;
    const chosen = [...this.#news].slice(0, TOGETHER_MAX);
    const lines: DrainLine[] = [];
    const next: (readonly [AppName, string, Position])[] = [];
    let bytes = 0;
    let removed = 0;
    for (const [key, [app, name]] of chosen) {
      this.#news.delete(key);
      const partition = store.partitions(app).get(name);
      if (partition === undefined) continue;
      const chunk = await partition.read(this.#sent.get(app)?.get(name) ?? partition.start, READ_BYTES);
      removed += chunk.lost;
      next.push([app, name, chunk.next]);
      if (chunk.bytes.length === 0) continue;
      bytes += chunk.bytes.length;
      this.#tell(app, name);
      for (const [start, end] of linesOf(chunk.bytes)) {
        const line = parseRecord(chunk.bytes, start, end);
        if (line !== undefined) lines.push({app, ...line});
      }
    }
    lines.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    const refused = lines.length === 0 ? undefined : await send(sender, lines, signal);
    for (const [app, name, position] of next) setPosition(this.#sent, [app, name], position);
    if (lines.length === 0 && removed === 0) return false;
    if (!this.#isUnsettled) this.#sentSinceMs = Date.now();
    if (removed > 0) this.#lostWhy = 'they were removed before they could be sent';
    if (refused !== undefined) this.#lostWhy = refused;
    this.#lostLines += removed + (refused === undefined ? 0 : lines.length);
    this.#sentLines += refused === undefined ? lines.length : 0;
    this.#sentBytes += bytes;
    return true;
  }

  async #settle(sender: Sender, signal: AbortSignal): Promise<void> {
    await sender.settle(signal);
    this.#settled = copyOf(this.#sent);
    this.#delivered += this.#sentLines;
    this.#dropped += this.#lostLines;
    if (this.#lostLines > 0) this.#options.onNews({of: 'dropped', message: `${this.#lostLines} lines are lost: ${this.#lostWhy}`});
    this.#startAnew();
    if (this.#failures > 0) this.#options.onNews({of: 'working', message: 'works again'});
    this.#failures = 0;
    await this.#tryToNote();
  }

  /** All that is not known to have arrived is sent again. */
  async #fail(error: unknown, sender: Sender, signal: AbortSignal): Promise<void> {
    sender.close();
    this.#sent = copyOf(this.#settled);
    this.#startAnew();
    for (const [app, name] of this.#partitions()) this.#tell(app, name);
    this.#error = error instanceof Error ? error.message : String(error);
    this.#failures += 1;
    if (this.#failures === 1) this.#options.onNews({of: 'failing', message: `fails: ${this.#error}; its lines wait in the log`});
    await pause(Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** (this.#failures - 1)), signal);
  }

  #startAnew(): void {
    this.#sentLines = 0;
    this.#sentBytes = 0;
    this.#lostLines = 0;
  }

  #tell(app: AppName, name: string): void {
    this.#news.set(`${app} ${name}`, [app, name]);
    this.#wake();
  }

  /** Resolves to false when nothing happened for `ms`. */
  #isWoken(ms: number | undefined, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted || this.#news.size > 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => resolve(false), ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  #partitions() {
    const {store, drain} = this.#options;
    const apps = drain.app === undefined ? store.apps() : [drain.app];
    return apps.flatMap((app) => [...store.partitions(app)].map(([name, partition]) => [app, name, partition] as const));
  }

  /** One that is new gets what comes from now on, not the past. */
  async #restore(): Promise<void> {
    const noted = await readNote(this.#options.file);
    for (const [app, name, partition] of this.#partitions()) {
      const position = noted === undefined ? partition.end : noted.positions[app]?.[name];
      if (position !== undefined) setPosition(this.#settled, [app, name], position);
      this.#tell(app, name);
    }
    this.#delivered = noted?.delivered ?? 0;
    this.#dropped = noted?.dropped ?? 0;
    this.#sent = copyOf(this.#settled);
    if (noted === undefined) await this.#tryToNote();
  }

  /** A disk that is full costs repetitions after the next start, and nothing now. */
  async #tryToNote(): Promise<void> {
    await this.#note().catch(() => {});
  }

  async #note(): Promise<void> {
    const {file} = this.#options;
    const there = new Set(this.#partitions().map(([app, name]) => `${app} ${name}`));
    const positions = Object.fromEntries([...this.#settled].map(([app, own]) => [app, Object.fromEntries([...own].filter(([name]) => there.has(`${app} ${name}`)))]));
    await writeFile(`${file}.new`, JSON.stringify({positions, delivered: this.#delivered, dropped: this.#dropped} satisfies Note), {mode: 0o600});
    await rename(`${file}.new`, file);
  }
}

/** Resolves to why the receiver refuses them for good; undefined when it does not. */
async function send(sender: Sender, lines: readonly DrainLine[], signal: AbortSignal): Promise<string | undefined> {
  try {
    await sender.send(lines, signal);
    return undefined;
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

interface Note {
  readonly positions: Readonly<Record<string, Readonly<Record<string, Position>>>>;
  readonly delivered: number;
  readonly dropped: number;
}

/** Undefined: there is none. One that can't be read is none, which costs what was sent before. */
async function readNote(file: string): Promise<Note | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Note;
  } catch {
    return undefined;
  }
}

function setPosition(positions: Positions, [app, name]: readonly [AppName, string], position: Position): void {
  positions.set(app, (positions.get(app) ?? new Map<string, Position>()).set(name, position));
}

function copyOf(positions: Positions): Positions {
  return new Map([...positions].map(([app, own]) => [app, new Map(own)]));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, {once: true});
  });
}
