import type {AppName, CommitId} from '../../schemas/ids.ts';
import {anySignal} from '../any-signal.ts';
import type {Author} from '../checkout/snapshot.ts';
import type {FollowedSource} from '../desired/state.ts';
import {isOfSource, type SourceRecord, type SourceRecords} from './records.ts';
import type {SourceStatus} from './status.ts';

/** Longest pause after looks that failed, in milliseconds: the other side heals, and nobody tells us. */
const PAUSE_MS_MAX = 15 * 60_000;
/** Most that is quoted of why a look failed, in characters. */
const PROBLEM_LENGTH_MAX = 500;

export interface SourceDeploy {
  readonly app: AppName;
  readonly commit: CommitId;
  readonly source: FollowedSource;
  /** Who made the commit. */
  readonly author: Author;
  print(line: string): void;
}

/** `refused`: it does not serve, and would not if it were tried again. */
export type SourceDeployOutcome =
  | {readonly result: 'deployed'; readonly release: number}
  /** Its release waits for others, and is deployed when they have merged it. */
  | {readonly result: 'proposed'; readonly proposal: number}
  | {readonly result: 'refused'; readonly cause: string};

export interface FollowerParts {
  readonly records: Pick<SourceRecords, 'read' | 'write'>;
  /** The commit that the branch is at; undefined: there is no such branch. Rejects when it can't be looked at. */
  tip(source: FollowedSource, signal: AbortSignal): Promise<CommitId | undefined>;
  /** Brings the branch onto this node. */
  fetch(app: AppName, source: FollowedSource, signal: AbortSignal): Promise<{readonly commit: CommitId; readonly author: Author}>;
  /** Builds and releases; whatever it began is undone when the signal is aborted. Rejects when it could not be tried. */
  deploy(deploy: SourceDeploy, signal: AbortSignal): Promise<SourceDeployOutcome>;
  /** Something that people should know. */
  tell(kind: 'source-deployed' | 'source-proposed' | 'source-failed' | 'source-unreachable' | 'source-reachable', message: string): void;
}

interface Going {
  commit: CommitId;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** A newer commit has come. */
class Superseded extends Error {
  override name = 'Superseded';
}

/**
 * Follows the branch of one app: looks at it again and again, and has its newest commit deployed. Commits in between may be left out. A newer commit
 * ends the deploy of one before it, but not twice in a row: else a busy branch would never be deployed.
 */
export class Follower {
  readonly app: AppName;
  readonly #parts: FollowerParts;
  readonly #printers = new Set<(line: string) => void>();
  #source: FollowedSource;
  #last: SourceRecord | undefined;
  #going: Going | undefined;
  #hasSuperseded = false;
  /** Somebody wants the newest commit to be tried, whatever became of it before. */
  #isForced = false;
  #isAwake = true;
  #wakeUp = () => {};
  #looked = Promise.withResolvers<void>();
  #failures = 0;
  #problem: string | undefined;
  #lookedAtMs: number | undefined;
  #nextAtMs: number | undefined;

  constructor(app: AppName, source: FollowedSource, parts: FollowerParts) {
    this.app = app;
    this.#source = source;
    this.#parts = parts;
  }

  get source(): FollowedSource {
    return this.#source;
  }

  /** Looks and deploys until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    this.#last = await this.#parts.records.read(this.app);
    signal.addEventListener('abort', () => this.#wakeUp(), {once: true});
    while (!signal.aborted) {
      this.#isAwake = false;
      const looked = this.#looked;
      this.#looked = Promise.withResolvers();
      await this.#look(signal);
      looked.resolve();
      await this.#pause(signal);
    }
    this.#looked.resolve();
    await this.#going?.ended;
  }

  /** What is wanted has changed, or is the same. */
  update(source: FollowedSource): void {
    const isSame = JSON.stringify(source) === JSON.stringify(this.#source);
    this.#source = source;
    if (!isSame) this.look();
  }

  /** Looks at once. */
  look(): void {
    this.#isAwake = true;
    this.#wakeUp();
  }

  /** Looks at once, and has the newest commit deployed whatever became of it before. Resolves when that has ended. */
  async sync(print: (line: string) => void): Promise<void> {
    this.#printers.add(print);
    try {
      this.#isForced = true;
      // A look that goes on may be past the point where it would have seen this; the next one is not.
      for (let tries = 0; tries < 2 && this.#isForced && this.#going === undefined; tries += 1) {
        const looked = this.#looked.promise;
        this.look();
        await looked;
      }
      await this.#going?.ended;
    } finally {
      this.#isForced = false;
      this.#printers.delete(print);
    }
  }

  status(): SourceStatus {
    const {git, branch, path, intervalMs, sealedHook} = this.#source;
    const last = this.#last !== undefined && isOfSource(this.#last, this.#source) ? this.#last : undefined;
    const at = (ms: number) => new Date(ms).toISOString();
    const base = {
      git, branch, ...(path !== undefined && {path}), intervalSeconds: intervalMs / 1000, hasHook: sealedHook !== undefined,
      ...(last && {commit: last.commit}), ...(last?.release !== undefined && {release: last.release}),
      ...(this.#lookedAtMs !== undefined && {lookedAt: at(this.#lookedAtMs)}),
      ...(this.#nextAtMs !== undefined && {nextLookAt: at(this.#nextAtMs)}),
    };
    if (this.#going !== undefined) return {...base, state: 'deploying', deploying: this.#going.commit};
    if (this.#problem !== undefined) return {...base, state: 'unreachable', detail: this.#problem};
    if (last === undefined) return {...base, state: 'new'};
    return last.cause === undefined ? {...base, state: 'deployed'} : {...base, state: 'failed', detail: last.cause};
  }

  async #look(signal: AbortSignal): Promise<void> {
    const source = this.#source;
    try {
      const tip = await this.#parts.tip(source, signal);
      this.#lookedAtMs = Date.now();
      if (tip === undefined) throw new Error(`there is no branch "${source.branch}"`);
      this.#reached();
      this.#follow(tip, source, signal);
    } catch (error) {
      if (!signal.aborted) this.#missed(error);
    }
  }

  #follow(tip: CommitId, source: FollowedSource, signal: AbortSignal): void {
    if (this.#going !== undefined) {
      if (this.#going.commit !== tip && !this.#hasSuperseded) this.#going.abort.abort(new Superseded(`commit ${tip.slice(0, 8)} has come meanwhile`));
      return;
    }
    const isKnown = this.#last?.commit === tip && isOfSource(this.#last, source);
    const isForced = this.#isForced;
    this.#isForced = false;
    if (isKnown && !isForced) return;
    const ended = Promise.withResolvers<void>();
    const going: Going = {commit: tip, abort: new AbortController(), ended: ended.promise};
    this.#going = going;
    void this.#deploy(source, going, anySignal([signal, going.abort.signal])).finally(() => ended.resolve());
  }

  async #deploy(source: FollowedSource, going: Going, signal: AbortSignal): Promise<void> {
    const {app} = this;
    try {
      const {commit, author} = await this.#parts.fetch(app, source, signal);
      // What came since the look has come along, and is what is deployed.
      going.commit = commit;
      const outcome = await this.#parts.deploy({app, commit, source, author, print: (line) => this.#printers.forEach((print) => print(line))}, signal);
      await this.#note(source, commit, outcome);
      this.#hasSuperseded = false;
    } catch (error) {
      this.#hasSuperseded = going.abort.signal.reason instanceof Superseded;
      if (!signal.aborted) this.#missed(error, `${going.commit.slice(0, 8)} could not be deployed: `);
    } finally {
      this.#going = undefined;
      // A newer one may have come meanwhile; after what could not be tried the pause is kept.
      if (this.#problem === undefined) this.look();
    }
  }

  async #note({git, branch, path}: FollowedSource, commit: CommitId, outcome: SourceDeployOutcome): Promise<void> {
    const cause = outcome.result === 'refused' ? outcome.cause : undefined;
    this.#last = {git, branch, ...(path !== undefined && {path}), commit, ...(outcome.result === 'deployed' && {release: outcome.release}), ...(cause !== undefined && {cause})};
    if (outcome.result === 'deployed') this.#parts.tell('source-deployed', `${branch} ${commit.slice(0, 8)} of ${git} is deployed as v${outcome.release}`);
    else if (outcome.result === 'proposed') this.#parts.tell('source-proposed', `${branch} ${commit.slice(0, 8)} of ${git} is proposed as #${outcome.proposal}`);
    else this.#parts.tell('source-failed', `${branch} ${commit.slice(0, 8)} of ${git} was not deployed: ${cause}`);
    await this.#parts.records.write(this.app, this.#last);
  }

  #reached(): void {
    if (this.#problem !== undefined) this.#parts.tell('source-reachable', `${this.#source.git} is followed again`);
    this.#problem = undefined;
    this.#failures = 0;
  }

  #missed(error: unknown, doing = ''): void {
    const message = `${doing}${error instanceof Error ? error.message : String(error)}`.slice(0, PROBLEM_LENGTH_MAX);
    this.#failures += 1;
    if (this.#problem !== message) this.#parts.tell('source-unreachable', `${this.#source.git}: ${message}`);
    this.#problem = message;
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const {intervalMs} = this.#source;
    const ms = Math.max(intervalMs, Math.min(PAUSE_MS_MAX, intervalMs * 2 ** this.#failures / 2));
    this.#nextAtMs = Date.now() + ms;
    if (this.#isAwake || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = () => {};
  }
}
