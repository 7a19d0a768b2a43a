import {EditRefused} from '../checkout/snapshot.ts';
import type {ReleaseLine, ReleaseOutcome} from './releases.ts';

/** Most that are remembered, and most that run at once. */
const JOBS_MAX = 100;
/** Most lines of one that are told again to who joins late. */
const LINES_MAX = 1000;

/** Releases in the making: they go on when nobody listens, and whoever comes again with the same id hears all of it. */
export class Jobs {
  readonly #jobs = new Map<string, Job>();
  readonly #signal: AbortSignal;

  /** They end with the signal. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** @throws {EditRefused} when too many run already */
  start(id: string, run: (print: (line: string) => void, signal: AbortSignal) => Promise<ReleaseOutcome>): Job {
    const known = this.#jobs.get(id);
    if (known !== undefined) return known;
    if (this.#jobs.size >= JOBS_MAX) this.#forgetOne();
    const job = new Job();
    this.#jobs.set(id, job);
    run((print) => job.say({print}), this.#signal).then((outcome) => job.end({outcome}), (error: unknown) => job.end({error}));
    return job;
  }

  #forgetOne(): void {
    const ended = [...this.#jobs].find(([, job]) => job.isEnded)?.[0];
    if (ended === undefined) throw new EditRefused(`${JOBS_MAX} releases are being made already, try again later`);
    this.#jobs.delete(ended);
  }
}

/** One release in the making. */
export class Job {
  readonly #lines: ReleaseLine[] = [];
  #dropped = 0;
  #end: {readonly error?: unknown} | undefined;
  #changed = Promise.withResolvers<void>();

  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  say(line: ReleaseLine): void {
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) {
      this.#lines.shift();
      this.#dropped += 1;
    }
    this.#wake();
  }

  end(how: {readonly outcome: ReleaseOutcome} | {readonly error: unknown}): void {
    if ('outcome' in how) this.say(how);
    this.#end = 'error' in how ? how : {};
    this.#wake();
  }

  /** All lines so far, then what comes. Throws what the job ended with. Ends early, without a word, when the signal is aborted. */
  async* follow(signal: AbortSignal): AsyncGenerator<ReleaseLine> {
    const gone = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => gone.resolve(), {once: true});
    for (let next = 0; !signal.aborted;) {
      const changed = this.#changed.promise;
      const fresh = this.#lines.slice(Math.max(0, next - this.#dropped));
      next = this.#dropped + this.#lines.length;
      // Whatever is told takes its time: more may have come meanwhile, the end included.
      if (fresh.length > 0) {
        yield* fresh;
        continue;
      }
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error;
        return;
      }
      await Promise.race([changed, gone.promise]);
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
