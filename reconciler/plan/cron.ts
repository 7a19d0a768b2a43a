import type {CronName} from '../../schemas/ids.ts';
import {followed, nextTime, timeId, timeText} from '../../schemas/schedule.ts';
import type {DesiredCron, ResolvedApp} from '../desired/state.ts';
import type {CronEnded, CronNext, CronRecord, CronRun, ObservedJob, ObservedState} from '../observed/state.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {isBusy} from './busy.ts';
import {IMAGE_SUBJECT, type ImageFate} from './images.ts';
import {jobName, retireJob} from './job.ts';
import {CRON_LATE_MS_MAX, CRON_MISSED_COUNT_MAX, CRON_PARALLEL_MAX} from './limits.ts';
import {howItEnded} from './health.ts';

/** What the commands with a schedule of one app are planned from: what serves, or nothing. */
export interface CronApp {
  readonly name: ResolvedApp['name'];
  readonly serving: Pick<ResolvedApp, 'release' | 'crons'> | undefined;
  /** Of the image of what serves. Absent: nothing serves. */
  readonly image?: ImageFate;
  /** Nothing of the app may run. */
  readonly isSuspended: boolean;
}

/** Starts what is due, ends what takes too long, and writes down what becomes of each run. */
export function planCrons(app: CronApp, observed: ObservedState): Plan {
  const records = observed.crons.get(app.name)?.crons ?? {};
  const wanted = app.serving?.crons ?? [];
  const running = observed.jobs.flatMap(({app: owner, job}) => (owner === app.name && job.kind === 'cron' ? [job.cron] : []));
  const gone = [...new Set([...Object.keys(records), ...running])].filter((name) => !wanted.some((cron) => cron.name === name)).toSorted();
  const parts = [
    ...wanted.map((cron) => planCron({app, cron, name: cron.name, record: records[cron.name] ?? {runs: []}}, observed)),
    ...gone.map((name) => planCron({app, cron: undefined, name, record: records[name] ?? {runs: []}}, observed)),
  ];
  const times = parts.flatMap(({lookAgainAtMs}) => lookAgainAtMs ?? []);
  return {
    actions: parts.flatMap(({actions}) => actions),
    waiting: parts.flatMap(({waiting}) => waiting),
    ...(times.length > 0 && {lookAgainAtMs: Math.min(...times)}),
  };
}

interface Entry {
  readonly app: CronApp;
  /** Absent: app.yaml does not have it any more. */
  readonly cron: DesiredCron | undefined;
  readonly name: string;
  readonly record: CronRecord;
}

function planCron(entry: Entry, observed: ObservedState): Plan {
  const {app, cron, name, record} = entry;
  // What is being written changes what is to be decided.
  if (observed.operations.has(`cron ${app.name} ${name}`)) return {actions: [], waiting: []};
  const containers = observed.jobs.filter((job) => job.app === app.name && job.job.kind === 'cron' && job.job.cron === name);
  const containerOf = ({id}: CronRun) => containers.find(({job}) => job.run === id);

  const seen = record.runs.filter(({state}) => state !== 'ended').map((run) => look(run, {entry, container: containerOf(run), observed}));
  const {next, fresh} = comeDue(entry, observed.nowMs);
  const settled = overlap([...seen, ...fresh], {entry, nowMs: observed.nowMs});
  const changed = settled.filter((run) => !record.runs.includes(run));
  const write = writeOf(entry, {runs: changed, next});
  const ended = new Set(record.runs.filter(({state}) => state === 'ended').map(({id}) => id));
  const known = new Set(record.runs.map(({id}) => id));
  const steps = settled.filter((run) => record.runs.includes(run)).map((run) => act(run, {entry, container: containerOf(run), others: settled, observed}));
  const idle = cron === undefined && record.runs.every(({state}) => state === 'ended') && containers.length === 0;
  const ends = settled.flatMap((run) => (run.state === 'running' && cron !== undefined ? run.startedAtMs + cron.deadlineMs : []));
  const dueMs = next === undefined ? record.next?.dueMs : next === 'none' ? undefined : next.dueMs;
  const times = [...ends, ...(dueMs === undefined ? [] : [dueMs])].filter((ms) => ms > observed.nowMs);
  return {
    actions: [
      ...write,
      ...steps.flatMap(({actions}) => actions),
      ...containers.filter(({job}) => ended.has(job.run) || !known.has(job.run)).flatMap((job) => retireJob(job, ended.has(job.job.run) ? 'its run has ended' : 'no run of that time is known', observed)),
      ...(idle ? [{kind: 'forget-cron', app: app.name, cron: name, reason: `app.yaml has no ${name} any more`} satisfies Action] : []),
    ],
    waiting: steps.flatMap(({waiting}) => waiting),
    ...(times.length > 0 && {lookAgainAtMs: Math.min(...times)}),
  };
}

interface Looking {
  readonly entry: Entry;
  readonly container: ObservedJob | undefined;
  readonly observed: ObservedState;
}

/** What has become of a run that has not ended: itself when nothing has. */
function look(run: CronRun, {entry: {app, cron, name}, container, observed}: Looking): CronRun {
  const {nowMs} = observed;
  if (run.state === 'ended') return run;
  const started = run.state === 'running' ? {startedAtMs: run.startedAtMs, release: run.release, container: run.container} : {};
  const ends = (rest: Pick<CronEnded, 'result' | 'cause'>): CronRun => ({...idOf(run), ...started, state: 'ended', endedAtMs: nowMs, ...rest});
  if (container?.state === 'exited') return endOf(run, container);
  if (run.state === 'running') {
    if (container === undefined) return ends({result: 'failed', cause: 'its container was removed before it had ended'});
    if (run.stopping !== undefined) return run;
    if (cron === undefined) return {...run, stopping: 'app.yaml does not have it any more'};
    if (app.isSuspended) return {...run, stopping: 'the app is suspended'};
    return nowMs >= run.startedAtMs + cron.deadlineMs ? {...run, stopping: `it took longer than ${cron.deadlineMs / 1000} s`} : run;
  }
  if (container?.state === 'running') return {...idOf(run), state: 'running', startedAtMs: container.startedAtMs, release: container.release, container: container.id};
  // Also one that can't be seen yet: a run that is given up while it is being started would be nobody's, and never end.
  if (isBusy({name: jobName(app.name, {kind: 'cron', cron: name as CronName, run: run.id})}, observed)) return run;
  if (container?.error !== undefined) return ends({result: 'failed', cause: howItEnded(container)});
  if (cron === undefined) return ends({result: 'missed', cause: 'app.yaml does not have it any more'});
  if (app.isSuspended) return ends({result: 'missed', cause: 'the app is suspended'});
  if (app.image?.state === 'gone') return ends({result: 'failed', cause: app.image.cause});
  return nowMs > run.dueMs + CRON_LATE_MS_MAX ? ends({result: 'missed', cause: `it could not be started within ${CRON_LATE_MS_MAX / 1000} s`}) : run;
}

function endOf(run: Exclude<CronRun, CronEnded>, container: ObservedJob & {readonly state: 'exited'}): CronRun {
  const base = {...idOf(run), state: 'ended', startedAtMs: container.startedAtMs, endedAtMs: container.finishedAtMs, release: container.release, container: container.id, exitCode: container.exitCode} as const;
  if (run.state === 'running' && run.stopping !== undefined) return {...base, result: 'stopped', cause: run.stopping};
  return container.exitCode === 0 ? {...base, result: 'succeeded'} : {...base, result: 'failed', cause: howItEnded(container)};
}

function idOf({id, dueMs, by}: CronRun): Pick<CronRun, 'id' | 'dueMs' | 'by'> {
  return {id, dueMs, ...(by !== undefined && {by})};
}

interface Due {
  /** Absent: as it was. */
  readonly next?: CronNext | 'none';
  readonly fresh: readonly CronRun[];
}

/** The runs that have come due since it was last looked: the latest is to be started, those before it are missed, and so is one that is too late. */
function comeDue({app, cron, record}: Entry, nowMs: number): Due {
  if (cron === undefined || cron.isSuspended || app.isSuspended) return {fresh: [], ...(record.next !== undefined && {next: 'none'})};
  const {schedule} = cron;
  const after = (ms: number): CronNext | 'none' => {
    const dueMs = nextTime(schedule, ms);
    return dueMs === undefined ? 'none' : {schedule, dueMs};
  };
  const {next} = record;
  if (next === undefined || next.schedule.expression !== schedule.expression || next.schedule.timezone !== schedule.timezone) {
    const first = after(nowMs);
    return first === 'none' && next === undefined ? {fresh: []} : {fresh: [], next: first};
  }
  if (next.dueMs > nowMs) return {fresh: []};
  const {missed, latestMs} = timesUntil(next, nowMs);
  const fresh: CronRun[] = [];
  if (missed.length > 0) fresh.push(missedRuns(missed, nowMs));
  if (latestMs !== undefined) fresh.push({id: timeId(latestMs), dueMs: latestMs, state: 'due'});
  return {fresh, next: after(nowMs)};
}

function timesUntil({schedule, dueMs}: CronNext, nowMs: number): {readonly missed: readonly number[]; readonly latestMs: number | undefined} {
  const lateMs = nowMs - CRON_LATE_MS_MAX;
  const next = followed(schedule);
  const times: number[] = [];
  for (let ms: number | undefined = dueMs; ms !== undefined && ms <= nowMs;) {
    times.push(ms);
    // Of more than can be counted the last ones matter.
    ms = next(times.length >= CRON_MISSED_COUNT_MAX ? Math.max(ms, lateMs) : ms);
  }
  const latestMs = times.at(-1);
  return latestMs === undefined || latestMs < lateMs ? {missed: times, latestMs: undefined} : {missed: times.slice(0, -1), latestMs};
}

function missedRuns(times: readonly number[], nowMs: number): CronRun {
  const [firstMs = nowMs] = times;
  return {id: timeId(firstMs), dueMs: firstMs, state: 'ended', endedAtMs: nowMs, result: 'missed', count: times.length, cause: 'Flynn did not run then'};
}

/** Who may start beside whom. */
function overlap(runs: readonly CronRun[], {entry: {cron}, nowMs}: {entry: Entry; nowMs: number}): readonly CronRun[] {
  const running = runs.filter(({state}) => state === 'running');
  const due = runs.filter(({state}) => state === 'due');
  const last = due.at(-1);
  const misses = (run: CronRun, cause: string): CronRun => ({...idOf(run), state: 'ended', endedAtMs: nowMs, result: 'missed', cause});
  return runs.map((run): CronRun => {
    const [other] = running;
    switch (run.state) {
      case 'ended': return run;
      case 'running': return cron?.overlap === 'replace' && last !== undefined && run.stopping === undefined ? {...run, stopping: `the run of ${timeText(last.dueMs)} takes its place`} : run;
      case 'due': {
        const before = due.indexOf(run);
        if (cron?.overlap === 'allow') return running.length + before >= CRON_PARALLEL_MAX ? misses(run, `${CRON_PARALLEL_MAX} runs are going on`) : run;
        if (cron?.overlap === 'replace') return run === last ? run : misses(run, `the run of ${timeText(last?.dueMs ?? nowMs)} takes its place`);
        if (other !== undefined) return misses(run, `the run of ${timeText(other.dueMs)} is still going on`);
        return before === 0 ? run : misses(run, `the run of ${timeText(due[0]?.dueMs ?? nowMs)} is still going on`);
      }
    }
  });
}

interface Acting extends Looking {
  readonly others: readonly CronRun[];
}

/** What is done about a run that is written down as it is. */
function act(run: CronRun, {entry: {app, cron}, container, others, observed}: Acting): Plan {
  if (run.state === 'running') {
    const isStopped = run.stopping !== undefined && container?.state === 'running';
    return {actions: isStopped ? retireJob(container, run.stopping, observed) : [], waiting: []};
  }
  if (run.state !== 'due' || cron === undefined) return {actions: [], waiting: []};
  const job = {kind: 'cron', cron: cron.name, run: run.id} as const;
  const name = jobName(app.name, job);
  const waits = (on: string): Plan => ({actions: [], waiting: [{app: app.name, subject: cron.name, on} satisfies Waiting]});
  if (cron.overlap === 'replace' && others.some(({state}) => state === 'running')) return waits('the run before it to end');
  if (app.image !== undefined && app.image.state !== 'here') return waits(IMAGE_SUBJECT);
  const network = observed.networks.find((one) => one.app === app.name);
  if (network === undefined) return waits('its network');
  if (isBusy({name}, observed)) return waits('a container being started');
  const reason = run.by === undefined ? `due at ${timeText(run.dueMs)}` : `asked for by ${run.by}`;
  return {actions: [{kind: 'run-job', app: app.name, name, job, container: cron.container, release: app.serving?.release ?? 0, subnet: network.subnet, reason}], waiting: []};
}

function writeOf({app, name}: Entry, {runs, next}: {runs: readonly CronRun[]; next: Due['next']}): readonly Action[] {
  if (runs.length === 0 && next === undefined) return [];
  const [first] = runs;
  const reason = first === undefined ? (next === 'none' || next === undefined ? 'it is not due any more' : `due next at ${timeText(next.dueMs)}`) : runs.map(inWords).join('; ');
  return [{kind: 'write-cron', app: app.name, cron: name, runs, ...(next !== undefined && {next}), reason}];
}

function inWords(run: CronRun): string {
  switch (run.state) {
    case 'due': return `run ${run.id} is due`;
    case 'running': return run.stopping === undefined ? `run ${run.id} runs` : `run ${run.id} is to be stopped: ${run.stopping}`;
    case 'ended': {
      const what = run.count === undefined || run.count === 1 ? `run ${run.id}` : `${run.count > CRON_MISSED_COUNT_MAX ? `more than ${CRON_MISSED_COUNT_MAX}` : run.count} runs from ${run.id} on`;
      return `${what} ${run.result}${run.cause === undefined ? '' : `: ${run.cause}`}`;
    }
  }
}
