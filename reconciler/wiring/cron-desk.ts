import type {AppName} from '../../schemas/ids.ts';
import {timeId} from '../../schemas/schedule.ts';
import {anySignal} from '../any-signal.ts';
import type {CronBooks} from '../apply/cron-books.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import type {DesiredCron} from '../desired/state.ts';
import {formatAt} from '../logs/record.ts';
import type {PassReport} from '../loop.ts';
import type {CronLine, CronView, LogLine, LogQuery, RunOfCron} from '../node.ts';
import type {CronRun} from '../observed/state.ts';
import {phaseOf} from '../plan/phase.ts';
import {cronStatus, runStatus, type CronRunStatus, type CronStatus} from '../status/cron.ts';

/** Digits of a container's id that a line of the log has. */
const ID_LENGTH = 12;
/** The engine's clock for the log is not that for the start. */
const CLOCKS_MS = 1_000;

export interface CronDeskOptions {
  readonly books: Pick<CronBooks, 'books' | 'write'>;
  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>;
  /** What the last pass saw. */
  seen(): PassReport['seen'];
  onPass(listener: () => void, signal: AbortSignal): void;
  wake(): void;
}

/** Commands with a schedule: questions about them, and runs out of turn. */
export class CronDesk implements CronView {
  readonly #options: CronDeskOptions;

  constructor(options: CronDeskOptions) {
    this.#options = options;
  }

  list(app: AppName): readonly CronStatus[] {
    const records = this.#options.books.books.get(app)?.crons ?? {};
    return this.#crons(app).map((cron) => cronStatus(cron, records[cron.name]));
  }

  async start({app, cron}: Omit<RunOfCron, 'run'>, by: string): Promise<CronRunStatus> {
    this.#known(app, cron);
    const dueMs = Date.now();
    const run: CronRun = {id: `${timeId(dueMs)}-${String(dueMs % 1000).padStart(3, '0')}`, dueMs, by, state: 'due'};
    await this.#options.books.write({app, cron, runs: [run]});
    this.#options.wake();
    return runStatus(run);
  }

  async* log({app, cron, run: id}: RunOfCron, mode: 'follow' | 'so-far', signal: AbortSignal): AsyncGenerator<CronLine> {
    this.#known(app, cron);
    const find = () => this.#options.books.books.get(app)?.crons[cron]?.runs.find((run) => run.id === id);
    if (find() === undefined) throw new EditRefused(`${cron} has no run "${id}", or it is forgotten: flynn cron runs ${cron}`);
    if (mode === 'follow') await this.#until(() => find()?.state !== 'due', signal);
    let told = 0;
    const run = find();
    if (run !== undefined && run.state !== 'due' && run.container !== undefined) {
      const container = run.container.slice(0, ID_LENGTH);
      const query: LogQuery = {app, replica: `cron.${cron}`, follow: mode === 'follow', since: formatAt((run.startedAtMs ?? run.dueMs) - CLOCKS_MS)};
      if (mode === 'follow') {
        const ended = new AbortController();
        void this.#until(() => this.#isSettled(app, find()), signal).then(() => ended.abort(), () => ended.abort());
        for await (const line of this.#options.logs(query, anySignal([signal, ended.signal]))) {
          if (line.container !== container) continue;
          told += 1;
          yield {line};
        }
      }
      // All of it is in the store now; what followed was cut off at the end.
      let count = 0;
      for await (const line of this.#options.logs({...query, follow: false}, signal)) {
        if (line.container !== container) continue;
        count += 1;
        if (count > told) yield {line};
      }
    }
    const last = find();
    if (last !== undefined) yield {run: runStatus(last)};
  }

  /** It has ended, and all that it wrote has been read: before its container goes. */
  #isSettled(app: AppName, run: CronRun | undefined): boolean {
    if (run !== undefined && run.state !== 'ended') return false;
    const jobs = this.#options.seen()?.observed.jobs ?? [];
    return !jobs.some((job) => job.app === app && job.id === run?.container);
  }

  #crons(app: AppName): readonly DesiredCron[] {
    const seen = this.#options.seen();
    const desired = seen?.desired.apps.find(({name}) => name === app);
    if (seen === undefined || desired === undefined) return [];
    return (desired.state === 'resolved' ? desired : phaseOf(desired, seen.observed.journal.get(app)).serving)?.crons ?? [];
  }

  #known(app: AppName, cron: string): void {
    const names: readonly string[] = this.#crons(app).map(({name}) => name);
    if (!names.includes(cron)) throw new EditRefused(names.length === 0 ? `app "${app}" has no cron jobs, or no release yet` : `app "${app}" has no cron job "${cron}"; known are ${names.join(', ')}`);
  }

  async #until(isSo: () => boolean, signal: AbortSignal): Promise<void> {
    if (isSo()) return;
    const heard = new AbortController();
    const {promise, resolve, reject} = Promise.withResolvers<void>();
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, {once: true, signal: heard.signal});
    this.#options.onPass(() => isSo() && resolve(), heard.signal);
    if (signal.aborted) onAbort();
    await promise.finally(() => heard.abort());
  }
}
