import test from 'ava';
import type {Overlap} from '../../../schemas/cron.ts';
import type {ContainerId, CronName} from '../../../schemas/ids.ts';
import {timeId} from '../../../schemas/schedule.ts';
import {changed} from '../../../reconciler/apply/cron-books.ts';
import type {DesiredCron} from '../../../reconciler/desired/state.ts';
import type {CronNext, CronRecord, CronRun, ObservedJob, ObservedState} from '../../../reconciler/observed/state.ts';
import type {Action} from '../../../reconciler/plan/action.ts';
import {planCrons} from '../../../reconciler/plan/cron.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import type {ImageFate} from '../../../reconciler/plan/images.ts';
import {COMMIT, image, observed, service, SHOP} from '../../support/make.ts';

// The moment of all these plans is 2026-11-25T12:00:05Z; the schedule is every minute.

const NOW = Date.parse('2026-11-25T12:00:05Z');
const [AT_11_59, AT_12_00, AT_12_01] = ['11:59', '12:00', '12:01'].map((time) => Date.parse(`2026-11-25T${time}:00Z`)) as [number, number, number];

interface Case {
  readonly overlap?: Overlap;
  readonly deadlineMs?: number;
  readonly isSuspended?: boolean;
  readonly isAppSuspended?: boolean;
  readonly isGone?: boolean;
  /** When it is due next. Absent: it was never looked at. */
  readonly due?: number;
  readonly runs?: readonly CronRun[];
  readonly jobs?: readonly ObservedJob[];
  readonly operations?: readonly string[];
  readonly image?: ImageFate;
  readonly plan: string;
  readonly again?: number;
}

const SCHEDULE = {expression: '* * * * *', timezone: 'UTC'};

function next(dueMs: number): CronNext {
  return {schedule: SCHEDULE, dueMs};
}

function due(ms: number): CronRun {
  return {id: timeId(ms), dueMs: ms, state: 'due'};
}

function running(ms: number, stopping?: string): CronRun {
  return {id: timeId(ms), dueMs: ms, state: 'running', startedAtMs: ms, release: 1, container: `c-${ms}` as ContainerId, ...(stopping !== undefined && {stopping})};
}

function ended(ms: number): CronRun {
  return {id: timeId(ms), dueMs: ms, state: 'ended', endedAtMs: ms, result: 'succeeded'};
}

function job(ms: number, state: 'created' | 'running' | number): ObservedJob {
  const base = {id: `c-${ms}` as ContainerId, name: `shop.tick.${timeId(ms)}`, app: SHOP, job: {kind: 'cron', cron: 'tick' as CronName, run: timeId(ms)}, release: 1, createdAtMs: ms, stopGraceMs: 30_000} as const;
  if (state === 'created') return {...base, state};
  if (state === 'running') return {...base, state, startedAtMs: ms};
  return {...base, state: 'exited', startedAtMs: ms, finishedAtMs: ms + 1_000, exitCode: state, isOutOfMemory: false};
}

function planOf({overlap = 'forbid', deadlineMs = 3_600_000, isSuspended = false, isAppSuspended = false, isGone = false, due: dueMs, runs = [], jobs = [], operations, image}: Omit<Case, 'plan'>) {
  const cron: DesiredCron = {name: 'tick' as CronName, schedule: SCHEDULE, overlap, deadlineMs, isSuspended, container: service('v1', 1).container};
  const record: CronRecord = {runs, ...(dueMs !== undefined && {next: next(dueMs)})};
  const state: ObservedState = {...observed({book: {app: SHOP, crons: {tick: record}}, ...(operations && {operations})}), nowMs: NOW, jobs};
  return planCrons({name: SHOP, serving: {release: 1, ...(!isGone && {crons: [cron]})}, isSuspended: isAppSuspended, ...(image && {image})}, state);
}

const plans = test.macro<[Case]>((t, {plan: expected, again, ...given}) => {
  const plan = planOf(given);
  t.is(formatPlan(plan), expected);
  if (again !== undefined) t.is(plan.lookAgainAtMs, again);
});

test('notes when a new schedule is due, and starts nothing for what was before it', plans, {plan: 'note tick of shop  # due next at 2026-11-25T12:01:00Z', again: AT_12_01});
test('sleeps until it is due', plans, {due: AT_12_01, runs: [ended(AT_12_00)], plan: '', again: AT_12_01});
test('notes what is due before it starts it', plans, {due: AT_12_00, plan: 'note tick of shop  # run 20261125-120000 is due', again: AT_12_01});
test('starts what is noted as due', plans, {due: AT_12_01, runs: [due(AT_12_00)], plan: 'run shop.tick.20261125-120000  # due at 2026-11-25T12:00:00Z'});
test('does nothing while it is being written down', plans, {due: AT_12_00, operations: ['cron shop tick'], plan: ''});
test('does not start twice what is being started', plans, {due: AT_12_01, runs: [due(AT_12_00)], operations: ['container shop.tick.20261125-120000'], plan: 'wait shop tick  # on a container being started'});
test('starts the container that a killed reconciler made and did not start', plans, {due: AT_12_01, runs: [due(AT_12_00)], jobs: [job(AT_12_00, 'created')], plan: 'run shop.tick.20261125-120000  # due at 2026-11-25T12:00:00Z'});
test('notes that it runs', plans, {due: AT_12_01, runs: [due(AT_12_00)], jobs: [job(AT_12_00, 'running')], plan: 'note tick of shop  # run 20261125-120000 runs'});
test('leaves alone what runs, also after a restart of the reconciler', plans, {due: AT_12_01, runs: [running(AT_12_00)], jobs: [job(AT_12_00, 'running')], plan: '', again: AT_12_01});
test('notes how it ended before its container goes', plans, {due: AT_12_01, runs: [running(AT_12_00)], jobs: [job(AT_12_00, 3)], plan: 'note tick of shop  # run 20261125-120000 failed: exited with code 3'});
test('notes the end of one that was never seen to run', plans, {due: AT_12_01, runs: [due(AT_12_00)], jobs: [job(AT_12_00, 0)], plan: 'note tick of shop  # run 20261125-120000 succeeded'});
test('removes the container of a run whose end is noted', plans, {due: AT_12_01, runs: [ended(AT_12_00)], jobs: [job(AT_12_00, 0)], plan: 'remove shop.tick.20261125-120000  # its run has ended'});
test('does not run again what somebody removed', plans, {due: AT_12_01, runs: [running(AT_12_00)], plan: 'note tick of shop  # run 20261125-120000 failed: its container was removed before it had ended'});
test('fails a run whose image is gone', plans, {due: AT_12_01, runs: [due(AT_12_00)], image: {state: 'gone', cause: 'image sha256:v1 is not on this node'}, plan: 'note tick of shop  # run 20261125-120000 failed: image sha256:v1 is not on this node'});
test('starts a run whose image is being built again when it is there', plans, {due: AT_12_01, runs: [due(AT_12_00)], image: {state: 'coming', origin: {image: image('v1'), commit: COMMIT}, way: {kind: 'build', commit: COMMIT}}, plan: 'wait shop tick  # on its image'});

test('forbid: what is due while another goes on is missed', plans, {due: AT_12_00, runs: [running(AT_11_59)], jobs: [job(AT_11_59, 'running')], plan: 'note tick of shop  # run 20261125-120000 missed: the run of 2026-11-25T11:59:00Z is still going on'});
test('forbid: also one that has not started yet goes on', plans, {due: AT_12_00, runs: [due(AT_11_59)], operations: ['container shop.tick.20261125-115900'], plan: 'note tick of shop  # run 20261125-120000 missed: the run of 2026-11-25T11:59:00Z is still going on\nwait shop tick  # on a container being started'});
test('allow: both run', plans, {overlap: 'allow', due: AT_12_01, runs: [running(AT_11_59), due(AT_12_00)], jobs: [job(AT_11_59, 'running')], plan: 'run shop.tick.20261125-120000  # due at 2026-11-25T12:00:00Z'});
test('replace: the one that runs is to be stopped', plans, {overlap: 'replace', due: AT_12_00, runs: [running(AT_11_59)], jobs: [job(AT_11_59, 'running')], plan: 'note tick of shop  # run 20261125-115900 is to be stopped: the run of 2026-11-25T12:00:00Z takes its place; run 20261125-120000 is due'});
test('replace: it is stopped, and the other one waits for its end', plans, {overlap: 'replace', due: AT_12_01, runs: [running(AT_11_59, 'the run of 12:00 takes its place'), due(AT_12_00)], jobs: [job(AT_11_59, 'running')], plan: 'stop shop.tick.20261125-115900 within 30s  # the run of 12:00 takes its place\nwait shop tick  # on the run before it to end'});
test('replace: of two that wait the later one is left', plans, {overlap: 'replace', due: AT_12_00, runs: [running(AT_11_59 - 60_000, 'x'), due(AT_11_59)], jobs: [job(AT_11_59 - 60_000, 'running')], operations: ['container shop.tick.20261125-115800'], plan: 'note tick of shop  # run 20261125-115900 missed: the run of 2026-11-25T12:00:00Z takes its place; run 20261125-120000 is due'});
test('what was stopped is told so, not as a failure', plans, {due: AT_12_01, runs: [running(AT_11_59, 'it took longer than 60 s')], jobs: [job(AT_11_59, 143)], plan: 'note tick of shop  # run 20261125-115900 stopped: it took longer than 60 s'});

test('a run has its time', plans, {deadlineMs: 60_000, due: AT_12_01, runs: [running(AT_12_00)], jobs: [job(AT_12_00, 'running')], plan: '', again: AT_12_01});
test('one that takes longer is to be stopped', plans, {deadlineMs: 60_000, due: AT_12_01, runs: [running(AT_11_59)], jobs: [job(AT_11_59, 'running')], plan: 'note tick of shop  # run 20261125-115900 is to be stopped: it took longer than 60 s'});

test('after a short absence the last time is made up for, those before it are missed', plans, {due: AT_11_59, plan: 'note tick of shop  # run 20261125-115900 missed: Flynn did not run then; run 20261125-120000 is due'});
test('after a long one all are missed but what is not too late', plans, {due: AT_12_00 - 86_400_000, plan: 'note tick of shop  # more than 1000 runs from 20261124-120000 on missed: Flynn did not run then; run 20261125-120000 is due'});
test('one that could not be started for ten minutes is missed', plans, {due: AT_12_01, runs: [due(AT_12_00 - 600_000)], plan: 'note tick of shop  # run 20261125-115000 missed: it could not be started within 600 s'});

test('a suspended one is not due', plans, {isSuspended: true, due: AT_12_00, plan: 'note tick of shop  # it is not due any more'});
test('a suspended one still runs when somebody asks for it', plans, {isSuspended: true, runs: [{...due(AT_12_00), by: 'ann'}], plan: 'run shop.tick.20261125-120000  # asked for by ann'});
test('nothing of a suspended app runs, whoever asks', plans, {isAppSuspended: true, runs: [running(AT_11_59), {...due(AT_12_00), by: 'ann'}], jobs: [job(AT_11_59, 'running')], plan: 'note tick of shop  # run 20261125-115900 is to be stopped: the app is suspended; run 20261125-120000 missed: the app is suspended'});
test('one that is gone from app.yaml is stopped', plans, {isGone: true, due: AT_12_01, runs: [running(AT_12_00)], jobs: [job(AT_12_00, 'running')], plan: 'note tick of shop  # run 20261125-120000 is to be stopped: app.yaml does not have it any more'});
test('one that is just being started is not forgotten, but stopped when it can be seen', plans, {isGone: true, due: AT_12_01, runs: [due(AT_12_00)], operations: ['container shop.tick.20261125-120000'], plan: 'note tick of shop  # it is not due any more'});
test('and forgotten when nothing of it is left', plans, {isGone: true, runs: [ended(AT_12_00)], plan: 'forget tick of shop  # app.yaml has no tick any more'});
test('a container that neither a book nor app.yaml knows is stopped', plans, {isGone: true, jobs: [job(AT_12_00, 'running')], plan: 'stop shop.tick.20261125-120000 within 30s  # no run of that time is known'});
test('a container that no book knows is stopped', plans, {due: AT_12_01, jobs: [job(AT_12_00, 'running')], plan: 'stop shop.tick.20261125-120000 within 30s  # no run of that time is known'});

test('the history is bounded, and what goes on is in it', (t) => {
  const old = Array.from({length: 80}, (_, minute) => ended(AT_11_59 - minute * 60_000));
  const record = changed({runs: old}, [running(AT_11_59 - 100 * 60_000), ended(AT_12_00)], 'none');
  t.is(record.runs.length, 51);
  t.deepEqual([record.runs[0]?.state, record.runs.at(-1)?.id], ['running', '20261125-120000']);
});

test('an action for a run carries no more than it needs', (t) => {
  const [action] = planOf({due: AT_12_01, runs: [due(AT_12_00)]}).actions as readonly Action[];
  t.is(action?.kind === 'run-job' && action.container.command[0], 'run');
});
