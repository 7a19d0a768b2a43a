import test from 'ava';
import type {ContainerId, SpecHash} from '../../../schemas/ids.ts';
import type {ObservedRouter} from '../../../reconciler/observed/state.ts';
import type {ObservedSystem} from '../../../reconciler/observed/system.ts';
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
  const system = have.map((one): ObservedSystem => ({id: 'r1' as ContainerId, name: 'flynn-dns', role: 'dns', specHash: 'new' as SpecHash, state: 'running', createdAtMs: 0, startedAtMs: 0, shift: 0, isKept: true, ...one}));
  const state = {...observed({operations}), system, ...(router && {router})};
  t.is(formatPlan(planSystem({...desired(), system: [{role: 'dns', specHash: 'new' as SpecHash}]}, state, {isWanted: false, isFileRight: true})), plan);
});

function silent(forMs: number): ObservedRouter {
  return {state: 'unreachable', error: 'ECONNREFUSED', silentSinceMs: new Map([['dns', NOW_MS - forMs]])};
}

test('the DNS server is left alone while it runs as it was made', planned, {have: [{}], plan: ''});

test('a DNS server that is missing is made', planned, {have: [], plan: 'run dns  # dns is missing'});

test('a DNS server that somebody stopped is started', planned, {have: [{state: 'exited'}], plan: 'run dns  # dns does not run'});

test('a DNS server made from something else gives way first, because there is one name', planned, {
  have: [{specHash: 'old' as SpecHash}],
  plan: 'remove flynn-dns  # dns is to be made anew\nwait dns  # on the old container to be removed',
});

test('a start in progress is waited for', planned, {have: [], operations: ['system dns'], plan: 'wait dns  # on a container being started'});

test('a DNS server that has just stopped answering is given time', planned, {have: [{}], router: silent(1000), plan: 'wait dns  # on an answer'});

test('a DNS server that runs but does not answer is made anew', planned, {
  have: [{}],
  router: silent(6000),
  plan: 'remove flynn-dns  # dns runs but did not answer for 5 s',
});

test('one that was just made has its own time to answer', planned, {have: [{startedAtMs: NOW_MS - 100}], router: silent(60_000), plan: 'wait dns  # on an answer'});
