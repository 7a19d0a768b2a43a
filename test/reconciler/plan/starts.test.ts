import test from 'ava';
import type {ResolvedApp} from '../../../reconciler/desired/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {app, deploying, desired, observed, type World} from '../../support/make.ts';

// Starts that fail, and starts that only seem to.

interface Case extends World {
  readonly want: ResolvedApp;
  readonly plan: string;
}

const plans = test.macro<[Case]>((t, {want, plan: expected, ...world}) => {
  t.is(formatPlan(plan(desired(want), observed(world))), expected);
});

test('says of a command that does not exist that it was not found', plans, {
  want: app('v2', 1),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 exited 127 failures=2 attempt=2 ago=0'],
  names: ['10.0.1.1'],
  plan: 'mark shop failed  # release v2 failed: web.1 exited with code 127 (its command was not found), 3 times in a row',
});

test('what the engine says of a start that is still being tried decides nothing', plans, {
  want: app('v2', 1),
  record: deploying(app('v2', 1), app('v1', 1)),
  have: ['web.1 v1 up', 'web.1 v2 unstartable ago=0'],
  names: ['10.0.1.1'],
  operations: ['container shop.web.1-v2-0'],
  plan: 'wait shop release v2  # on healthy replicas: web [0/1]\n'
    + 'wait shop web.1  # on a container being started',
});
