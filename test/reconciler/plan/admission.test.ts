import test from 'ava';
import type {ContainerId, CronName, ServiceName} from '../../../schemas/ids.ts';
import type {DesiredState} from '../../../reconciler/desired/state.ts';
import type {ObservedJob, ObservedRun} from '../../../reconciler/observed/state.ts';
import {admitted, roomBeside} from '../../../reconciler/plan/admission.ts';
import type {Action} from '../../../reconciler/plan/action.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {app, desired, observed, service, SHOP} from '../../support/make.ts';

const GI = 2 ** 30;

function start(cron: string, run = '1'): Action {
  const {container} = service('v1', 1);
  return {kind: 'run-job', app: SHOP, name: `shop.${cron}.${run}`, job: {kind: 'cron', cron: cron as CronName, run}, container, release: 1, subnet: '10.0.0.0/25', reason: 'due'};
}

function running(cron: string, run: string): ObservedJob {
  return {id: `${cron}-${run}` as ContainerId, name: `shop.${cron}.${run}`, app: SHOP, job: {kind: 'cron', cron: cron as CronName, run}, release: 1, createdAtMs: 0, stopGraceMs: 0, state: 'running', startedAtMs: 0};
}

/** `small` wants 1Gi, `large` 3Gi, `any` nothing; the services leave 3Gi of 4. */
function wanted(): DesiredState {
  const cron = (name: string, memoryGi?: number) => ({
    name: name as CronName, schedule: {expression: '* * * * *', timezone: 'UTC'}, overlap: 'allow', deadlineMs: 1000, isSuspended: false, container: service('v1', 1).container,
    ...(memoryGi !== undefined && {requests: {memoryBytes: memoryGi * GI, cpus: 0}}),
  } as const);
  const state = desired({...app('v1', 1), crons: [cron('any'), cron('large', 3), cron('small', 1)]});
  return {...state, nodes: [{node: 'n1', memoryBytes: 4 * GI, cpus: 2, free: {memoryBytes: 3 * GI, cpus: 2}}]};
}

const admits = test.macro({
  exec(t, {actions, jobs = [], operations = [], runs = []}: {actions: readonly Action[]; jobs?: readonly ObservedJob[]; operations?: readonly string[]; runs?: readonly string[]}, expected: string) {
    const book = {app: SHOP, crons: {large: {runs: runs.map((id) => ({id, dueMs: 0, state: 'due'} as const))}}};
    const state = {...observed({book, operations}), jobs};
    t.is(formatPlan(admitted({actions, waiting: []}, wanted(), state)), expected);
  },
  title: (name) => `admission: ${name}`,
});

const FULL = (what: string, free: string) => `wait shop ${what}  # on room: no node has ${what === 'large' ? '3Gi' : '1Gi'} of memory free (n1: ${free} of 4Gi)`;

test('a job that requests nothing always starts', admits, {actions: [start('any')], jobs: [running('large', '0')]}, 'run shop.any.1  # due');
test('one that fits starts', admits, {actions: [start('large')]}, 'run shop.large.1  # due');
test('beside one that runs it waits', admits, {actions: [start('large')], jobs: [running('small', '0')]}, FULL('large', '2Gi'));
test('of two that are due together the second waits', admits, {actions: [start('large'), start('small')]}, `run shop.large.1  # due\n${FULL('small', '0 bytes')}`);
test('one that is being started and can\'t be seen yet counts', admits, {actions: [start('small')], operations: ['container shop.large.7'], runs: ['7']}, FULL('small', '0 bytes'));

test('one-off commands that run count as a copy of their service', (t) => {
  const state = wanted();
  const needy = desired({...app('v1', 1), services: [{...service('v1', 1), requests: {memoryBytes: GI, cpus: 0}}]});
  const run = {id: 'r' as ContainerId, name: 'shop.run.7', app: SHOP, number: 7, service: 'web' as ServiceName, release: 1, program: 'sh', isDetached: true, isAttended: false, createdAtMs: 0, state: 'running', startedAtMs: 0} as const;
  const free = (runs: readonly ObservedRun[]) => roomBeside({...needy, nodes: state.nodes}, {...observed({}), runs}).map((node) => node.free.memoryBytes / GI);
  t.deepEqual([free([]), free([run]), free([run, run])], [[3], [2], [1]]);
});
