import type {AppName} from '../../schemas/ids.ts';
import {anySignal} from '../any-signal.ts';
import {LineQueue} from '../api/stream.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import type {DesiredApp, FollowedSource} from '../desired/state.ts';
import {Follower, type FollowerParts} from './follower.ts';
import {branchOfHook} from './hook-body.ts';
import type {SourceRecords} from './records.ts';
import {isSigned} from './signature.ts';
import type {HookOutcome, HookRequest, SourceLine, SourceStatus} from './status.ts';

/** Looks at once, of all apps: each is a process of git's and a connection. */
const LOOKS_MAX = 4;

export interface SourcesParts extends Omit<FollowerParts, 'tell' | 'records'> {
  readonly records: SourceRecords;
  openSecret(sealed: string): Promise<string>;
  tell(app: AppName, ...told: Parameters<FollowerParts['tell']>): void;
}

interface Running {
  readonly follower: Follower;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** Follows the sources of all apps that have one elsewhere. */
export class Sources {
  readonly #parts: SourcesParts;
  readonly #signal: AbortSignal;
  readonly #running = new Map<AppName, Running>();
  /** Those that are to end: what they were doing is still written down, or undone. */
  readonly #ending = new Map<AppName, Promise<void>>();
  #apps: readonly DesiredApp[] = [];
  #looks = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(parts: SourcesParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
  }

  /** Hears what is wanted after each pass. A suspended app has nobody who looks for it; one whose manifests are wrong keeps whom it has. */
  see(apps: readonly DesiredApp[]): void {
    if (apps === this.#apps) return;
    this.#apps = apps;
    const byName = new Map(apps.map((app) => [app.name, app]));
    for (const [name, {stop, ended}] of this.#running) {
      const app = byName.get(name);
      if (app?.state === 'invalid' || (app?.source !== undefined && app.isSuspended !== true)) continue;
      stop.abort(new Error('the app\'s source is not followed any more'));
      this.#running.delete(name);
      // One that was renamed goes by what it was called at first, and its record with it.
      const isGone = app?.source === undefined && apps.every(({id}) => id !== name as string);
      const ending = ended.then(async () => {
        if (isGone) await this.#parts.records.forget(name);
      }).catch(() => {});
      this.#ending.set(name, ending);
      void ending.then(() => this.#ending.get(name) === ending && this.#ending.delete(name));
    }
    for (const app of apps) {
      if (app.state === 'invalid' || app.source === undefined || app.isSuspended === true) continue;
      const running = this.#running.get(app.name);
      if (running === undefined) this.#start(app.name, app.source);
      else running.follower.update(app.source);
    }
  }

  /** Undefined: it is pushed to this node. */
  status(app: AppName): SourceStatus | undefined {
    const running = this.#running.get(app);
    if (running !== undefined) return running.follower.status();
    const wanted = this.#apps.find(({name}) => name === app);
    if (wanted?.state !== 'resolved' || wanted.source === undefined) return undefined;
    const {git, branch, path, intervalMs, sealedHook} = wanted.source;
    return {git, branch, ...(path !== undefined && {path}), intervalSeconds: intervalMs / 1000, hasHook: sealedHook !== undefined, state: 'suspended'};
  }

  /**
   * Looks at once, and has the newest commit deployed whatever became of it before; it goes on when nobody listens.
   * @throws {EditRefused} when the app has no source elsewhere, or is suspended
   */
  async* sync(app: AppName, signal: AbortSignal): AsyncGenerator<SourceLine> {
    const follower = this.#running.get(app)?.follower;
    if (follower === undefined) throw new EditRefused(this.status(app) === undefined ? `⬢ ${app} has no source elsewhere: app.yaml has no \`source:\`` : `⬢ ${app} is suspended: flynn resume -a ${app}`);
    const queue = new LineQueue<SourceLine>(signal);
    const syncing = follower.sync((print) => queue.push({print})).finally(() => queue.end());
    yield* queue;
    if (signal.aborted) return;
    await syncing;
    yield {source: follower.status()};
  }

  /** What a webhook says. It is believed only when it knows the app's secret, and read only then. */
  async hook(app: AppName, request: HookRequest): Promise<HookOutcome> {
    const follower = this.#running.get(app)?.follower;
    const sealed = follower?.source.sealedHook;
    if (follower === undefined || sealed === undefined) return {result: 'unknown'};
    if (!isSigned(request, await this.#parts.openSecret(sealed))) return {result: 'refused'};
    const branch = branchOfHook(request.body);
    if (branch !== follower.source.branch) return {result: 'ignored', why: branch === undefined ? 'it is about no branch' : `branch ${branch} is not deployed, ${follower.source.branch} is`};
    follower.look();
    return {result: 'accepted'};
  }

  #start(app: AppName, source: FollowedSource): void {
    const stop = new AbortController();
    const follower = new Follower(app, source, {
      ...this.#parts,
      tip: (wanted, signal) => this.#inTurn(() => this.#parts.tip(wanted, signal)),
      fetch: (name, wanted, signal) => this.#parts.fetch(name, wanted, signal),
      deploy: (deploy, signal) => this.#parts.deploy(deploy, signal),
      tell: (kind, message) => this.#parts.tell(app, kind, message),
    });
    const ended = (this.#ending.get(app) ?? Promise.resolve()).then(() => follower.run(anySignal([stop.signal, this.#signal])));
    this.#running.set(app, {follower, stop, ended});
  }

  async #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#looks >= LOOKS_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#looks += 1;
    try {
      return await work();
    } finally {
      // The place is handed on, so that nobody comes in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#looks -= 1;
      else next();
    }
  }
}
