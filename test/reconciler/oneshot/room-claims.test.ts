import test from 'ava';
import type {ContainerId, ServiceName} from '../../../schemas/ids.ts';
import type {ObservedRun} from '../../../reconciler/observed/state.ts';
import {Refused} from '../../../reconciler/oneshot/oneshot.ts';
import {RoomClaims} from '../../../reconciler/oneshot/room-claims.ts';
import {app, desired, observed, service, SHOP} from '../../support/make.ts';

const GI = 2 ** 30;
const NEED = {memoryBytes: GI, cpus: 0};
const wanted = {...desired({...app('v1', 1), services: [{...service('v1', 1), requests: NEED}]}), nodes: [{node: 'vm', memoryBytes: 4 * GI, cpus: 2, free: {memoryBytes: 2 * GI, cpus: 2}}]};

function seen(...names: readonly string[]) {
  const runs = names.map((name): ObservedRun => ({id: name as ContainerId, name, app: SHOP, number: 7, service: 'web' as ServiceName, release: 1, program: 'sh', isDetached: true, isAttended: false, createdAtMs: 0, state: 'running', startedAtMs: 0}));
  return {desired: wanted, observed: {...observed({}), runs}};
}

const FULL = {instanceOf: Refused, message: /^there is no room for a run of web: no node has 1Gi of memory free \(vm: 0 bytes of 4Gi\); / };

test('runs that were let in at the same moment have their room before they are seen, and once when they are', (t) => {
  const claims = new RoomClaims(() => 0);
  const ask = (name: string, ...there: readonly string[]) => claims.make({name, need: NEED, what: 'a run of web'}, seen(...there));
  ask('shop.run.1');
  ask('shop.run.2');
  t.throws(() => ask('shop.run.3'), FULL);
  t.throws(() => ask('shop.run.3', 'shop.run.1'), FULL);
  t.throws(() => ask('shop.run.3', 'shop.run.1', 'shop.run.2'), FULL);
  t.notThrows(() => ask('shop.run.3'), 'both were seen, and have ended');
});

test('one that could not be started, or never came, keeps nothing', (t) => {
  let nowMs = 0;
  const claims = new RoomClaims(() => nowMs);
  const ask = (name: string) => claims.make({name, need: {memoryBytes: 2 * GI, cpus: 0}, what: 'a run of web'}, seen());
  ask('shop.run.1');
  t.throws(() => ask('shop.run.2'), {instanceOf: Refused});
  claims.release('shop.run.1');
  ask('shop.run.2');
  nowMs = 10 * 60_000;
  t.notThrows(() => ask('shop.run.3'));
});
