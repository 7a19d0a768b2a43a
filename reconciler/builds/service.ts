import type {AppId, AppName, CommitId} from '../../schemas/ids.ts';
import type {Build} from '../build/build.ts';
import type {Author} from '../checkout/snapshot.ts';
import {mutex, orAborted} from '../mutex.ts';
import {Refused} from '../oneshot/oneshot.ts';
import {BuildBooks, LOGS_KEPT, RECORDS_KEPT} from './books.ts';
import type {BuildCache, BuildLine, BuildOrigin, BuildRecord, Builds, ListedBuild} from './builds.ts';
import {BuildLog, readLog} from './log.ts';
import {OpenBuild, type BuildQuota} from './open-build.ts';
import {Turns} from './turns.ts';

/** Of what is done to its end once it has begun. */
const NEVER = new AbortController().signal;

/** Who wants what to be built. */
export interface BuildOrder {
  readonly app: AppName;
  readonly commit: CommitId;
  readonly branch?: string;
  readonly by: Author;
  readonly origin: BuildOrigin;
  /** One line for whoever ordered it, at once. */
  print(line: string): void;
}

export interface BuildServiceParts {
  /** Folder of records and logs, `layout.builds`. */
  readonly folder: string;
  readonly build: Build;
  readonly caches: {
    /** Bytes; 0: there is none. */
    measure(app: AppName, signal: AbortSignal): Promise<number>;
    remove(app: AppName, signal: AbortSignal): Promise<void>;
    /** Undefined while the cluster's manifest can't be read. */
    maxBytes(): number | undefined;
  };
  /** Absent: nothing is limited. */
  readonly quota?: BuildQuota;
  /** What folders, images and caches of an app go by. Absent: its name. */
  idOf?(app: AppName): AppId;
  /** Gets what failed inside of us. */
  log(message: string, error: unknown): void;
}

/** All builds of this node: each has a number, a record and a log, waits for its turn, and can be cancelled. */
export class BuildService implements Builds {
  readonly #parts: BuildServiceParts;
  readonly #books: BuildBooks;
  readonly #stopping: AbortSignal;
  readonly #numbering = mutex();
  readonly #open = new Set<OpenBuild>();
  readonly #apps = new Map<AppName, Turns>();
  readonly #node = new Turns();

  /** `stopping` ends nothing by itself: it tells what a build ended by. */
  constructor(parts: BuildServiceParts, stopping: AbortSignal) {
    this.#parts = parts;
    this.#books = new BuildBooks(parts.folder, parts.log);
    this.#stopping = stopping;
  }

  /** Marks the builds that a reconciler before this one was killed in. */
  async interruptAbandoned(): Promise<readonly BuildRecord[]> {
    const interrupted = await this.#books.interruptAbandoned();
    // Nobody was there to count them.
    for (const {app, startedAt, endedAt} of interrupted) if (startedAt !== undefined && endedAt !== undefined) await this.#parts.quota?.spent(app, Date.parse(endedAt) - Date.parse(startedAt));
    return interrupted;
  }

  /**
   * Writes a build down and lets `work` go on with it: wait, build, release. What ends `work` before there is an image is what became of the
   * build; when it ends well and nothing was built, the build is forgotten.
   */
  async conduct<Value>(order: BuildOrder, work: (build: OpenBuild) => Promise<Value>, signal: AbortSignal): Promise<Value> {
    const build = await this.#begin(order, signal);
    try {
      signal.throwIfAborted();
      const value = await work(build);
      if (!build.hasEnded) await this.#forget(build);
      return value;
    } catch (error) {
      await build.failed(error);
      throw error;
    } finally {
      this.#open.delete(build);
      await build.close();
    }
  }

  async list(app: AppName, limit: number): Promise<readonly ListedBuild[]> {
    const home = this.#homeOf(app);
    return (await this.#books.list(home, limit)).map((record) => ({...this.#find(home, record.number)?.listed ?? record, app}));
  }

  async show(app: AppName, number: number): Promise<ListedBuild> {
    const home = this.#homeOf(app);
    const record = this.#find(home, number)?.listed ?? await this.#books.read(home, number);
    if (record === undefined) throw new Refused('missing', `app "${app}" has no build ${number}; the last ${RECORDS_KEPT} are kept: flynn builds -a ${app}`);
    return {...record, app};
  }

  async* log({app, number}: {readonly app: AppName; readonly number: number}, mode: 'follow' | 'so-far', signal: AbortSignal): AsyncGenerator<BuildLine> {
    const home = this.#homeOf(app);
    const live = this.#find(home, number)?.log;
    await this.show(app, number);
    try {
      for await (const line of readLog(this.#books.logFile(home, number), mode === 'follow' ? live : undefined, signal)) yield {line};
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new Refused('missing', `the log of build ${number} of ${app} is not kept any more: those of the last ${LOGS_KEPT} builds are`);
    }
    yield {build: await this.show(app, number)};
  }

  async cancel(app: AppName, number: number, by: Author, signal: AbortSignal): Promise<ListedBuild> {
    const build = this.#find(this.#homeOf(app), number);
    if (build !== undefined) return orAborted(build.cancel(by.name).then((record) => ({...record, app})), signal);
    const {state} = await this.show(app, number);
    throw new Refused('impossible', `build ${number} of ${app} has ended already: ${state}`);
  }

  async cache(app: AppName, signal: AbortSignal): Promise<BuildCache> {
    const maxBytes = this.#parts.caches.maxBytes();
    return {app, bytes: await this.#parts.caches.measure(this.#homeOf(app), signal), ...(maxBytes === undefined ? {} : {maxBytes})};
  }

  async purgeCache(app: AppName, signal: AbortSignal): Promise<BuildCache> {
    const turns = this.#turnsOf(this.#homeOf(app));
    if (!turns.isIdle) throw new Refused('impossible', `a build of ${app} uses its cache: wait for it, or cancel it; see: flynn builds -a ${app}`);
    const giveBack = await turns.take({doing: `somebody empties the cache of ${app}`, atOnce: 1, onWait: () => {}}, signal);
    try {
      const cache = await this.cache(app, signal);
      await this.#parts.caches.remove(this.#homeOf(app), signal);
      return cache;
    } finally {
      giveBack();
    }
  }

  async #begin(order: BuildOrder, signal: AbortSignal): Promise<OpenBuild> {
    signal.throwIfAborted();
    const {commit, branch, by, origin} = order;
    const home = this.#homeOf(order.app);
    return this.#numbering(async () => {
      const record = await this.#books.add({app: home, commit, ...(branch === undefined ? {} : {branch}), by: by.name, origin, state: 'queued', queuedAt: new Date().toISOString()});
      const build = new OpenBuild({
        order, record,
        log: await BuildLog.open(this.#books.logFile(home, record.number)),
        books: this.#books,
        build: this.#parts.build,
        appTurns: this.#turnsOf(home),
        nodeTurns: this.#node,
        quota: this.#parts.quota,
        stopping: this.#stopping,
      }, signal);
      this.#open.add(build);
      return build;
    }, NEVER); // Whoever goes away in the middle of it would leave one that nobody ends.
  }

  async #forget(build: OpenBuild): Promise<void> {
    await build.close();
    await this.#books.forget({app: build.app, number: build.number});
  }

  #find(app: AppName, number: number): OpenBuild | undefined {
    return [...this.#open].find((build) => build.number === number && build.app === app);
  }

  /** Books, images and caches know it by its id, whatever it is called. */
  #homeOf(app: AppName): AppName {
    return (this.#parts.idOf?.(app) ?? app) as string as AppName;
  }

  /** Apps are few, and turns small: they are kept. */
  #turnsOf(app: AppName): Turns {
    const turns = this.#apps.get(app) ?? new Turns();
    this.#apps.set(app, turns);
    return turns;
  }
}
