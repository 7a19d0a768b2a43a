import test from 'ava';
import type {DesiredService, ResolvedApp} from '../../../reconciler/desired/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {app, deploying, desired, failed, good, observed, type World} from '../../support/make.ts';

const ON = 'no node has 2Gi of memory free (n1: 1Gi of 4Gi)';

/** The app with only the first `placed` of its replicas having a place. */
function short(whole: ResolvedApp, placed: number, more: Partial<DesiredService> = {}): ResolvedApp {
  return {...whole, services: whole.services.map((service) => ({...service, ...more, replicas: placed, unplaced: {replicas: service.replicas - placed, on: ON}}))};
}

const plans = test.macro<[World & {readonly want: ResolvedApp; readonly plan: string}]>((t, {want, plan: expected, ...world}) => {
  t.is(formatPlan(plan(desired(want), observed(world))), expected);
});

test('a replica without a place waits, and says why', plans, {
  want: short(app('v1', 2), 1),
  record: good(app('v1', 2)),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  plan: `wait shop web.2  # on room: ${ON}`,
});

test('replicas that give way leave the names first', plans, {
  want: short(app('v1', 3), 1),
  record: good(app('v1', 3)),
  have: ['web.1 v1 up', 'web.2 v1 up', 'web.3 v1 up'],
  names: ['10.0.1.1', '10.0.1.2', '10.0.1.3'],
  plan: 'publish 1 names  # replicas behind shop.test: 3 → 1\n'
    + `wait shop web.2-3  # on room: ${ON}\n`
    + 'wait shop web.2 (v1)  # on the router to be told\n'
    + 'wait shop web.3 (v1)  # on the router to be told',
});

test('replicas that give way are stopped with their grace', plans, {
  want: short(app('v1', 1), 0),
  record: good(app('v1', 1)),
  have: ['web.1 v1 up'],
  names: [],
  left: {'10.0.1.1': 60},
  plan: `stop shop.web.1-v1-0 within 30s  # it gives way: ${ON}\n`
    + `wait shop web.1  # on room: ${ON}`,
});

test('a deploy waits for the replicas that have no place', plans, {
  want: short(app('v2', 2), 1),
  record: deploying(app('v2', 2), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 up'],
  names: ['10.0.1.1'],
  plan: 'wait shop release v2  # on healthy replicas: web [1/2]\n'
    + `wait shop web.2  # on room: ${ON}`,
});

test('a deploy without room fails by its deadline, with what it waited for', plans, {
  want: short(app('v2', 2), 1),
  record: deploying(app('v2', 2), undefined, 121_000),
  have: ['web.1 v2 up'],
  plan: `mark shop failed  # release v2 failed: not healthy within 120 s: web [1/2] healthy; web has no place: ${ON}\n`
    + `wait shop web.2  # on room: ${ON}`,
});

test('a deploy does not wait for room for a batch service', plans, {
  want: short(app('v2', 2), 1, {priority: 'batch'}),
  record: deploying(app('v2', 2), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 up'],
  names: ['10.0.1.1'],
  plan: 'mark shop healthy  # release v2 is healthy\n'
    + `wait shop web.2  # on room: ${ON}`,
});

test('what was written down while there was no room serves whole once there is', plans, {
  want: app('v2', 2),
  record: deploying(app('v2', 2), short(app('v1', 2), 0)),
  have: ['web.1 v1 up', 'web.2 v1 up', 'web.1 v2 starting', 'web.2 v2 up'],
  names: ['10.0.1.1', '10.0.1.2'],
  plan: 'wait shop release v2  # on healthy replicas: web [1/2]\n'
    + 'wait shop web.1  # on its health check: nothing listens on port 8080 (ECONNREFUSED)',
});

test('a failed release changes nothing of what gives way, nor of what comes back', plans, {
  want: app('v2', 2),
  record: failed(app('v2', 2), short(app('v1', 2), 1)),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  plan: 'run shop.web.2-v1-0  # web.2 is missing',
});

/** The same, by a quota. */
function overQuota(whole: ResolvedApp, placed: number): ResolvedApp {
  const unplaced = (replicas: number) => ({replicas, on: 'team web may have 2 replicas in all', isOverQuota: true as const});
  return {...whole, services: whole.services.map((service) => ({...service, replicas: placed, unplaced: unplaced(service.replicas - placed)}))};
}

test('a replica beyond a quota waits, and says so', plans, {
  want: overQuota(app('v1', 3), 2),
  record: good(overQuota(app('v1', 3), 2)),
  have: ['web.1 v1 up', 'web.2 v1 up'],
  names: ['10.0.1.1', '10.0.1.2'],
  plan: 'wait shop web.3  # on over quota: team web may have 2 replicas in all',
});
