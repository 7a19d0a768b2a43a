import test from 'ava';
import {nextHealth, probePauseMs, type HealthHistory, type ProbeResult} from '../../../reconciler/observed/health.ts';
import type {Health} from '../../../reconciler/observed/state.ts';
import {FACTS} from '../../support/make.ts';

const {check} = FACTS;
const good: ProbeResult = {ok: true};
const bad: ProbeResult = {ok: false, detail: 'nothing listens'};

/** States after each of the probes, the first of them `upMs` after the start, then one each second. */
function states(first: Health['state'], upMs: number, probes: readonly ProbeResult[]): readonly string[] {
  let history: HealthHistory = {health: first === 'unhealthy' ? {state: first, detail: ''} : {state: first}, failures: 0};
  return probes.map((probe, index) => {
    history = nextHealth(history, probe, check, upMs + index * 1000);
    return history.health.state;
  });
}

test('failures within the start period do not count', (t) => {
  t.deepEqual(states('starting', 100, [bad, bad, bad, bad, good]), ['starting', 'starting', 'starting', 'starting', 'healthy']);
});

test('who never got healthy has had its time when the start period is over', (t) => {
  t.deepEqual(states('starting', 59_000, [bad, bad]), ['starting', 'unhealthy']);
});

test('a single failed probe takes nothing from a healthy replica; three in a row do', (t) => {
  t.deepEqual(states('healthy', 100_000, [bad, good, bad, bad, good, bad, bad, bad, good]), [
    'healthy', 'healthy', 'healthy', 'healthy', 'healthy', 'healthy', 'healthy', 'unhealthy', 'healthy',
  ]);
});

test('after a restart of the reconciler an old replica stays unknown until it answered, or failed as often as a healthy one may', (t) => {
  t.deepEqual(states('unknown', 100_000, [good]), ['healthy']);
  t.deepEqual(states('unknown', 100_000, [bad, bad, bad]), ['unknown', 'unknown', 'unhealthy']);
});

test('what starts is probed often at first, then each second, and what is healthy in the rhythm of its check', (t) => {
  const pause = (state: 'starting' | 'healthy', upMs: number, starters = 1) => probePauseMs({health: {state}, failures: 0}, check, {upMs, starters});
  t.deepEqual([pause('starting', 0), pause('starting', 5000), pause('starting', 20_000), pause('healthy', 0)], [25, 100, 1000, 5000]);
  t.deepEqual([pause('starting', 0, 3), pause('starting', 0, 50)], [75, 100]);
});
