import test from 'ava';
import type {Action} from '../../../reconciler/plan/action.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import type {ResolvedApp} from '../../../reconciler/desired/state.ts';
import type {NameTable} from '../../../reconciler/observed/state.ts';
import {app, deploying, desired, failed, good, observed, type World} from '../../support/make.ts';

const PAGE = '127.0.0.3';

function published(want: ResolvedApp, world: World): readonly string[] | undefined {
  const {actions} = plan(desired(want), observed(world));
  const {names} = actions.find((action): action is Action & {kind: 'publish-names'; names: NameTable} => action.kind === 'publish-names') ?? {};
  return names === undefined ? undefined : [...names.values()].flat().map(({address}) => address);
}

const on = (one: ResolvedApp): ResolvedApp => ({...one, isInMaintenance: true});

test('an app in maintenance leads to the page, and its replicas go on running', (t) => {
  const world = {record: good(app('v1', 2)), have: ['web.1 v1 up', 'web.2 v1 up'], names: ['10.0.1.1', '10.0.1.2']};
  t.deepEqual(published(on(app('v1', 2)), world), [PAGE]);
  t.is(formatPlan(plan(desired(on(app('v1', 2))), observed(world))), 'publish 1 names  # replicas behind shop.test: 2 → maintenance');
});

test('the end of maintenance leads to the replicas at once', (t) => {
  t.deepEqual(published(app('v1', 1), {record: good(app('v1', 1)), have: ['web.1 v1 up'], names: [PAGE]}), ['10.0.1.1']);
});

test('an app in maintenance is deployed without leaving it', (t) => {
  const next = on(app('v2', 1));
  t.is(published(next, {record: deploying(next, on(app('v1', 1))), have: ['web.1 v1 up', 'web.1 v2 up'], names: [PAGE]}), undefined);
});

test('maintenance begins although the newest release has failed', (t) => {
  const next = on(app('v2', 1));
  t.deepEqual(published(next, {record: failed(next, app('v1', 1)), have: ['web.1 v1 up'], names: ['10.0.1.1']}), [PAGE]);
});

test('an app whose manifests became wrong stays in maintenance', (t) => {
  const {name, treeId} = app('v1', 1);
  const state = observed({record: good(on(app('v1', 1))), have: ['web.1 v1 up'], names: [PAGE]});
  const {actions} = plan({...desired(app('v1', 1)), apps: [{state: 'invalid', name, treeId, problems: []}]}, state);
  t.deepEqual(actions, []);
});
