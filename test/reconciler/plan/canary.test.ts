import test from 'ava';
import type {Canary, ResolvedApp} from '../../../reconciler/desired/state.ts';
import type {CanarySeen, DeployRecord} from '../../../reconciler/observed/state.ts';
import {copiesFor} from '../../../reconciler/plan/canary.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import type {SpecHash} from '../../../schemas/ids.ts';
import {app, by, deploying, desired, failed, NOW_MS, observed, SHOP, type World} from '../../support/make.ts';

// A deploy whose new replicas get a growing share of the requests, and are judged by their answers.

const CANARY: Canary = {kind: 'canary', steps: [{weight: 10, pauseMs: 60_000}, {weight: 50, pauseMs: 60_000}], errorPercentMax: 5, p95MsMax: 800};
const next = by(CANARY, app('v2', 1));
const BOTH = ['web.1 v1 up', 'web.1 v2 up'];
/** As many records as the first step's share asks for: nine to one. */
const TENTH = [...Array.from({length: 9}, () => '10.0.1.1'), '10.0.2.1'];

interface Case extends World {
  readonly want?: ResolvedApp;
  readonly seen?: CanarySeen;
  readonly plan: string;
}

const plans = test.macro<[Case]>((t, {want = next, seen, plan: expected, ...world}) => {
  const state = observed(world);
  t.is(formatPlan(plan(desired(want), seen === undefined ? state : {...state, canaries: new Map([[SHOP, seen]])})), expected);
});

/** In its first step since so many seconds. */
function trying(seconds: number, step = 0): DeployRecord {
  const record = deploying(next, app('v1', 1));
  if (record.deploy?.state !== 'deploying') return record;
  return {...record, deploy: {...record.deploy, canary: {step, sinceMs: NOW_MS - seconds * 1000, specs: ['v2' as SpecHash]}}};
}

function answered(requests: number, failures: number, p95Ms: number): CanarySeen {
  return {figures: {requests, failures, p95Ms}};
}

test('the first step is written down when all of the new replicas are healthy', plans, {
  record: deploying(next, app('v1', 1)),
  have: BOTH,
  names: ['10.0.1.1'],
  plan: 'mark shop deploying  # release v2 is healthy and gets 10 % of the requests',
});
test('then they get their share', plans, {
  record: trying(0),
  have: BOTH,
  names: ['10.0.1.1'],
  plan: 'publish 1 names  # replicas behind shop.test: 1 → 10\n'
    + 'wait shop release v2  # on step 1 of 2, 10 % of the requests: none came yet',
});
test('and are watched', plans, {
  record: trying(30),
  have: BOTH,
  names: TENTH,
  seen: answered(120, 1, 35),
  plan: 'wait shop release v2  # on step 1 of 2, 10 % of the requests: 120 came, 1 failed, p95 35 ms',
});
test('a share of failed requests beyond the limit ends it', plans, {
  record: trying(30),
  have: BOTH,
  names: TENTH,
  seen: answered(120, 9, 35),
  plan: 'mark shop failed  # release v2 failed: with 10 % of the requests: 7.5 % of 120 failed, more than 5 %',
});
test('so does being slow', plans, {
  record: trying(30),
  have: BOTH,
  names: TENTH,
  seen: answered(120, 0, 900),
  plan: 'mark shop failed  # release v2 failed: with 10 % of the requests: 95 % were answered within 900 ms, not within 800 ms',
});
test('few requests say nothing', plans, {
  record: trying(30),
  have: BOTH,
  names: TENTH,
  seen: answered(19, 19, 9_000),
  plan: 'wait shop release v2  # on step 1 of 2, 10 % of the requests: 19 came, 19 failed, p95 9000 ms',
});
test('the next step comes when the pause is over', plans, {
  record: trying(60),
  have: BOTH,
  names: TENTH,
  seen: answered(120, 1, 35),
  plan: 'mark shop deploying  # release v2 is healthy and gets 50 % of the requests',
});
test('after the last one the release serves', plans, {
  record: trying(60, 1),
  have: BOTH,
  names: ['10.0.1.1', '10.0.2.1'],
  seen: answered(120, 1, 35),
  plan: 'mark shop healthy  # release v2 is healthy, and its canaries did well',
});
test('who promotes it ends the watching', plans, {
  record: trying(5),
  have: BOTH,
  names: TENTH,
  seen: {...answered(0, 0, 0), wish: {kind: 'promote', by: 'ann'}},
  plan: 'mark shop healthy  # release v2 is healthy, and promoted by ann',
});
test('who aborts it ends the release', plans, {
  record: trying(5),
  have: BOTH,
  names: TENTH,
  seen: {...answered(0, 0, 0), wish: {kind: 'abort', by: 'ann'}},
  plan: 'mark shop failed  # release v2 was aborted by ann',
});
test('a release that has failed loses its share, and the old replicas have all of it at once', plans, {
  record: failed(next, app('v1', 1)),
  have: BOTH,
  names: TENTH,
  plan: 'publish 1 names  # replicas behind shop.test: 10 → 1\n'
    + 'wait shop web.1 (v2)  # on the router to be told',
});
test('a first deploy has nobody to be compared with', plans, {
  record: deploying(next),
  have: ['web.1 v2 up'],
  plan: 'mark shop healthy  # release v2 is healthy',
});

test('what they answer is looked at every second, however long the step is', (t) => {
  const [wait] = plan(desired(next), observed({record: trying(30), have: BOTH, names: TENTH})).waiting;
  t.is(wait?.untilMs, NOW_MS + 1_000);
});

test('shares come as near as few records allow', (t) => {
  t.deepEqual(copiesFor(10, {fresh: 1, old: 1}), {fresh: 1, old: 9});
  t.deepEqual(copiesFor(50, {fresh: 4, old: 4}), {fresh: 1, old: 1});
  t.deepEqual(copiesFor(5, {fresh: 3, old: 3}), {fresh: 1, old: 19});
  t.deepEqual(copiesFor(75, {fresh: 2, old: 4}), {fresh: 6, old: 1});
  t.deepEqual(copiesFor(1, {fresh: 50, old: 50}), {fresh: 1, old: 3});
  for (const percent of [1, 10, 33, 66, 99]) {
    for (const replicas of [1, 2, 5]) {
      const {fresh, old} = copiesFor(percent, {fresh: replicas, old: replicas});
      t.true(Math.abs(100 * fresh / (fresh + old) - percent) < 1.5, `${percent} % of ${replicas}: ${fresh} to ${old}`);
    }
  }
});
