import {Readable} from 'node:stream';
import type {AppName} from '../../schemas/ids.ts';
import {anySignal} from '../any-signal.ts';
import type {Build, BuildRequest, BuiltImage} from '../build/build.ts';
import {warning} from '../build/output.ts';
import {Refused} from '../oneshot/oneshot.ts';
import {ReleaseRefused} from '../release/refused.ts';
import type {BuildBooks} from './books.ts';
import type {BuildOrder} from './service.ts';
import type {BuildRecord, ListedBuild} from './builds.ts';
import type {BuildLog} from './log.ts';
import type {Turns} from './turns.ts';

/** What a build is made from: the rest is in its order. */
export interface BuildWork extends Pick<BuildRequest, 'buildpacks' | 'submodules' | 'hasLfs' | 'build' | 'env' | 'limits' | 'source'> {
  /** Builds on this node. */
  readonly atOnce: number;
}

/** Minutes that may be spent. */
export interface BuildQuota {
  /** Why none may be begun now; undefined when one may. */
  problem(app: AppName): string | undefined;
  /** By an app of this id. */
  spent(id: AppName, ms: number): Promise<void>;
}

export interface OpenBuildParts {
  readonly order: BuildOrder;
  readonly record: BuildRecord;
  readonly log: BuildLog;
  readonly books: BuildBooks;
  readonly build: Build;
  /** Builds of this app go one after the other. */
  readonly appTurns: Turns;
  readonly nodeTurns: Turns;
  /** Absent: nothing is limited. */
  readonly quota?: BuildQuota | undefined;
  /** Aborted when the reconciler ends. */
  readonly stopping: AbortSignal;
}

/** Somebody ended a build by its number. */
class BuildCancelled extends ReleaseRefused {
  override name = 'BuildCancelled';
  readonly by: string;

  constructor(number: number, by: string) {
    super(`build ${number} was cancelled by ${by}`);
    this.by = by;
  }
}

/** One build from its order to its end, and what its record says of it. */
export class OpenBuild {
  readonly #parts: OpenBuildParts;
  readonly #cancel = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  /** Aborted also when somebody cancels the build. */
  readonly signal: AbortSignal;
  #record: BuildRecord;
  #ahead: number | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: OpenBuildParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#record = parts.record;
    this.signal = anySignal([signal, this.#cancel.signal]);
  }

  get number(): number {
    return this.#record.number;
  }

  /** What its app goes by. */
  get app(): AppName {
    return this.#record.app;
  }

  get log(): BuildLog {
    return this.#parts.log;
  }

  get listed(): ListedBuild {
    return this.#ahead === undefined || this.#record.state !== 'queued' ? this.#record : {...this.#record, ahead: this.#ahead};
  }

  get hasEnded(): boolean {
    return this.#record.endedAt !== undefined;
  }

  /** A line for the log, while there is one, and for whoever ordered the build. */
  print(line: string): void {
    this.#parts.log.write(line);
    this.#parts.order.print(line);
  }

  /** Of one that waits: how many are before it. */
  queuedBehind(ahead: number): void {
    this.#ahead = ahead;
  }

  /**
   * Waits for its turn and builds.
   *
   * @throws {ReleaseRefused} when there is no image, with the reason; the signal's reason when it was aborted
   */
  async build(work: BuildWork): Promise<BuiltImage> {
    const {order: {app, commit, by}, record: {app: home}, appTurns, nodeTurns, build} = this.#parts;
    this.#demandQuota();
    const doing = `${by.name} builds ${app}`;
    // Of the app first: one that waits for another of its app must not keep a place on the node.
    using taken = new DisposableStack();
    taken.defer(await this.#turn(appTurns, {doing, atOnce: 1}));
    taken.defer(await this.#turn(nodeTurns, {doing, atOnce: work.atOnce}));
    // Others may have spent the rest meanwhile.
    this.#demandQuota();
    const startedAtMs = Date.now();
    taken.defer(() => void this.#parts.quota?.spent(home, Date.now() - startedAtMs));
    this.#note({state: 'running', startedAt: now()});
    let sourceBytes = 0;
    const built = await build({
      app: home,
      sourceCommit: commit,
      ...(work.buildpacks !== undefined && {buildpacks: work.buildpacks}),
      ...(work.submodules !== undefined && {submodules: work.submodules}),
      ...(work.hasLfs !== undefined && {hasLfs: work.hasLfs}),
      env: work.env,
      limits: work.limits,
      ...(work.build === undefined ? {} : {build: work.build}),
      source: (until) => Readable.from(counted(work.source(until), (bytes) => (sourceBytes += bytes)), {objectMode: false}),
      print: (line) => this.print(line),
    }, this.signal);
    if (!built.ok) throw new ReleaseRefused(built.problem.reason);
    const {builder, image, sizeBytes} = built.value;
    this.signal.throwIfAborted();
    await this.#end({state: 'succeeded', builder, image, sourceBytes, imageBytes: sizeBytes});
    return built.value;
  }

  /** What became of the image. */
  released(release: number): void {
    this.#note({release});
  }

  /** @throws {Refused} when it has ended already */
  async cancel(by: string): Promise<ListedBuild> {
    const {order: {app}} = this.#parts;
    const {number, state} = this.#record;
    if (this.hasEnded) throw new Refused('impossible', `build ${number} of ${app} has ended already: ${state}`);
    this.#cancel.abort(new BuildCancelled(number, by));
    await this.#ended.promise;
    return this.#record;
  }

  /** Whatever ended the work on it: if there is no image yet, there will be none. */
  async failed(error: unknown): Promise<void> {
    const [said = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    const reason = error instanceof BuildCancelled ? `by ${error.by}` : said;
    if (this.hasEnded) {
      this.#note({reason});
      return;
    }
    const state = this.#parts.stopping.aborted ? 'interrupted' : this.signal.aborted ? 'cancelled' : 'failed';
    this.#parts.log.write(warning(`Build ${state}: ${reason}`));
    await this.#end({state, reason});
  }

  /** Resolves when all of it is on the disk. */
  async close(): Promise<void> {
    await this.#parts.log.close();
    await this.#writing;
    this.#ended.resolve();
  }

  /** An image that is lost is built again whatever was built since. */
  #demandQuota(): void {
    const {quota, order: {app, origin}} = this.#parts;
    const problem = origin === 'rebuild' ? undefined : quota?.problem(app);
    if (problem !== undefined) throw new ReleaseRefused(problem);
  }

  async #turn(turns: Turns, {doing, atOnce}: {doing: string; atOnce: number}): Promise<() => void> {
    return turns.take({doing, atOnce, onWait: (holders, ahead) => {
      this.queuedBehind(ahead);
      this.print(warning(`Waiting for a build to end: ${holders.map((holder) => holder.doing).join(', ')}; place ${ahead + 1} in the queue`));
    }}, this.signal);
  }

  async #end(change: Partial<BuildRecord> & Pick<BuildRecord, 'state'>): Promise<void> {
    this.#note({...change, endedAt: now()});
    await this.close();
  }

  /** One after the other. */
  #note(change: Partial<BuildRecord>): void {
    this.#record = {...this.#record, ...change};
    const record = this.#record;
    this.#writing = this.#writing.then(() => this.#parts.books.write(record));
  }
}

function now(): string {
  return new Date().toISOString();
}

async function* counted(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}
