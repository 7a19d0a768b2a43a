import test from 'ava';
import {place} from '../../../reconciler/desired/place.ts';
import type {Closed, DesiredState, ResolvedApp} from '../../../reconciler/desired/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {app, deploying, desired, good, observed, SHOP, type World} from '../../support/make.ts';

/** As the node reads it: placement comes before planning. */
function closedState(state: Closed, ...apps: DesiredState['apps']): DesiredState {
  const closed = {node: 'vm', state};
  return {...desired(), closed, ...place(apps, [{node: 'vm', memoryBytes: 2 ** 32, cpus: 2, closed: state}], 'vm')};
}

const plans = test.macro<[World & {readonly state: Closed; readonly want: ResolvedApp; readonly plan: string}]>((t, {state, want, plan: expected, ...world}) => {
  t.is(formatPlan(plan(closedState(state, want), observed(world))), expected);
});

test('on a cordoned node everything goes on', plans, {
  state: 'cordoned', want: app('v1', 1), record: good(app('v1', 1)), have: ['web.1 v1 up'], names: ['10.0.1.1'], plan: '',
});
test('another replica waits there', plans, {
  state: 'cordoned', want: app('v1', 2), record: good(app('v1', 2)), have: ['web.1 v1 up'], names: ['10.0.1.1'],
  plan: 'wait shop web.2  # on node vm is cordoned',
});
test('one that has ended is started again there', plans, {
  state: 'cordoned', want: app('v1', 1), record: good(app('v1', 1)), have: ['web.1 v1 exited 1 ago=60'], names: [],
  plan: 'run shop.web.1-v1-1  # web.1 exited with code 1',
});
test('a deploy does not begin there, and its time does not run', plans, {
  state: 'cordoned', want: app('v2', 1), record: good(app('v1', 1)), have: ['web.1 v1 up'], names: ['10.0.1.1'],
  plan: 'wait shop release v2  # on node vm is cordoned',
});
test('a first deploy neither', plans, {state: 'cordoned', want: app('v1', 1), plan: 'wait shop release v1  # on node vm is cordoned'});
test('one that had begun is finished', plans, {
  state: 'cordoned', want: app('v2', 1), record: deploying(app('v2', 1), app('v1', 1)), have: ['web.1 v1 up'], names: ['10.0.1.1'],
  plan: 'run shop.web.1-v2-0  # web.1 is missing\nwait shop release v2  # on healthy replicas: web [0/1]',
});

test('on a drained node replicas leave the names first', plans, {
  state: 'drained', want: app('v1', 1), record: good(app('v1', 1)), have: ['web.1 v1 up'], names: ['10.0.1.1'],
  plan: 'publish 1 names  # replicas behind shop.test: 1 → 0\nwait shop web.1  # on room: node vm is drained\nwait shop web.1 (v1)  # on the router to be told',
});
test('then they are stopped with their grace', plans, {
  state: 'drained', want: app('v1', 1), record: good(app('v1', 1)), have: ['web.1 v1 up'], names: [], left: {'10.0.1.1': 60},
  plan: 'stop shop.web.1-v1-0 within 30s  # it gives way: node vm is drained\nwait shop web.1  # on room: node vm is drained',
});
test('a deploy does not begin on a drained node, and what serves goes', plans, {
  state: 'drained', want: app('v2', 1), record: good(app('v1', 1)), have: ['web.1 v1 up'], names: [], left: {'10.0.1.1': 60},
  plan: 'stop shop.web.1-v1-0 within 30s  # it gives way: node vm is drained\nwait shop release v2  # on node vm is drained\nwait shop web.1  # on room: node vm is drained',
});
test('nothing of a drained node is started again', plans, {
  state: 'drained', want: app('v1', 1), record: good(app('v1', 1)), have: ['web.1 v1 exited 1 ago=60'], names: [], plan: 'wait shop web.1  # on room: node vm is drained',
});

test('an app whose manifests are wrong goes from a drained node as the others do', (t) => {
  const wrong = {state: 'invalid', name: SHOP, treeId: app('v2', 1).treeId, problems: []} as const;
  const world = observed({record: good(app('v1', 1)), have: ['web.1 v1 up'], names: [], left: {'10.0.1.1': 60}});
  t.is(formatPlan(plan(closedState('drained', wrong), world)), 'stop shop.web.1-v1-0 within 30s  # it gives way: node vm is drained');
  t.is(formatPlan(plan(desired(wrong), observed({record: good(app('v1', 1)), have: ['web.1 v1 up'], names: ['10.0.1.1']}))), '');
});

test('when the node is open again, what waited begins', (t) => {
  const world = observed({record: good(app('v1', 1)), have: ['web.1 v1 up'], names: ['10.0.1.1']});
  t.is(formatPlan(plan(desired(app('v2', 1)), world)), 'mark shop deploying  # release v2 is new\nrun shop.web.1-v2-0  # web.1 is missing');
});
