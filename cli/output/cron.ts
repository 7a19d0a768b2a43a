import type {CronRunStatus, CronStatus} from '../../reconciler/status/cron.ts';
import {table} from './table.ts';
import {age, localTime} from './time.ts';

/** A line each: when it is due, what the last run became, when the next one comes. */
export function cronTable(crons: readonly CronStatus[], nowMs: number): readonly string[] {
  return table([
    ['NAME', 'SCHEDULE', 'TIMEZONE', 'LAST RUN', 'NEXT RUN'],
    ...crons.map(({name, schedule, timezone, runs, isSuspended, nextAt}) => {
      const last = runs.at(-1);
      return [name, schedule, timezone, last === undefined ? '-' : `${age(last.dueAt, nowMs)} ago: ${outcomeOf(last)}`, isSuspended ? 'suspended' : nextAt === undefined ? '-' : localTime(nextAt)];
    }),
  ]);
}

/** The newest last. */
export function runsTable(runs: readonly CronRunStatus[]): readonly string[] {
  return table([
    ['RUN', 'DUE', 'RELEASE', 'RESULT'],
    ...runs.map((run) => [run.id, localTime(run.dueAt), run.release === undefined ? '-' : `v${run.release}`, `${outcomeOf(run)}${run.by === undefined ? '' : ` (asked for by ${run.by})`}`]),
  ]);
}

/** `succeeded in 3.2 s`, `failed: exited with code 3`, … */
export function outcomeOf({state, startedAt, endedAt, detail, count}: CronRunStatus): string {
  const what = count === undefined || count === 1 ? state : `${state} ${count} times`;
  const took = state === 'succeeded' && startedAt !== undefined && endedAt !== undefined ? ` in ${((Date.parse(endedAt) - Date.parse(startedAt)) / 1000).toFixed(1)} s` : '';
  return `${what}${took}${detail === undefined ? '' : `: ${detail}`}`;
}
