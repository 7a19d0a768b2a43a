import test from 'ava';
import type {ContainerId, ServiceName} from '../../../schemas/ids.ts';
import type {ObservedRun} from '../../../reconciler/observed/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {planRuns} from '../../../reconciler/plan/runs.ts';
import {app, desired, good, NOW_MS, observed, SHOP} from '../../support/make.ts';

interface Case {
  /** `1 running attended`, `2 exited detached`, `3 created`; `hours=25` is since when. */
  readonly have: readonly string[];
  readonly operations?: readonly string[];
  readonly isAppGone?: true;
  readonly isSuspended?: true;
  readonly plan: string;
}

const planned = test.macro<[Case]>((t, {have, operations = [], isAppGone, isSuspended, plan: expected}) => {
  const wanted = isAppGone ? desired() : desired({...app('v1', 1), ...(isSuspended && {isSuspended})});
  t.is(formatPlan(planRuns(wanted, {...observed({operations}), runs: have.map(run)})), expected);
});

function run(line: string): ObservedRun {
  const [number = '', state, ...words] = line.split(' ');
  const atMs = NOW_MS - Number(words.find((word) => word.startsWith('hours='))?.slice('hours='.length) ?? 0) * 3_600_000;
  const base = {
    id: `c${number}` as ContainerId, name: `shop.run.${number}`, app: SHOP, number: Number(number), service: 'web' as ServiceName, release: 1, program: 'bash',
    isDetached: words.includes('detached'), isAttended: words.includes('attended'), createdAtMs: atMs + Number(number),
  };
  if (state === 'running') return {...base, state, startedAtMs: atMs};
  return state === 'exited' ? {...base, state, startedAtMs: atMs, finishedAtMs: atMs, exitCode: 0, isOutOfMemory: false} : {...base, state: 'created'};
}

test('a run that somebody is connected to is left alone, however far it is', planned, {have: ['1 created attended', '2 running attended', '3 exited attended'], plan: ''});

test('a run that nobody is connected to is stopped, and removed once it has ended', planned, {
  have: ['1 running', '2 exited', '3 created'],
  plan: 'stop shop.run.1 within 10s  # nobody is connected to it any more\n'
    + 'remove shop.run.2  # its command has ended\n'
    + 'remove shop.run.3  # run.3 was never started',
});

test('what is being stopped is not stopped again', planned, {have: ['1 running'], operations: ['container shop.run.1'], plan: ''});

test('a detached run goes on by itself, but not for more than a day', planned, {
  have: ['1 running detached hours=23', '2 running detached hours=24', '3 running attended hours=25'],
  plan: 'stop shop.run.2 within 10s  # run.2 has run for 24 hours, the longest that a run may take\n'
    + 'stop shop.run.3 within 10s  # run.3 has run for 24 hours, the longest that a run may take',
});

test('of detached runs that have ended the newest five stay, for a day', planned, {
  have: ['1 exited detached', '2 exited detached', '3 exited detached', '4 exited detached', '5 exited detached', '6 exited detached', '7 exited detached hours=25', '8 created detached'],
  plan: 'remove shop.run.1  # run.1 has ended, newer ones are kept\n'
    + 'remove shop.run.7  # run.7 has ended, newer ones are kept\n'
    + 'remove shop.run.8  # run.8 was never started',
});

test('runs go with their app, whoever is connected', planned, {
  have: ['1 running attended', '2 running detached', '3 exited detached', '4 exited attended'],
  isAppGone: true,
  plan: 'stop shop.run.1 within 10s  # app shop is not in commit 12345678\n'
    + 'stop shop.run.2 within 10s  # app shop is not in commit 12345678\n'
    + 'remove shop.run.3  # app shop is not in commit 12345678',
});

test('a suspended app runs nothing, detached or not', planned, {
  have: ['1 running attended', '2 running detached', '3 exited detached'],
  isSuspended: true,
  plan: 'stop shop.run.1 within 10s  # the app is suspended\n'
    + 'stop shop.run.2 within 10s  # the app is suspended',
});

test('runs are no replicas: an app with one has nothing more to do', (t) => {
  const state = observed({have: ['web.1 v1 up'], record: good(app('v1', 1)), names: ['10.0.1.1']});
  t.is(formatPlan(plan(desired(app('v1', 1)), {...state, runs: [run('1 running attended')]})), '');
});
