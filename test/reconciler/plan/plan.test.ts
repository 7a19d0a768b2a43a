import test from 'ava';
import type {AppName, ServiceName} from '../../../schemas/ids.ts';
import type {ResolvedApp} from '../../../reconciler/desired/state.ts';
import type {ObservedContainer} from '../../../reconciler/observed/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {app, container, desired, good, NOW_MS, observed, SHOP} from '../../support/make.ts';

test('an app that left the commit loses its names, is drained, stopped, removed and forgotten, in this order', (t) => {
  const record = good(app('v1', 1));
  const steps = [
    {have: ['web.1 v1 up'], names: ['10.0.1.1']},
    {have: ['web.1 v1 up'], left: {'10.0.1.1': 0.1}},
    {have: ['web.1 v1 up'], left: {'10.0.1.1': 9}},
    {have: ['web.1 v1 exited 143']},
    {have: [], images: []},
  ].map((world) => formatPlan(plan(desired(), observed({record, ...world}))));
  t.deepEqual(steps, [
    'publish 0 names  # replicas behind shop.test: 1 → none\nwait shop web.1 (v1)  # on the router to be told',
    'wait shop web.1 (v1)  # on the router to let go',
    'stop shop.web.1-v1-0 within 30s  # app shop is not in commit 12345678',
    'remove shop.web.1-v1-0  # exited with code 143, newer ones are kept',
    'remove the network flynn.shop  # app shop is gone\nforget shop  # app shop is not in commit 12345678',
  ]);
});

test('an app that we can\'t plan for stays as it is, its traffic included, and the others go on', (t) => {
  const broken = {...container('web.1 v1 up'), facts: undefined} as unknown as ObservedContainer;
  const other: ResolvedApp = {...app('v1', 1), name: 'other' as AppName, routes: [{host: 'other.test', path: '/', service: 'web' as ServiceName}]};
  const state = observed({record: good(app('v1', 1)), names: ['10.0.1.1'], networks: ['shop', 'other']});
  t.is(formatPlan(plan(desired(other, app('v1', 1)), {...state, containers: [broken], images: state.images.map((one) => ({...one, app: other.name}))})),
    'mark other deploying  # release v1 is new\n'
    + 'run other.web.1-v1-0  # web.1 is missing\n'
    + 'wait shop its plan  # on a mistake of Flynn\'s own to be mended: Cannot read properties of undefined (reading \'port\')');
});

test('who claims the route of a running app does not get its traffic', (t) => {
  const running = app('v1', 1);
  const rival: ResolvedApp = {...app('v2', 1), name: 'a-rival' as AppName};
  const state = observed({record: good(running), have: ['web.1 v1 up'], names: ['10.0.1.1'], networks: ['shop', 'a-rival']});
  const rivals = new Map([...state.journal, [rival.name, {...good(rival), app: rival.name}]]);
  const theirs = {...container('web.1 v2 up'), app: rival.name};
  const invalid = {state: 'invalid', name: SHOP, treeId: running.treeId, problems: []} as const;
  t.is(formatPlan(plan(desired(rival, invalid), {...state, journal: rivals, containers: [...state.containers, theirs], nowMs: NOW_MS})), '');
});
