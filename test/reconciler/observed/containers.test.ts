import test from 'ava';
import type {ContainerRecord} from '../../../reconciler/adapters/engine.ts';
import {replicaSpec} from '../../../reconciler/apply/replica-spec.ts';
import {toReplica, toSystem} from '../../../reconciler/observed/containers.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {FACTS, service} from '../../support/make.ts';

const spec = await replicaSpec(
  {kind: 'run-container', app: 'shop' as AppName, service: service('v7', 3), release: 7, slot: 2, attempt: 1, failures: 1, name: 'shop.web.2-v7-1', subnet: '10.0.0.0/25', reason: ''},
  {instance: 'flynn', logBytesMax: 1, openEnv: async () => ({})},
);
const record: ContainerRecord = {
  id: 'c1', name: spec.name, image: spec.image, labels: spec.labels, createdAtMs: 5, memoryBytes: 256, cpus: 0.5, restart: 'never',
  status: 'running', isPaused: false, startedAtMs: 6, addresses: {'flynn.shop': '10.0.0.2'},
};
const healthy = () => ({state: 'healthy'} as const);

test('a replica is known again by the labels that it was made with', (t) => {
  t.deepEqual({...toReplica(record, 'flynn', healthy)}, {
    id: 'c1', name: 'shop.web.2-v7-1', app: 'shop', service: 'web', slot: 2, release: 7, specHash: 'v7', attempt: 1, failures: 1,
    createdAtMs: 5, facts: FACTS, state: 'running', startedAtMs: 6, address: '10.0.0.2', health: {state: 'healthy'},
  } as unknown as ReturnType<typeof toReplica>);
});

test('a container without our labels, or with ones that make no sense, is not seen: hence never touched', (t) => {
  const {labels} = record;
  const without = (changes: Record<string, string>) => toReplica({...record, labels: {...labels, ...changes}}, 'flynn', healthy);
  t.is(toReplica({...record, labels: {}}, 'flynn', healthy), undefined);
  t.is(without({'flynn.role': 'build'}), undefined);
  t.is(without({'flynn.slot': 'two'}), undefined);
  t.is(without({'flynn.facts': 'null'}), undefined);
  t.is(without({'flynn.facts': '{'}), undefined);
  t.is(toSystem({...record, labels: {}}), undefined);
});

test('why a container is not as it has to be is told in words', (t) => {
  const drift = (changes: Partial<ContainerRecord & {status: 'running'}>) => {
    const replica = toReplica({...record, ...changes} as ContainerRecord, 'flynn', healthy);
    return replica?.state === 'running' ? replica.drift : 'gone';
  };
  t.deepEqual([drift({}), drift({isPaused: true}), drift({addresses: {bridge: '172.17.0.2'}}), drift({addresses: {flynn: '172.18.0.2'}}), drift({memoryBytes: 64}), drift({cpus: 2}), drift({name: 'renamed'})], [
    undefined, 'was changed by hand: it is paused', 'was changed by hand: it is not connected to its network', 'is on the network that all apps once shared, and gets one of its app alone',
    'was changed by hand: its memory limit is 64 bytes, not 256', 'was changed by hand: its CPU limit is 2 cores, not 0.5', undefined,
  ]);
});

test('a replica gets no more rights than it needs', (t) => {
  t.deepEqual(spec.capabilities, ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'NET_BIND_SERVICE', 'SETGID', 'SETUID']);
  t.deepEqual([spec.mounts, spec.restart, spec.memoryBytes, spec.pidsMax], [[], 'never', 256, 100]);
});
