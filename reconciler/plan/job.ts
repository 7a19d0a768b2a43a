import type {AppName} from '../../schemas/ids.ts';
import type {Job, ObservedJob, ObservedState} from '../observed/state.ts';
import type {Action} from './action.ts';
import {isBusy} from './busy.ts';

/** The same each time it is computed: a repeated start finds the container of the first one. */
export function jobName(app: AppName, job: Job): string {
  return `${app}.${job.kind === 'cron' ? job.cron : job.kind}.${job.run}`;
}

/** Takes the container of a job away: stopped if it runs, then removed. */
export function retireJob(job: ObservedJob, reason: string, observed: Pick<ObservedState, 'operations'>): readonly Action[] {
  if (isBusy(job, observed)) return [];
  const {app, id, name} = job;
  return [job.state === 'running' ? {kind: 'stop-container', app, id, name, graceMs: job.stopGraceMs, reason} : {kind: 'remove-container', app, id, name, reason}];
}
