import test from 'ava';
import type {ResolvedApp} from '../../../reconciler/desired/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {app, by, desired, good, NOW_MS, observed, type World} from '../../support/make.ts';

/** Two replicas of v1; somebody asked `agoS` seconds ago for a restart of web.2. */
function renewing(agoS: number, wanted = app('v1', 2)): ResolvedApp {
  const atMs = NOW_MS - agoS * 1000;
  return {...wanted, services: wanted.services.map((service) => ({...service, renew: [{slot: 2, atMs, untilMs: atMs + 120_000}]}))};
}

const OLD = 'web.2 v1 up ago=100';
const BOTH = ['10.0.1.1', '10.0.1.2'];

const plans = test.macro<[{readonly want?: ResolvedApp; readonly have: readonly string[]; readonly plan: string} & Partial<World>]>((t, {want = renewing(20), have, plan: expected, names = BOTH, ...world}) => {
  t.is(formatPlan(plan(desired(want), observed({record: good(app('v1', 2)), have: ['web.1 v1 up ago=100', ...have], names, ...world}))), expected);
});

test('a replica that is to be restarted gets a successor first', plans, {have: [OLD], plan: 'run shop.web.2-v1-1  # a restart of web.2 was asked for'});

test('it serves on until its successor is healthy', plans, {have: [OLD, 'web.2 v1 starting attempt=1'], plan: 'wait shop web.2  # on its health check: nothing listens on port 8080 (ECONNREFUSED)'});

test('then it is on its way out', plans, {
  // Both have the same address here, so it is still in the names.
  have: [OLD, 'web.2 v1 up attempt=1'], plan: 'wait shop web.2 (v1)  # on the router to be told',
});

test('what was made after the wish is what was wished', plans, {have: ['web.2 v1 up attempt=1'], plan: ''});

test('a successor that crashes is tried again, with pauses', plans, {
  have: [OLD, 'web.2 v1 exited 3 attempt=1 failures=0 ago=0'], plan: 'run shop.web.2-v1-2  # web.2 exited with code 3',
});

test('after three failures the old one stays, and nothing is tried any more', plans, {have: [OLD, 'web.2 v1 exited 3 attempt=3 failures=2 ago=1'], plan: ''});

test('and so it does when the time is over', (t) => {
  const late = renewing(121);
  const seen = observed({record: good(app('v1', 2)), have: ['web.1 v1 up ago=200', 'web.2 v1 up ago=200', 'web.2 v1 starting attempt=1'], names: BOTH});
  t.is(formatPlan(plan(desired(late), seen)), 'wait shop web.2 (v1)  # on the router to be told');
});

test('by stop-first the old one goes first, but not before there is an image for the new one', (t) => {
  const want = renewing(20, by({kind: 'stop-first', batch: 1}, app('v1', 2)));
  const seen = {record: good(by({kind: 'stop-first', batch: 1}, app('v1', 2))), have: ['web.1 v1 up ago=100', OLD], names: ['10.0.1.1'], left: {'10.0.1.2': 60}};
  t.regex(formatPlan(plan(desired(want), observed(seen))), /^stop shop\.web\.2-v1-0 within 30s {2}# a restart of web\.2 was asked for$/m);
  t.notRegex(formatPlan(plan(desired(want), observed({...seen, images: []}))), /stop/);
});
