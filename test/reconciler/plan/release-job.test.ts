import test from 'ava';
import type {ResolvedApp} from '../../../reconciler/desired/state.ts';
import type {DeployRecord, ReleaseJob} from '../../../reconciler/observed/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import type {TreeId} from '../../../schemas/ids.ts';
import {app, deploying, desired, failed, good, NOW_MS, observed, type World} from '../../support/make.ts';

interface Case extends World {
  readonly want: ResolvedApp;
  readonly plan: string;
}

const plans = test.macro<[Case]>((t, {want, plan: expected, ...world}) => {
  t.is(formatPlan(plan(desired(want), observed(world))), expected);
});

/** The app with a release command. */
function migrating(spec: string, replicas = 1): ResolvedApp {
  const plain = app(spec, replicas);
  const [web] = plain.services;
  return {...plain, ...(web && {releaseJob: {...web.container, command: ['migrate']}})};
}

/** A deploy that has begun, with its release command in this state. */
function begun(candidate: ResolvedApp, state: ReleaseJob['state'], {lastGood, agoMs}: {lastGood?: ResolvedApp; agoMs?: number} = {}): DeployRecord {
  const record = deploying(candidate, lastGood, agoMs);
  return {...record, ...(record.deploy && {deploy: {...record.deploy, releaseJob: {run: 'run1', state}}})};
}

const serves = {names: ['10.0.1.1'], have: ['web.1 v1 up']};

test('a deploy with a release command is noted before anything starts', plans, {
  want: migrating('v1'),
  plan: 'mark shop deploying  # release v1 is new',
});

test('the release command is started before any replica', plans, {
  want: migrating('v2'),
  record: begun(migrating('v2'), 'due', {lastGood: app('v1', 1)}),
  ...serves,
  plan: 'run shop.release.run1  # release v2 has a release command\n'
    + 'wait shop release v2  # on its release command to start',
});

test('that it runs is noted, so that it is never started twice', plans, {
  want: migrating('v2'),
  record: begun(migrating('v2'), 'due', {lastGood: app('v1', 1)}),
  ...serves,
  jobs: ['run1 v2 running'],
  plan: 'mark shop deploying  # release v2: its release command runs',
});

test('the release command that still runs after a restart of the reconciler is waited for', plans, {
  want: migrating('v2'),
  record: begun(migrating('v2'), 'running', {lastGood: app('v1', 1)}),
  ...serves,
  jobs: ['run1 v2 running'],
  plan: 'wait shop release v2  # on its release command',
});

test('that it succeeded is noted before the replicas start', plans, {
  want: migrating('v2'),
  record: begun(migrating('v2'), 'running', {lastGood: app('v1', 1)}),
  ...serves,
  jobs: ['run1 v2 exited 0'],
  plan: 'mark shop deploying  # release v2: its release command succeeded',
});

test('replicas start when it is noted', plans, {
  want: migrating('v2'),
  record: begun(migrating('v2'), 'done', {lastGood: app('v1', 1)}),
  ...serves,
  jobs: ['run1 v2 exited 0'],
  plan: 'run shop.web.1-v2-0  # web.1 is missing\n'
    + 'wait shop release v2  # on healthy replicas: web [0/1]',
});

test('its failure is the deploy\'s', plans, {
  want: migrating('v2'),
  record: begun(migrating('v2'), 'running', {lastGood: app('v1', 1)}),
  ...serves,
  jobs: ['run1 v2 exited 3'],
  plan: 'mark shop failed  # release v2 failed: the release command exited with code 3',
});

test('one that can\'t start fails the deploy', plans, {
  want: migrating('v2'),
  record: begun(migrating('v2'), 'due', {lastGood: app('v1', 1)}),
  ...serves,
  jobs: ['run1 v2 unstartable'],
  plan: 'mark shop failed  # release v2 failed: the release command could not start: exec: "nope": executable file not found in $PATH',
});

test('one that somebody removed is not run again', plans, {
  want: migrating('v2'),
  record: begun(migrating('v2'), 'running', {lastGood: app('v1', 1)}),
  ...serves,
  plan: 'mark shop failed  # release v2 failed: the container of the release command was removed before it had ended',
});

test('one that takes longer than the whole deploy may has failed', plans, {
  want: migrating('v2'),
  record: begun(migrating('v2'), 'running', {lastGood: app('v1', 1), agoMs: 120_000}),
  ...serves,
  jobs: ['run1 v2 running'],
  plan: 'mark shop failed  # release v2 failed: the release command did not end within 120 s',
});

test('and is stopped when that is noted; its container stays for its log', plans, {
  want: migrating('v2'),
  record: {...failed(migrating('v2'), app('v1', 1)), deploy: {...failed(migrating('v2')).deploy!, releaseJob: {run: 'run1', state: 'running'}}}, // `failed` makes one with a deploy
  ...serves,
  jobs: ['run1 v2 running'],
  plan: 'stop shop.release.run1 within 30s  # its deploy has ended',
});

test('a newer deploy stops the release command of the one before it, and waits for its end', plans, {
  want: migrating('v3'),
  record: {...begun(migrating('v3'), 'due', {lastGood: app('v1', 1)})},
  ...serves,
  jobs: ['run0 v2 running'],
  plan: 'stop shop.release.run0 within 30s  # a newer deploy has taken its place\n'
    + 'wait shop release v3  # on the release command before it to end',
});

test('what is taken back does not run its release command again', plans, {
  want: migrating('v1'),
  record: failed(migrating('v2'), migrating('v1')),
  ...serves,
  plan: 'mark shop deploying  # release v1 is new',
});

test('scaling in the middle of a deploy goes on with the release command that runs', (t) => {
  const before = begun(migrating('v2'), 'running', {lastGood: app('v1', 1)});
  const scaled = {...migrating('v2', 2), treeId: 'other' as TreeId};
  const [action] = plan(desired(scaled), observed({record: before, ...serves, jobs: ['run1 v2 running']})).actions;
  t.deepEqual(action?.kind === 'write-deploy' && action.deploy.releaseJob, {run: 'run1', state: 'running'});
});

test('resuming an app whose release command was stopped with it runs it anew', (t) => {
  const resumed = {...migrating('v2'), treeId: 'other' as TreeId};
  const [action] = plan(desired(resumed), observed({record: begun(migrating('v2'), 'running', {lastGood: app('v1', 1)}), ...serves, jobs: ['run1 v2 exited 143']})).actions;
  t.deepEqual(action?.kind === 'write-deploy' && action.deploy.releaseJob, {run: `v2-${NOW_MS.toString(36)}`, state: 'due'});
});

test('suspending an app stops its release command', (t) => {
  const suspended = {...migrating('v2'), isSuspended: true, treeId: 'other' as TreeId};
  const {actions} = plan(desired(suspended), observed({record: begun(migrating('v2'), 'running'), jobs: ['run1 v2 running']}));
  t.deepEqual(actions.flatMap((action) => (action.kind === 'stop-container' ? action.reason : [])), ['the app is suspended']);
});

test('a deploy after a failed one of the same release runs it anew', (t) => {
  const touched = {...migrating('v2'), treeId: 'other' as TreeId};
  const record = failed(migrating('v2'), app('v1', 1));
  const [action] = plan(desired(touched), observed({record, ...serves})).actions;
  t.deepEqual(action?.kind === 'write-deploy' && action.deploy.releaseJob, {run: `v2-${NOW_MS.toString(36)}`, state: 'due'});
});

test('of an app that is gone it is stopped', (t) => {
  t.is(formatPlan(plan(desired(), observed({record: good(migrating('v1')), jobs: ['run1 v1 running'], networks: []}))), 'stop shop.release.run1 within 30s  # app shop is not in commit 12345678');
});
