import test from 'ava';
import type {AppName, TreeId} from '../../schemas/ids.ts';
import {execute, type World} from '../../reconciler/apply/executors.ts';
import type {ResolvedApp} from '../../reconciler/desired/state.ts';
import {NetworkObserver} from '../../reconciler/observed/networks.ts';
import type {ObservedState} from '../../reconciler/observed/state.ts';
import {formatPlan} from '../../reconciler/plan/format.ts';
import {planNetworks} from '../../reconciler/plan/networks.ts';
import {planConnections} from '../../reconciler/plan/shared-networks.ts';
import {FakeEngine, type Fault} from '../support/fake-engine.ts';
import {app, desired, observed} from '../support/make.ts';
import {seededRandom} from '../support/random.ts';

// Three apps that begin and cease to reach each other, by chance, while calls of the engine are refused or lose their answers, containers come
// and go, and hands connect and disconnect them. Once that ends each container is on its app's network and on those that its app and another
// one both agreed to; no other shared network is left; and the planner rests.
// Replay one: SEED=17 npx ava test/simulation/shared-networks.test.ts

const SEEDS = 150;
const STEPS = 40;
const PASSES_TO_REST = 6;
const APPS = ['blog', 'db', 'shop'] as const satisfies readonly string[];
const INSTANCE = 'flynn';
const never = new AbortController().signal;

const {SEED} = process.env;
const seeds = SEED === undefined ? Array.from({length: SEEDS}, (_, n) => n) : [Number(SEED)];

test(`${SEEDS} seeds of faults end with exactly the connections that both sides agreed to`, async (t) => {
  t.timeout(600_000);
  let connected = 0;
  for (const seed of seeds) {
    const {problems, pairs} = await simulate(seed);
    t.deepEqual(problems, [], `seed ${seed}`);
    connected += pairs;
  }
  if (SEED === undefined) t.true(connected > SEEDS / 4, 'some do agree');
});

async function simulate(seed: number): Promise<{readonly problems: readonly string[]; readonly pairs: number}> {
  const random = seededRandom(seed);
  let isFaulty = true;
  const nextFault = (): Fault => {
    const roll = isFaulty ? random() : 1;
    return roll < 0.15 ? 'refused' : roll < 0.3 ? 'answer-lost' : 'none';
  };
  const engine = new FakeEngine({nextFault, nowMs: () => 0});
  engine.addImage('image');
  const world = {engine, instance: INSTANCE} as unknown as World; // nothing else of it is used by what is planned here
  const oneOf = <Value>(values: readonly Value[]): Value | undefined => values[Math.floor(random() * values.length)];
  const wish = (name: string): ResolvedApp => {
    const some = () => APPS.filter((other) => other !== name && random() < 0.5) as readonly string[] as readonly AppName[];
    return {...app('v1', 1), name: name as AppName, treeId: name as TreeId, reach: some(), allowFrom: some()};
  };
  let wanted = APPS.map(wish);

  const look = async (): Promise<ObservedState> => {
    const records = await engine.containers([`flynn.instance=${INSTANCE}`]);
    const networks = await new NetworkObserver({engine, instance: INSTANCE, hostSubnets: async () => []}).look(records, 0, never);
    return {...observed({networks: []}), ...networks};
  };
  const pass = async () => {
    const seen = await look();
    const parts = [planNetworks(desired(...wanted), seen), planConnections(desired(...wanted), seen)];
    const actions = parts.flatMap((part) => part.actions);
    for (const action of actions) {
      if (isFaulty && random() < 0.1) break; // kill -9
      await execute(action, world, never).catch(() => {});
    }
    return formatPlan({actions, waiting: []});
  };
  const disturb = async () => {
    const [container, network] = [oneOf(await engine.containers([])), oneOf(await engine.networks())];
    const roll = random();
    if (roll < 0.4) {
      const name = oneOf(APPS) ?? '';
      const labels = {'flynn.instance': INSTANCE, 'flynn.app': name, 'flynn.role': oneOf(['app', 'job', 'run']) ?? '', 'flynn.service': 'web'};
      const base = {image: 'image', command: [], env: {}, mounts: [], memoryBytes: 0, cpus: 0, pidsMax: 0, capabilities: [], restart: 'never', logBytesMax: 0} as const;
      await engine.run({...base, name: `${INSTANCE}-${name}.web.1-v1-${Math.floor(random() * 1e6)}`, labels, network: `${INSTANCE}.${name}`}).catch(() => {});
    } else if (container === undefined || network === undefined) return;
    else if (roll < 0.6) await engine.connect(container.id, {name: network.name, aliases: []}).catch(() => {});
    else if (roll < 0.8 && network.name !== `${INSTANCE}.${container.labels['flynn.app']}`) await engine.disconnect(container.id, network.name).catch(() => {});
    else if (roll < 0.9) await engine.remove(container.id).catch(() => {});
  };

  for (let step = 0; step < STEPS; step++) {
    await pass();
    await disturb();
    if (random() < 0.2) wanted = wanted.map((one) => (random() < 0.5 ? wish(one.name) : one));
  }
  isFaulty = false;
  let left = '';
  for (let times = 0; times < PASSES_TO_REST; times++) left = await pass();

  const agreed = wanted.flatMap(({name, reach = []}) => reach.filter((other) => wanted.some((one) => one.name === other && one.allowFrom?.includes(name))).map((other) => [name, other].toSorted().join('.')));
  const pairs = [...new Set(agreed)].toSorted();
  const problems = left === '' ? [] : [`does not rest: ${left}`];
  const shared = (await engine.networks()).map(({name}) => name.slice(INSTANCE.length + 1)).filter((name) => name.includes('.')).toSorted();
  if (shared.join() !== pairs.join()) problems.push(`shared are ${shared.join()} instead of ${pairs.join()}`);
  for (const record of await engine.containers([])) {
    if (record.status !== 'running') continue;
    const own = record.labels['flynn.app'] ?? '';
    const expected = [own, ...pairs.filter((pair) => pair.split('.').includes(own))].map((name) => `${INSTANCE}.${name}`).toSorted();
    const is = Object.keys(record.addresses).toSorted();
    if (is.join() !== expected.join()) problems.push(`${record.name} is on ${is.join()} instead of ${expected.join()}`);
  }
  return {problems, pairs: pairs.length};
}
