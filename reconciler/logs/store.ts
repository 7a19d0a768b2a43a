import {readdir, rmdir} from 'node:fs/promises';
import path from 'node:path';
import type {AppName} from '../../schemas/ids.ts';
import {Partition} from './partition.ts';
import {formatAt, record, type Origin} from './record.ts';

export interface LogLimits {
  /** Of one app's logs on this node. */
  readonly appBytesMax: number;
  readonly ageMsMax: number;
}

/** Pieces that go at once: an app's oldest lines are removed in steps of this, or smaller ones when it has many replicas. */
const SEGMENT_BYTES_MAX = 1024 * 1024;
const SEGMENT_BYTES_MIN = 64 * 1024;
/** Segments that the largest share of an app's limit is cut into, at least. */
const SEGMENTS_MIN = 4;
const AGE_LOOK_MS = 10 * 60_000;

export interface LogStoreOptions {
  readonly folder: string;
  limits(): LogLimits;
  /** What an app's folder is called; absent: as the app. And the other way: undefined where nobody is called so. */
  idOf?(app: AppName): string;
  nameOf?(id: string): AppName | undefined;
  onProblem(error: Error): void;
}

/** What has news: lines of this partition are on disk. */
export type LogNews = (app: AppName, partition: string) => void;

/**
 * The logs of all apps, on disk: `<app's id>/<partition>/<number of the first line>.log`. A partition is a replica (`web.1`, whichever container
 * has been it), or a part of the platform. When an app has more than its limit, its largest partition loses its oldest segment: a replica
 * that floods its log pushes out its own old lines, not the last words of another.
 */
export class LogStore {
  readonly #options: LogStoreOptions;
  readonly #partitions = new Map<string, Map<string, Promise<Partition>>>();
  readonly #opened = new Map<string, Map<string, Partition>>();
  readonly #listeners = new Set<LogNews>();

  private constructor(options: LogStoreOptions) {
    this.#options = options;
  }

  /** Finds what is there, and from then on removes what is too old, until the signal. */
  static async open(options: LogStoreOptions, signal: AbortSignal): Promise<LogStore> {
    const store = new LogStore(options);
    for (const app of await foldersOf(options.folder)) {
      for (const name of await foldersOf(path.join(options.folder, app))) await store.#partition(app, name);
    }
    const timer = setInterval(() => store.removeOld(Date.now()).catch(options.onProblem), AGE_LOOK_MS);
    signal.addEventListener('abort', () => clearInterval(timer), {once: true});
    return store;
  }

  apps(): readonly AppName[] {
    return [...this.#opened.keys()].flatMap((key) => this.#nameOf(key) ?? []);
  }

  /** Sorted by name. */
  partitions(app: AppName): ReadonlyMap<string, Partition> {
    return new Map([...this.#opened.get(this.#keyOf(app)) ?? []].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Appends whole records. Resolves when there is room for more: at once, unless the disk is slower than the lines come. */
  async append(app: AppName, name: string, bytes: Buffer): Promise<void> {
    const partition = await this.partition(app, name);
    partition.append(bytes);
    if (partition.isFull) await partition.written();
  }

  /** A line of our own. One that finds the disk full is left out: nobody waits for it. */
  note(app: AppName, origin: Omit<Origin, 'source'>, {text, atMs = Date.now()}: {readonly text: string; readonly atMs?: number}): void {
    void this.partition(app, origin.name).then((partition) => {
      if (!partition.isFull) partition.append(record(formatAt(atMs), {source: 'flynn', ...origin}, text));
    }, this.#options.onProblem);
  }

  /** Resolves when all that was appended before can be read. */
  async written(app?: AppName): Promise<void> {
    const chosen = app === undefined ? [...this.#partitions.values()] : [this.#partitions.get(this.#keyOf(app)) ?? new Map<string, Promise<Partition>>()];
    await Promise.all(chosen.flatMap((partitions) => [...partitions.values()].map(async (partition) => (await partition).written())));
  }

  listen(listener: LogNews, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), {once: true});
  }

  /** Called by the clock. */
  async removeOld(nowMs: number): Promise<void> {
    const {ageMsMax} = this.#options.limits();
    for (const [app, partitions] of this.#opened) {
      for (const [name, partition] of partitions) {
        const isOld = () => nowMs - (partition.segments[0]?.writtenAtMs ?? nowMs) > ageMsMax;
        while (isOld()) await partition.removeFirst();
        if (partition.isEmpty) await this.#close(app, name);
      }
    }
  }

  /** Made when there is none. */
  partition(app: AppName, name: string): Promise<Partition> {
    return this.#partition(this.#keyOf(app), name);
  }

  /** An app that was renamed keeps its folder. */
  #keyOf(app: AppName): string {
    return this.#options.idOf?.(app) ?? app;
  }

  #nameOf(key: string): AppName | undefined {
    return this.#options.nameOf === undefined ? key as AppName : this.#options.nameOf(key);
  }

  #partition(app: string, name: string): Promise<Partition> {
    const ofApp = this.#partitions.get(app) ?? new Map<string, Promise<Partition>>();
    this.#partitions.set(app, ofApp);
    const known = ofApp.get(name);
    if (known !== undefined) return known;
    const opening = Partition.open({
      folder: path.join(this.#options.folder, app, name),
      segmentBytesMax: () => this.#segmentBytesMax(app),
      onWritten: () => {
        const called = this.#nameOf(app);
        if (called !== undefined) for (const listener of this.#listeners) listener(called, name);
        this.#keepLimit(app).catch(this.#options.onProblem);
      },
      onProblem: this.#options.onProblem,
    });
    const opened = opening.then((partition) => {
      this.#opened.set(app, (this.#opened.get(app) ?? new Map<string, Partition>()).set(name, partition));
      return partition;
    }, (error: unknown) => {
      ofApp.delete(name);
      throw error;
    });
    ofApp.set(name, opened);
    return opened;
  }

  /** What replicas have been and are no more leaves no folders behind. */
  async #close(app: string, name: string): Promise<void> {
    this.#opened.get(app)?.delete(name);
    this.#partitions.get(app)?.delete(name);
    const folder = path.join(this.#options.folder, app);
    // Not empty after all: somebody has begun to write again.
    await rmdir(path.join(folder, name)).catch(() => {});
    if (this.#opened.get(app)?.size !== 0) return;
    this.#opened.delete(app);
    this.#partitions.delete(app);
    await rmdir(folder).catch(() => {});
  }

  #segmentBytesMax(app: string): number {
    const share = this.#options.limits().appBytesMax / (this.#opened.get(app)?.size ?? 1) / SEGMENTS_MIN;
    return Math.max(SEGMENT_BYTES_MIN, Math.min(SEGMENT_BYTES_MAX, share));
  }

  async #keepLimit(app: string): Promise<void> {
    const {appBytesMax} = this.#options.limits();
    for (;;) {
      const partitions = [...this.#opened.get(app)?.values() ?? []];
      if (partitions.reduce((sum, {bytes}) => sum + bytes, 0) <= appBytesMax) return;
      // The segment that is written to stays.
      const largest = partitions.filter(({segments}) => segments.length > 1).toSorted((a, b) => b.bytes - a.bytes)[0];
      if (largest === undefined) return;
      await largest.removeFirst();
    }
  }
}

async function foldersOf(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, {withFileTypes: true}).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.isDirectory()).map(({name}) => name);
}
