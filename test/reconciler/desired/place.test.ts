import test from 'ava';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import {capacitiesOf} from '../../../reconciler/desired/nodes.ts';
import {place} from '../../../reconciler/desired/place.ts';
import {roomFor} from '../../../reconciler/desired/room.ts';
import type {DesiredApp, NodeRoom} from '../../../reconciler/desired/state.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import type {AppName, TreeId} from '../../../schemas/ids.ts';
import {PRIORITIES} from '../../../schemas/requests.ts';
import {app, config, file, head, release} from '../../support/manifests.ts';
import {seededRandom} from '../../support/random.ts';

const GI = 2 ** 30;

/** Apps with one service each, from lines such as `shop x3 1Gi high`, `blog x1 2Gi 0.5`, `site x2`; sorted by name as the reader has them. */
function appsOf(lines: readonly string[]): readonly DesiredApp[] {
  return lines.map((line) => {
    const [name = '', ...words] = line.split(' ');
    const replicas = words.find((word) => word.startsWith('x'))?.slice(1);
    const memory = words.find((word) => word.endsWith('i'));
    const cpus = words.find((word) => /^[\d.]+$/.test(word));
    const priority = words.find((word) => /^(system|high|normal|low|batch)$/.test(word));
    const requests = [memory && `memory: ${memory}`, cpus && `cpus: ${cpus}`].filter((one) => one !== undefined).join(', ');
    const web = [`replicas: ${replicas}`, 'limits: {memory: 64Gi, cpus: 64}', ...(requests === '' ? [] : [`requests: {${requests}}`]), ...(priority === undefined ? [] : [`priority: ${priority}`])];
    const files = [app(name, `services: {web: {${web.join(', ')}}}\n`), release(name, 1)];
    return resolveApp({name: name as AppName, treeId: '' as TreeId, files}, config(), 'flynn.localhost');
  }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** `shop 2+1: no node has …` two have a place, one has none. */
function told(apps: readonly DesiredApp[]): readonly string[] {
  return apps.flatMap((one) => (one.state === 'invalid' ? [one.problems.map(formatDiagnostic).join()] : one.services.map(({replicas, unplaced}) => (
    `${one.name} ${replicas}${unplaced === undefined ? '' : `+${unplaced.replicas}: ${unplaced.on}`}`
  ))));
}

const places = test.macro({
  exec(t, lines: readonly string[], expected: readonly string[]) {
    t.deepEqual(told(place(appsOf(lines), [{node: 'n1', memoryBytes: 4 * GI, cpus: 2}], 'n1').apps), expected);
  },
  title: (name) => `placement: ${name}`,
});

test('what requests nothing always has a place', places, ['a x500', 'b x1 4Gi'], ['a 500', 'b 1']);
test('what does not fit waits, with what there is', places, ['a x1 3Gi', 'b x2 1Gi'], ['a 1', 'b 1+1: no node has 1Gi of memory free (n1: 0 bytes of 4Gi)']);
test('a lower class gives way', places, ['a x2 2Gi low', 'b x1 2Gi'], ['a 1+1: no node has 2Gi of memory free (n1: 0 bytes of 4Gi)', 'b 1']);
test('system, high, normal, low, batch, in this order', places, ['a x1 2Gi batch', 'b x1 2Gi low', 'c x1 2Gi', 'd x1 2Gi high', 'e x1 2Gi system'],
  ['a', 'b', 'c'].map((name) => `${name} 0+1: no node has 2Gi of memory free (n1: 0 bytes of 4Gi)`).concat('d 1', 'e 1'));
test('in a class nobody gets a second copy before all have a first', places, ['a x4 1Gi', 'b x2 1Gi'], ['a 2+2: no node has 1Gi of memory free (n1: 0 bytes of 4Gi)', 'b 2']);
test('a small one of a lower class has the place that a large one of a higher can\'t use', places, ['a x1 8Gi high', 'b x1 1Gi batch'],
  ['a 0+1: no node has 8Gi of memory free (n1: 4Gi of 4Gi)', 'b 1']);
test('cores count as memory does, and tenths add up', places, ['a x21 0.1'], ['a 20+1: no node has 0.1 cores free (n1: 0 of 2)']);
test('both have to be there', places, ['a x1 4Gi 1', 'b x1 1Gi 1.5'], ['a 1', 'b 0+1: no node has 1Gi of memory and 1.5 cores free (n1: 0 bytes of 4Gi, 1 of 2)']);

test('an app that is placed as a whole stays the same object', (t) => {
  const apps = appsOf(['a x2 1Gi', 'b x1 4Gi low']);
  const placed = place(apps, [{node: 'n1', memoryBytes: 4 * GI, cpus: 2}], 'n1');
  t.is(placed.apps[0], apps[0]);
  t.not(placed.apps[1], apps[1]);
  t.deepEqual(placed.nodes, [{node: 'n1', memoryBytes: 4 * GI, cpus: 2, free: {memoryBytes: 2 * GI, cpus: 2}}]);
});

test('on several nodes every node computes the same, and together they run all', (t) => {
  const apps = appsOf(['a x5 1Gi', 'b x3 1Gi', 'c x4 1Gi']);
  const nodes = ['n1', 'n2', 'n3'].map((node) => ({node, memoryBytes: 4 * GI, cpus: 2}));
  const counts = nodes.map(({node}) => place(apps, nodes, node).apps.map((one) => (one.state === 'resolved' ? one.services[0]?.replicas ?? 0 : 0)));
  t.deepEqual([0, 1, 2].map((index) => counts.reduce((sum, ofNode) => sum + (ofNode[index] ?? 0), 0)), [5, 3, 4]);
  t.true(counts.every((ofNode) => ofNode.reduce((sum, count) => sum + count, 0) === 4));
});

test('few replicas move when a node goes', (t) => {
  const apps = appsOf(['a x30 1Mi']);
  const nodes = ['n1', 'n2', 'n3'].map((node) => ({node, memoryBytes: 4 * GI, cpus: 2}));
  const on = (me: string, live: typeof nodes) => {
    const [one] = place(apps, live, me).apps;
    return one?.state === 'resolved' ? one.services[0]?.replicas ?? 0 : 0;
  };
  const [first = 0, second = 0] = ['n1', 'n2'].map((node) => on(node, nodes));
  const without = nodes.slice(0, 2);
  t.true(on('n1', without) >= first && on('n2', without) >= second);
  t.is(on('n1', without) + on('n2', without), 30);
});

test('room for a job is what the services leave', (t) => {
  const {nodes}: {nodes: readonly NodeRoom[]} = place(appsOf(['a x3 1Gi']), [{node: 'n1', memoryBytes: 4 * GI, cpus: 2}], 'n1');
  t.deepEqual(roomFor({memoryBytes: GI, cpus: 0}, nodes), {ok: true, node: 'n1'});
  t.deepEqual(roomFor({memoryBytes: 2 * GI, cpus: 0}, nodes), {ok: false, on: 'no node has 2Gi of memory free (n1: 1Gi of 4Gi)'});
});

const capacities = test.macro({
  exec(t, yaml: string | undefined, expected: unknown) {
    const shared = yaml === undefined ? [] : [file('nodes/n1.yaml', `${head('Node')}${yaml}`)];
    const result = capacitiesOf(shared, [{node: 'n1', memoryBytes: 8 * GI, cpus: 4}]);
    t.deepEqual(result.ok ? result.value : result.problem.map(formatDiagnostic), expected as never);
  },
  title: (name) => `capacity: ${name}`,
});

test('what the machine has, less a reserve', capacities, undefined, [{node: 'n1', memoryBytes: 7.5 * GI, cpus: 4}]);
test('less the reserve that the manifest names', capacities, 'reserve: {memory: 2Gi, cpus: 0.5}\n', [{node: 'n1', memoryBytes: 6 * GI, cpus: 3.5}]);
test('what the manifest says that replicas may have', capacities, 'capacity: {memory: 1Gi}\n', [{node: 'n1', memoryBytes: GI, cpus: 4}]);
test('never less than nothing', capacities, 'reserve: {memory: 64Gi, cpus: 64}\n', [{node: 'n1', memoryBytes: 0, cpus: 0}]);
test('not of a manifest that is wrong', capacities, 'capacity: {memory: 1}\n', ['nodes/n1.yaml:3:20: capacity.memory must be a size with a unit, such as 256Mi, 1Gi or 512M, not "1"']);

const SEEDS = 300;

test(`${SEEDS} seeds: no node is promised more than it has, nobody waits for what there is, and every replica is counted once`, (t) => {
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const random = seededRandom(seed);
    const some = (count: number) => Math.floor(random() * count);
    const lines = Array.from({length: 1 + some(8)}, (_, index) => `app${index} x${some(5)} ${1 + some(40)}00Mi ${['0.1', '0.5', '1'][some(3)]} ${PRIORITIES[some(PRIORITIES.length)]}`);
    const nodes = Array.from({length: 1 + some(3)}, (_, index) => ({node: `n${index}`, memoryBytes: (1 + some(8)) * GI, cpus: 1 + some(4)}));
    const apps = appsOf(lines);
    const placements = nodes.map(({node}) => place(apps, nodes, node));
    const told = `seed ${seed}: ${lines.join('; ')}`;
    for (const {nodes: rooms} of placements) {
      t.deepEqual(rooms, placements[0]?.nodes, `${told}: nodes compute different rooms`);
      for (const {free} of rooms) t.true(free.memoryBytes >= 0 && free.cpus >= 0, told);
    }
    apps.forEach((app, index) => {
      const [wanted] = app.state === 'resolved' ? app.services : [];
      const placed = placements.map(({apps: all}) => all[index]).flatMap((one) => (one?.state === 'resolved' ? one.services.slice(0, 1) : []));
      const unplaced = placed[0]?.unplaced?.replicas ?? 0;
      t.is(placed.reduce((sum, {replicas}) => sum + replicas, 0) + unplaced, wanted?.replicas ?? 0, told);
      if (unplaced > 0 && wanted?.requests !== undefined) t.false(roomFor(wanted.requests, placements[0]?.nodes ?? []).ok, `${told}: there is room for ${app.name}`);
    });
  }
});
