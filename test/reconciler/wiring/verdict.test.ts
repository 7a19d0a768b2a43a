import test from 'ava';
import type {Waiting} from '../../../reconciler/plan/action.ts';
import {judge} from '../../../reconciler/wiring/verdict.ts';
import {app, desired, good, NOW_MS, observed, SHOP} from '../../support/make.ts';

const SERVES = app('v1', 1);

function verdict(waiting: readonly Waiting[], operations: readonly string[] = []) {
  const seen = {
    desired: desired(SERVES),
    observed: observed({have: ['web.1 v1 up'], record: good(SERVES), operations}),
    plan: {actions: [], waiting},
  };
  return judge(SHOP, {number: 1, startedAtMs: NOW_MS, tookMs: 1, held: undefined, seen}, NOW_MS);
}

test('an app whose replicas are up and that nothing is left to be done for is healthy', (t) => t.like(verdict([]), {result: 'healthy', release: 1}));

test('as long as a change of routes is made, or will be in a moment, requests may still be answered as before', (t) => {
  for (const operation of ['names', 'routes', 'tcp']) t.like(verdict([], [operation]), {progress: 'web [1/1]'}, operation);
  t.like(verdict([{subject: 'router', on: 'the last change of its configuration to be a moment old', untilMs: NOW_MS + 500}]), {progress: 'web [1/1]'});
});

test('what waits for something of its own keeps nobody else waiting', (t) => {
  t.like(verdict([{app: SHOP, subject: 'TCP port 5432', on: 'whatever else listens on it'}, {subject: 'certificates', on: 'their files being readable'}]), {result: 'healthy'});
});
