import test from 'ava';
import type {ContainerId, SpecHash} from '../../../schemas/ids.ts';
import type {ObservedRouter, ObservedSystem} from '../../../reconciler/observed/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {planSystem} from '../../../reconciler/plan/platform.ts';
import {desired, NOW_MS, observed} from '../../support/make.ts';

interface Case {
  readonly have: readonly Partial<ObservedSystem>[];
  readonly router?: ObservedRouter;
  readonly operations?: readonly string[];
  readonly plan: string;
}

const planned = test.macro<[Case]>((t, {have, router, operations = [], plan}) => {
  const system = have.map((one): ObservedSystem => ({id: 'r1' as ContainerId, name: 'flynn-router', role: 'router', specHash: 'new' as SpecHash, state: 'running', startedAtMs: 0, ...one}));
  const state = {...observed({operations}), system, ...(router && {router})};
  t.is(formatPlan(planSystem({...desired(), system: [{role: 'router', specHash: 'new' as SpecHash}]}, state, {isWanted: false, isFileRight: true})), plan);
});

function silent(forMs: number): ObservedRouter {
  return {state: 'unreachable', error: 'ECONNREFUSED', silentSinceMs: new Map([['router', NOW_MS - forMs]])};
}

test('the router is left alone while it runs as it was made', planned, {have: [{}], plan: ''});

test('a router that is missing is made', planned, {have: [], plan: 'run router  # router is missing'});

test('a router that somebody stopped is started', planned, {have: [{state: 'exited'}], plan: 'run router  # router does not run'});

test('a router made from something else gives way first, because there is one name', planned, {
  have: [{specHash: 'old' as SpecHash}],
  plan: 'remove flynn-router  # router is to be made anew\nwait router  # on the old container to be removed',
});

test('a start in progress is waited for', planned, {have: [], operations: ['system router'], plan: 'wait router  # on a container being started'});

test('a router that has just stopped answering is given time', planned, {have: [{}], router: silent(1000), plan: 'wait router  # on an answer'});

test('a router that runs but does not answer is made anew', planned, {
  have: [{}],
  router: silent(6000),
  plan: 'remove flynn-router  # router runs but did not answer for 5 s',
});

test('one that was just made has its own time to answer', planned, {have: [{startedAtMs: NOW_MS - 100}], router: silent(60_000), plan: 'wait router  # on an answer'});
