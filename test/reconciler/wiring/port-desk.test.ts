import test from 'ava';
import type {Change} from '../../../reconciler/checkout/snapshot.ts';
import {PortDesk} from '../../../reconciler/wiring/port-desk.ts';
import type {ResolvedApp} from '../../../reconciler/desired/state.ts';
import type {CommitId, ServiceName, TreeId} from '../../../schemas/ids.ts';
import {app as made} from '../../support/make.ts';
import {head} from '../../support/manifests.ts';

const COMMIT = 'a'.repeat(40) as CommitId;
const OWN_PORTS = new Map([[3002, 'HTTP']]);
const SIGNAL = AbortSignal.timeout(60_000);

function asking(name: string, tree: string): ResolvedApp {
  return {...made('v1', 1), name: name as ResolvedApp['name'], treeId: tree as TreeId, portsWanted: ['db' as ServiceName]};
}

/** A desk whose commits wait until they are let through. */
function desk() {
  const changes: Change[] = [];
  const events: string[] = [];
  let answer: (() => Promise<never>) | undefined;
  const ports = new PortDesk({
    repo: {commit: (change) => {
      changes.push(change);
      return answer?.() ?? Promise.resolve({commit: COMMIT, isNew: true});
    }},
    events: {add: ({message}) => events.push(message)},
    range: () => ({first: 3000, last: 3500}),
  });
  const see = async (apps: readonly ResolvedApp[], nowMs: number, takenPorts: readonly number[] = []) => {
    ports.see({apps, commit: COMMIT}, {nowMs, tcp: {takenPorts: new Set(takenPorts), ownPorts: OWN_PORTS}}, SIGNAL);
    await new Promise(setImmediate);
  };
  return {changes, events, see, failWith: (message: string) => (answer = () => Promise.reject(new Error(message)))};
}

test('one app at a time is given a port that neither an app, nor the node, nor another program has', async (t) => {
  const {changes, see} = desk();
  const other = {...made('v1', 1), tcp: [{port: 3001, service: 'db' as ServiceName, proxyProtocol: 'none' as const, idleTimeoutMs: 1}]};
  await see([asking('store', 't1'), asking('cache', 't2'), other], 0, [3000]);
  t.is(changes.length, 1);
  const {message, edit} = changes[0] as Change;
  t.is(message.split('\n')[0], 'store: choose a TCP port for db');
  t.is(edit(() => `${head('App')}tcp: [{service: db}]\n`, () => [])['apps/store/app.yaml'], `${head('App')}tcp: [{port: 3003, service: db}]\n`);
  await see([asking('cache', 't2'), other], 1);
  t.deepEqual(changes.map(({operationId}) => operationId), [`ports store ${COMMIT}`, `ports cache ${COMMIT}`]);
});

test('a try that failed is told, and made again after a while or after a change of the app', async (t) => {
  const {changes, events, see, failWith} = desk();
  failWith('no port is free');
  await see([asking('store', 't1')], 0);
  await see([asking('store', 't1')], 59_000);
  t.is(changes.length, 1);
  await see([asking('store', 't2')], 59_500);
  await see([asking('store', 't2')], 119_500);
  t.is(changes.length, 3);
  t.deepEqual(new Set(events), new Set(["a TCP port for db can't be chosen: no port is free"]));
});
