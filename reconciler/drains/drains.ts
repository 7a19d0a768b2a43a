import {createHash} from 'node:crypto';
import {mkdir, readdir, rm} from 'node:fs/promises';
import path from 'node:path';
import type {AppName} from '../../schemas/ids.ts';
import {withoutCredentials} from '../../schemas/drains.ts';
import type {DrainStatus} from '../node.ts';
import type {LogStore} from '../logs/store.ts';
import type {Drain} from './drain.ts';
import {createSender} from './senders.ts';
import {DrainWorker} from './worker.ts';

export interface DrainsOptions {
  readonly folder: string;
  readonly store: LogStore;
  readonly node: string;
  openSecret(sealed: string): Promise<string>;
  onNews(news: {readonly app?: AppName; readonly kind: 'drain-failing' | 'drain-working' | 'drain-dropped'; readonly message: string}): void;
}

/** Lines that are dropped one by one would fill the log of what happened. */
const DROPPED_EVERY_MS = 60_000;

interface Running {
  readonly drain: Drain;
  readonly worker: DrainWorker;
  readonly ending: AbortController;
  readonly ended: Promise<void>;
}

/** The drains that there are to be, running. */
export class Drains {
  readonly #options: DrainsOptions;
  readonly #signal: AbortSignal;
  readonly #running = new Map<string, Running>();
  #following: Promise<void> = Promise.resolve();

  constructor(options: DrainsOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    signal.addEventListener('abort', () => [...this.#running.values()].forEach(({ending}) => ending.abort()), {once: true});
  }

  /** Starts and ends workers, so that there is one for each of these. A drain that is changed is another one, but for its headers. */
  follow(wanted: readonly Drain[]): void {
    const follow = () => this.#follow(new Map(wanted.map((drain) => [idOf(drain), drain])));
    this.#following = this.#following.then(follow).catch((error: unknown) => this.#options.onNews({kind: 'drain-failing', message: `drains can't be begun: ${String(error)}`}));
  }

  /** Resolves when there are workers for those that were wanted last. */
  settled(): Promise<void> {
    return this.#following;
  }

  status(): readonly DrainStatus[] {
    return [...this.#running.values()].map(({drain: {app, url}, worker}): DrainStatus => ({...(app !== undefined && {app}), url: withoutCredentials(url), ...worker.state}));
  }

  async #follow(wanted: ReadonlyMap<string, Drain>): Promise<void> {
    if (this.#signal.aborted) return;
    for (const [id, {drain, ending, ended}] of this.#running) {
      if (JSON.stringify(wanted.get(id)) === JSON.stringify(drain)) continue;
      ending.abort();
      await ended;
      this.#running.delete(id);
    }
    await mkdir(this.#options.folder, {recursive: true, mode: 0o700});
    for (const [id, drain] of wanted) if (!this.#running.has(id)) this.#running.set(id, this.#start(id, drain));
    const notes = (await readdir(this.#options.folder)).filter((name) => name.endsWith('.json') && !wanted.has(name.slice(0, -'.json'.length)));
    for (const name of notes) await rm(path.join(this.#options.folder, name), {force: true});
  }

  #start(id: string, drain: Drain): Running {
    const {store, node, openSecret, onNews} = this.#options;
    const ending = new AbortController();
    let droppedAtMs = 0;
    const worker = new DrainWorker({
      drain, store,
      file: path.join(this.#options.folder, `${id}.json`),
      createSender: (onBroken) => createSender(drain, {node, open: openSecret, onBroken}),
      onNews: ({of, message}) => {
        if (of === 'dropped' && Date.now() - droppedAtMs < DROPPED_EVERY_MS) return;
        if (of === 'dropped') droppedAtMs = Date.now();
        onNews({...(drain.app !== undefined && {app: drain.app}), kind: `drain-${of}`, message: `drain ${withoutCredentials(drain.url)}${of === 'dropped' ? ': ' : ' '}${message}`});
      },
    });
    return {drain, worker, ending, ended: worker.run(ending.signal).catch((error: unknown) => onNews({kind: 'drain-failing', message: `bug: ${String(error)}`}))};
  }
}

function idOf({app, url}: Drain): string {
  return createHash('sha256').update(JSON.stringify([app, url])).digest('hex').slice(0, 16);
}
