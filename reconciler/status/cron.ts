import type {Overlap} from '../../schemas/cron.ts';
import {timeText} from '../../schemas/schedule.ts';
import type {ActionOf} from '../plan/action.ts';
import type {DesiredCron} from '../desired/state.ts';
import type {CronRecord, CronRun} from '../observed/state.ts';
import type {FlynnEvent} from './status.ts';

/** A command with a schedule, as people see it. */
export interface CronStatus {
  readonly name: string;
  readonly schedule: string;
  readonly timezone: string;
  readonly command: readonly string[];
  readonly overlap: Overlap;
  readonly isSuspended: boolean;
  /** ISO 8601, UTC. Absent: it is suspended, or comes never again. */
  readonly nextAt?: string;
  /** The newest last; a bounded number. */
  readonly runs: readonly CronRunStatus[];
}

export interface CronRunStatus {
  readonly id: string;
  readonly dueAt: string;
  /** Who asked for it. Absent: its schedule. */
  readonly by?: string;
  readonly state: 'due' | 'running' | 'stopping' | 'succeeded' | 'failed' | 'stopped' | 'missed';
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly release?: number;
  readonly exitCode?: number;
  /** Why it did not succeed, or is being stopped. */
  readonly detail?: string;
  /** Of missed ones: how many this stands for. */
  readonly count?: number;
}

export function cronStatus({name, schedule, overlap, isSuspended, container}: DesiredCron, record: CronRecord | undefined): CronStatus {
  return {
    name,
    schedule: schedule.expression,
    timezone: schedule.timezone,
    command: container.command,
    overlap,
    isSuspended,
    ...(record?.next !== undefined && {nextAt: timeText(record.next.dueMs)}),
    runs: (record?.runs ?? []).map(runStatus),
  };
}

export function runStatus(run: CronRun): CronRunStatus {
  const base = {id: run.id, dueAt: timeText(run.dueMs), ...(run.by !== undefined && {by: run.by})};
  const at = (ms: number) => new Date(ms).toISOString();
  switch (run.state) {
    case 'due': return {...base, state: 'due'};
    case 'running': return {...base, state: run.stopping === undefined ? 'running' : 'stopping', startedAt: at(run.startedAtMs), release: run.release, ...(run.stopping !== undefined && {detail: run.stopping})};
    case 'ended': return {
      ...base,
      state: run.result,
      ...(run.startedAtMs !== undefined && {startedAt: at(run.startedAtMs)}),
      endedAt: at(run.endedAtMs),
      ...(run.release !== undefined && {release: run.release}),
      ...(run.exitCode !== undefined && {exitCode: run.exitCode}),
      ...(run.cause !== undefined && {detail: run.cause}),
      ...(run.count !== undefined && {count: run.count}),
    };
  }
}

/** What is told of a change of the books: each run that ended. That one is due or runs is told by its container's start. */
export function cronEvents({app, cron, runs}: ActionOf<'write-cron'>): readonly Pick<FlynnEvent, 'app' | 'kind' | 'message'>[] {
  return runs.filter(({state}) => state === 'ended').map(runStatus).map(({id, state, detail, count}) => {
    const what = count === undefined || count === 1 ? `run ${id}` : `${count} runs from ${id} on`;
    return {app, kind: `cron-${state}`, message: `${cron}: ${what} ${state}${detail === undefined ? '' : `: ${detail}`}`};
  });
}
