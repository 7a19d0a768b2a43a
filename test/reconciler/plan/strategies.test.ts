import test from 'ava';
import type {ResolvedApp, Strategy} from '../../../reconciler/desired/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {app, by, deploying, desired, failed, good, observed, type World} from '../../support/make.ts';

// How the strategies replace the replicas of a service, step by step.

const ROLL1: Strategy = {kind: 'rolling', batch: 1};
const ALL: Strategy = {kind: 'all-at-once'};
const STOP: Strategy = {kind: 'stop-first', batch: 1};
const BLUE: Strategy = {kind: 'blue-green', keepOldMs: 300_000};

interface Case extends World {
  readonly want: ResolvedApp;
  readonly plan: string;
}

const plans = test.macro<[Case]>((t, {want, plan: expected, ...world}) => {
  t.is(formatPlan(plan(desired(want), observed(world))), expected);
});

test('rolling starts as many as its batch beside the old ones', plans, {
  want: by(ROLL1, app('v2', 3)),
  record: deploying(app('v2', 3), app('v1', 3)),
  have: ['web.1 v1 up', 'web.2 v1 up', 'web.3 v1 up'],
  names: ['10.0.1.1', '10.0.1.2', '10.0.1.3'],
  plan: 'run shop.web.1-v2-0  # web.1 is missing\n'
    + 'wait shop release v2  # on healthy replicas: web [0/3]',
});

test('rolling gives a slot\'s traffic to its successor once that is healthy, and starts the next', plans, {
  want: by(ROLL1, app('v2', 3)),
  record: deploying(app('v2', 3), app('v1', 3)),
  have: ['web.1 v1 up', 'web.2 v1 up', 'web.3 v1 up', 'web.1 v2 up'],
  names: ['10.0.1.1', '10.0.1.2', '10.0.1.3'],
  plan: 'publish 1 names  # replicas behind shop.test: 3 → 3\n'
    + 'run shop.web.2-v2-0  # web.2 is missing\n'
    + 'wait shop release v2  # on healthy replicas: web [1/3]\n'
    + 'wait shop web.1 (v1)  # on the router to be told',
});

test('rolling stops an old one when the router has let go of it', plans, {
  want: by(ROLL1, app('v2', 3)),
  record: deploying(app('v2', 3), app('v1', 3)),
  have: ['web.1 v1 up', 'web.2 v1 up', 'web.3 v1 up', 'web.1 v2 up', 'web.2 v2 starting'],
  names: ['10.0.1.2', '10.0.1.3', '10.0.2.1'],
  left: {'10.0.1.1': 5},
  plan: 'stop shop.web.1-v1-0 within 30s  # replaced by release v2\n'
    + 'wait shop release v2  # on healthy replicas: web [1/3]\n'
    + 'wait shop web.2  # on its health check: nothing listens on port 8080 (ECONNREFUSED)',
});

test('rolling writes down that all are healthy before the last old ones go', plans, {
  want: by(ROLL1, app('v2', 2)),
  record: deploying(app('v2', 2), app('v1', 2)),
  have: ['web.2 v1 up', 'web.1 v2 up', 'web.2 v2 up'],
  names: ['10.0.1.2', '10.0.2.1'],
  plan: 'mark shop healthy  # release v2 is healthy',
});

test('an old replica comes back when its successor falls ill', plans, {
  want: by(ROLL1, app('v2', 2)),
  record: deploying(app('v2', 2), app('v1', 2)),
  have: ['web.1 v1 exited 143', 'web.2 v1 up', 'web.1 v2 exited 1 ago=0'],
  names: ['10.0.1.2'],
  plan: 'run shop.web.1-v1-1  # web.1 exited with code 143 (SIGTERM)\n'
    + 'run shop.web.1-v2-1  # web.1 exited with code 1\n'
    + 'wait shop release v2  # on healthy replicas: web [0/2]',
});

test('a reconciler that starts in the middle of rolling changes nothing before it has looked at the new ones', plans, {
  want: by(ROLL1, app('v2', 2)),
  record: deploying(app('v2', 2), app('v1', 2)),
  have: ['web.1 v1 exited 143', 'web.2 v1 unknown', 'web.1 v2 unknown', 'web.2 v2 unknown'],
  names: ['10.0.1.2', '10.0.2.1'],
  plan: 'wait shop release v2  # on healthy replicas: web [0/2]\n'
    + 'wait shop web.2  # on its first health check\n'
    + 'wait shop web.1  # on its first health check\n'
    + 'wait shop web.2  # on its first health check',
});

test('a release that fails midway: what made room for it comes back at once, and new ones stand in until then', plans, {
  want: by(ROLL1, app('v2', 2)),
  record: failed(app('v2', 2), app('v1', 2), 5_000),
  have: ['web.1 v1 exited 143 failures=5', 'web.2 v1 up', 'web.1 v2 up', 'web.2 v2 exited 3 failures=2'],
  names: ['10.0.1.2', '10.0.2.1'],
  plan: 'run shop.web.1-v1-1  # web.1 exited with code 143 (SIGTERM)\n'
    + 'wait shop web.1 (v2)  # on the replica that it stands in for',
});

test('a newer commit in the midst of rolling: what has traffic keeps it, and nothing old is started for the meantime', plans, {
  want: by(ROLL1, app('v3', 2)),
  record: deploying(app('v2', 2), app('v1', 2)),
  have: ['web.1 v1 exited 143', 'web.2 v1 up', 'web.1 v2 up', 'web.2 v2 starting'],
  names: ['10.0.1.2', '10.0.2.1'],
  plan: 'mark shop deploying  # release v3 is new\n'
    + 'run shop.web.1-v3-0  # web.1 is missing\n'
    + 'stop shop.web.2-v2-0 within 30s  # superseded by release v3\n'
    + 'wait shop web.1 (v2)  # on the replica that it stands in for',
});

test('slots that are new start at once, beside the batch', plans, {
  want: by(ROLL1, app('v2', 4)),
  record: deploying(app('v2', 4), app('v1', 2)),
  have: ['web.1 v1 up', 'web.2 v1 up'],
  names: ['10.0.1.1', '10.0.1.2'],
  plan: 'run shop.web.1-v2-0  # web.1 is missing\n'
    + 'run shop.web.3-v2-0  # web.3 is missing\n'
    + 'run shop.web.4-v2-0  # web.4 is missing\n'
    + 'wait shop release v2  # on healthy replicas: web [0/4]',
});

test('all at once starts everything, and moves the traffic when everything is healthy', plans, {
  want: by(ALL, app('v2', 3)),
  record: deploying(app('v2', 3), app('v1', 3)),
  have: ['web.1 v1 up', 'web.2 v1 up', 'web.3 v1 up', 'web.1 v2 up'],
  names: ['10.0.1.1', '10.0.1.2', '10.0.1.3'],
  plan: 'run shop.web.2-v2-0  # web.2 is missing\n'
    + 'run shop.web.3-v2-0  # web.3 is missing\n'
    + 'wait shop release v2  # on healthy replicas: web [1/3]',
});

test('stop-first: the old one leaves the names first', plans, {
  want: by(STOP, app('v2', 1)),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  plan: 'publish 1 names  # replicas behind shop.test: 1 → 0\n'
    + 'wait shop release v2  # on healthy replicas: web [0/1]\n'
    + 'wait shop web.1  # on the end of shop.web.1-v1-0, which has its place\n'
    + 'wait shop web.1 (v1)  # on the router to be told',
});

test('stop-first: nothing stops before it is written down that the deploy has begun', plans, {
  want: by(STOP, app('v2', 1)),
  record: good(app('v1', 1)),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  plan: 'mark shop deploying  # release v2 is new',
});

test('stop-first: the new one waits for the end of the old one', plans, {
  want: by(STOP, app('v2', 1)),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up'],
  names: [],
  left: {'10.0.1.1': 5},
  operations: ['container shop.web.1-v1-0'],
  plan: 'wait shop release v2  # on healthy replicas: web [0/1]\n'
    + 'wait shop web.1  # on the end of shop.web.1-v1-0, which has its place\n'
    + 'wait shop web.1 (v1)  # on its end: it is being stopped',
});

test('stop-first: the new one starts when the old one has stopped', plans, {
  want: by(STOP, app('v2', 1)),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 exited 0'],
  names: [],
  plan: 'run shop.web.1-v2-0  # web.1 is missing\n'
    + 'wait shop release v2  # on healthy replicas: web [0/1]',
});

test('stop-first: of several replicas one is missing at a time', plans, {
  want: by(STOP, app('v2', 2)),
  record: deploying(app('v2', 2), app('v1', 2)),
  have: ['web.1 v1 exited 0', 'web.2 v1 up', 'web.1 v2 starting'],
  names: ['10.0.1.2'],
  plan: 'wait shop release v2  # on healthy replicas: web [0/2]\n'
    + 'wait shop web.1  # on its health check: nothing listens on port 8080 (ECONNREFUSED)',
});

test('stop-first: a release that fails makes way before the old one comes back', plans, {
  want: by(STOP, app('v2', 1)),
  record: failed(by(STOP, app('v2', 1)), by(STOP, app('v1', 1))),
  have: ['web.1 v1 exited 0', 'web.1 v2 starting'],
  names: [],
  plan: 'stop shop.web.1-v2-0 within 30s  # release v2 failed\n'
    + 'wait shop web.1  # on the end of shop.web.1-v2-0, which has its place',
});

test('stop-first: the old one comes back when the one that failed has gone', plans, {
  want: by(STOP, app('v2', 1)),
  record: failed(by(STOP, app('v2', 1)), by(STOP, app('v1', 1))),
  have: ['web.1 v1 exited 0', 'web.1 v2 exited 0'],
  names: [],
  plan: 'run shop.web.1-v1-1  # web.1 exited with code 0',
});

test('blue-green moves all of the traffic at once', plans, {
  want: by(BLUE, app('v2', 2)),
  record: good(app('v2', 2), {v1: 300}),
  have: ['web.1 v1 up', 'web.2 v1 up', 'web.1 v2 up', 'web.2 v2 up'],
  names: ['10.0.1.1', '10.0.1.2'],
  plan: 'publish 1 names  # replicas behind shop.test: 2 → 2\n'
    + 'wait shop web.1 (v1)  # on the time for going back, in which blue-green keeps it\n'
    + 'wait shop web.2 (v1)  # on the time for going back, in which blue-green keeps it',
});

test('blue-green notes what it keeps, and until when', plans, {
  want: by(BLUE, app('v2', 1)),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 up'],
  names: ['10.0.1.1'],
  plan: 'mark shop healthy  # release v2 is healthy',
});

test('blue-green stops the old ones when the time for going back is over', plans, {
  want: by(BLUE, app('v2', 1)),
  record: good(app('v2', 1), {v1: 0}),
  have: ['web.1 v1 up', 'web.1 v2 up'],
  names: ['10.0.2.1'],
  plan: 'stop shop.web.1-v1-0 within 30s  # replaced by release v2',
});

test('going back within that time starts nothing', plans, {
  want: by(BLUE, app('v1', 1)),
  record: deploying(app('v1', 1), app('v2', 1)),
  have: ['web.1 v1 up', 'web.1 v2 up'],
  names: ['10.0.2.1'],
  plan: 'mark shop healthy  # release v1 is healthy',
});
