import {mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {ConfigRefused} from '../../../reconciler/adapters/caddy.ts';
import {loadRoutes, prepareRouterFiles, publishNames, type RouterWorld} from '../../../reconciler/apply/router.ts';
import {writeShift} from '../../../reconciler/apply/shift.ts';
import {LABEL_INSTANCE, LABEL_ROLE, LABEL_SHIFT, LABEL_SPEC} from '../../../reconciler/labels.ts';
import {layout as layoutOf} from '../../../reconciler/layout.ts';
import {FIRST_LOOK_AFTER_MS, RouterObserver} from '../../../reconciler/observed/router.ts';
import type {NameTable, ObservedRouter} from '../../../reconciler/observed/state.ts';
import type {RouteStructure} from '../../../reconciler/observed/structure.ts';
import {dnsContainerSpec, routerContainerSpec} from '../../../reconciler/router/containers.ts';
import {NO_STRUCTURE} from '../../../reconciler/router/caddy/config.ts';
import {routerFiles, shiftLayout} from '../../../reconciler/router/files.ts';
import {hostName} from '../../../reconciler/router/names.ts';
import type {NodeSettings} from '../../../reconciler/settings.ts';
import {keepsCaddyContract} from '../../support/caddy-contract.ts';
import {FakeCaddy, FakeUnbound} from '../../support/fake-router.ts';
import {keepsUnboundContract} from '../../support/unbound-contract.ts';
import {UNSEALED} from '../../support/sealed.ts';

const SIGNAL = new AbortController().signal;
/** Long after the files were written, so that no look has to wait. */
const NOW_MS = Date.now() + 3_600_000;
const ONE: NameTable = new Map([[hostName('a.test'), [{address: '10.0.0.1', port: 80}]]]);
const TWO: NameTable = new Map([[hostName('a.test'), [{address: '10.0.0.2', port: 80}]], [hostName('b.test'), []]]);
const ROUTES: RouteStructure = {hosts: [{host: 'c.test', paths: [{path: '/api', name: '_svc._tcp.api.c.flynn.internal'}]}]};

type FakeWorld = RouterWorld & {readonly caddy: FakeCaddy; readonly unbound: FakeUnbound; shift(): Pick<RouterWorld, 'layout' | 'caddy'>};

const ONLY = {current: 1, leaving: []};

async function makeWorld(t: ExecutionContext): Promise<FakeWorld> {
  const data = await mkdtemp(path.join(tmpdir(), 'flynn-router-'));
  t.teardown(() => rm(data, {recursive: true}));
  const settings: NodeSettings = {data, node: 'n', domain: 'flynn.localhost', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 3580, dnsPort: 3553, sshPort: 0, cluster: {kind: 'own'}};
  const base = layoutOf(data);
  const own = {layout: shiftLayout(base, 1), caddy: new FakeCaddy()};
  const world = {settings, ...own, unbound: new FakeUnbound(), secrets: UNSEALED, shift: () => own};
  await prepareRouterFiles({settings, layout: base}, SIGNAL);
  await writeShift({shift: 1, structure: NO_STRUCTURE}, {settings, layout: base, secrets: UNSEALED}, SIGNAL);
  await restart(world);
  return world;
}

/** Both servers start again from what is on the disk. */
async function restart({layout, caddy, unbound}: FakeWorld): Promise<void> {
  const files = routerFiles(layout);
  caddy.running = JSON.parse(await readFile(files.caddyConfig, 'utf8'));
  unbound.restart(await readFile(files.records, 'utf8'));
}

async function look(world: FakeWorld, observer = new RouterObserver(world), nowMs = NOW_MS): Promise<Extract<ObservedRouter, {state: 'ready'}>> {
  const seen = await observer.observe(nowMs, ONLY, SIGNAL);
  if (seen.state !== 'ready') throw new Error(seen.error);
  return seen;
}

test('the fake Caddy keeps the contract of the real one', async (t) => {
  const caddy = new FakeCaddy();
  await caddy.load({admin: {listen: 'unix//admin.sock'}, apps: {http: {}}}, SIGNAL);
  const unreachable = new FakeCaddy();
  unreachable.isDown = true;
  await keepsCaddyContract(t, {caddy, unreachable});
});

test('the fake unbound keeps the contract of the real one', async (t) => {
  const {unbound} = await makeWorld(t);
  await keepsUnboundContract(t, unbound);
});

test('what was published and loaded is what is seen, also after both servers were restarted', async (t) => {
  const world = await makeWorld(t);
  for (const names of [ONE, TWO, ONE, new Map()]) {
    await publishNames(names, world, SIGNAL);
    t.deepEqual((await look(world)).names, names);
    await restart(world);
    t.deepEqual((await look(world)).names, names);
  }
  await loadRoutes(ROUTES, world, SIGNAL);
  await restart(world);
  t.deepEqual((await look(world)).structure, ROUTES);
});

test('publishing again what is there changes nothing', async (t) => {
  const world = await makeWorld(t);
  await publishNames(TWO, world, SIGNAL);
  const before = world.unbound.records.toSorted();
  await publishNames(TWO, world, SIGNAL);
  t.deepEqual(world.unbound.records.toSorted(), before);
});

test('a publisher that is killed at any command leaves nothing that the next one does not put right', async (t) => {
  for (let commands = 0; commands < 8; commands += 1) {
    const world = await makeWorld(t);
    await publishNames(ONE, world, SIGNAL);
    const observer = new RouterObserver(world);
    await look(world, observer);
    await publishNames(TWO, {...world, unbound: dyingAfter(commands, world.unbound)}, SIGNAL).catch(() => {});
    const {names} = await look(world, observer);
    t.deepEqual(names, (await look(world)).names, `after ${commands} commands the names are looked up, not remembered`);
    await publishNames(TWO, world, SIGNAL);
    t.deepEqual((await look(world, observer)).names, TWO);
  }
});

/** Carries out so many commands, and fails at all that follow. */
function dyingAfter(commands: number, unbound: FakeUnbound): FakeUnbound {
  let left = commands;
  return new Proxy(unbound, {
    get: (target, key: keyof FakeUnbound) => {
      const member = target[key];
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        left -= 1;
        return left < 0 ? Promise.reject(new Error('killed')) : Reflect.apply(member, target, args) as unknown;
      };
    },
  });
}

test('a configuration that Caddy refuses is not what it starts from', async (t) => {
  const world = await makeWorld(t);
  await loadRoutes(ROUTES, world, SIGNAL);
  const refusing = new FakeCaddy();
  refusing.load = () => Promise.reject(new ConfigRefused('no'));
  await t.throwsAsync(loadRoutes(NO_STRUCTURE, {...world, caddy: refusing}, SIGNAL), {message: 'no'});
  await restart(world);
  t.deepEqual((await look(world)).structure, ROUTES);
});

test('the next start keeps names; a configuration for other settings is noticed', async (t) => {
  const world = await makeWorld(t);
  await publishNames(ONE, world, SIGNAL);
  await loadRoutes(ROUTES, world, SIGNAL);
  await prepareRouterFiles({...world, layout: layoutOf(world.settings.data)}, SIGNAL);
  await restart(world);
  const before = await look(world);
  t.deepEqual([before.names, before.structure, before.file], [ONE, ROUTES, ROUTES]);
  const {structure, file} = await look({...world, settings: {...world.settings, httpPort: 8080}});
  t.deepEqual([structure, file], [undefined, undefined]);
});

test('a configuration file that is not ours is noticed', async (t) => {
  const world = await makeWorld(t);
  const observer = new RouterObserver(world);
  t.deepEqual((await look(world, observer)).file, NO_STRUCTURE);
  await writeFile(routerFiles(world.layout).caddyConfig, '{');
  t.is((await look(world, observer)).file, undefined);
});

test('names that an earlier version wrote get what is answered beside them', async (t) => {
  const world = await makeWorld(t);
  await publishNames(ONE, world, SIGNAL);
  const {records} = routerFiles(world.layout);
  await writeFile(records, (await readFile(records, 'utf8')).split('\n').filter((line) => !line.includes('127-0-0-2')).join('\n'));
  await prepareRouterFiles(world, SIGNAL);
  await restart(world);
  t.deepEqual((await look(world)).names, ONE);
  t.true(world.unbound.records.some((record) => record.startsWith('. 1 IN SRV')));
});

test('a data directory that is too deep for a socket is refused with what would do', async (t) => {
  const {settings} = await makeWorld(t);
  await t.throwsAsync(prepareRouterFiles({settings, layout: layoutOf(`/${'x'.repeat(100)}`)}, SIGNAL), {message: /choose a data directory whose path is 18 bytes shorter$/});
});

test('an unreachable server is never an empty answer, and is noticed once', async (t) => {
  const world = await makeWorld(t);
  const observer = new RouterObserver(world);
  await look(world, observer);
  for (const server of [world.caddy, world.unbound]) {
    t.true(await observer.isAsLeft(SIGNAL));
    server.isDown = true;
    t.false(await observer.isAsLeft(SIGNAL));
    t.like(await observer.observe(NOW_MS, ONLY, SIGNAL), {state: 'unreachable'});
    t.true(await observer.isAsLeft(SIGNAL), 'no pass each second for what a pass cannot help');
    server.isDown = false;
    t.false(await observer.isAsLeft(SIGNAL));
    await look(world, observer);
  }
});

test('records changed by hand are noticed within 10 looks, though the generation is as it was', async (t) => {
  const world = await makeWorld(t);
  await publishNames(ONE, world, SIGNAL);
  const observer = new RouterObserver(world);
  await look(world, observer);
  world.unbound.records = world.unbound.records.filter((record) => !record.includes(' A 10.'));
  const looks: boolean[] = [];
  while (looks.at(-1) !== false && looks.length < 20) looks.push(await observer.isAsLeft(SIGNAL));
  t.is(looks.length, 10);
  t.deepEqual((await look(world, observer)).names, new Map([[hostName('a.test'), []]]));
  await publishNames(ONE, world, SIGNAL);
  t.deepEqual((await look(world, observer)).names, ONE);
});

test('when an address left is remembered for an hour, and forgotten when it is back', async (t) => {
  const world = await makeWorld(t);
  const observer = new RouterObserver(world);
  const leftAt = async (nowMs: number) => [...(await look(world, observer, nowMs)).leftAtMs];
  await publishNames(ONE, world, SIGNAL);
  t.deepEqual(await leftAt(NOW_MS), []);
  await publishNames(new Map(), world, SIGNAL);
  t.deepEqual(await leftAt(NOW_MS + 1000), [['10.0.0.1:80', NOW_MS + 1000]]);
  t.deepEqual(await leftAt(NOW_MS + 2000), [['10.0.0.1:80', NOW_MS + 1000]]);
  await publishNames(ONE, world, SIGNAL);
  t.deepEqual(await leftAt(NOW_MS + 3000), []);
  await publishNames(TWO, world, SIGNAL);
  t.deepEqual(await leftAt(NOW_MS + 4000), [['10.0.0.1:80', NOW_MS + 4000]]);
  t.deepEqual(await leftAt(NOW_MS + 4000 + 3_600_001), []);
});

test('the first look after a start comes when Caddy has let go of what left just before', async (t) => {
  const world = await makeWorld(t);
  await publishNames(ONE, world, SIGNAL);
  const {mtimeMs} = await stat(routerFiles(world.layout).records);
  await look(world, new RouterObserver(world), Date.now());
  // The clock has whole milliseconds here, and a file has more of them.
  t.true(Date.now() - mtimeMs >= FIRST_LOOK_AFTER_MS - 1, `${Date.now() - mtimeMs} ms`);
});

test('requests in flight are told by address, those to git and the API not at all', async (t) => {
  const world = await makeWorld(t);
  world.caddy.inFlight.set('a-10-0-0-1._ip.flynn.internal.:80', 2).set('127.0.0.1:3580', 1).set('_none.flynn.internal.:1', 1);
  t.deepEqual((await look(world)).inFlight, new Map([['10.0.0.1:80', 2]]));
});

test('the containers are replaced for what is read at the start, and for nothing else', async (t) => {
  const {settings, layout} = await makeWorld(t);
  const parts = {settings, layout, image: 'flynn/router:1', instance: 'flynn'};
  const hashes = (changed: Partial<typeof parts>) => [routerContainerSpec({...parts, ...changed}, 1), dnsContainerSpec({...parts, ...changed})].map(({labels}) => labels[LABEL_SPEC]);
  const [router, dns] = hashes({});
  t.deepEqual(hashes({settings: {...settings, httpPort: 8080, domain: 'example.com'}}), [router, dns]);
  t.is(hashes({settings: {...settings, dnsPort: 53}})[0], router);
  t.not(hashes({settings: {...settings, dnsPort: 53}})[1], dns);
  t.not(hashes({image: 'flynn/router:2'})[0], router);
  t.like(routerContainerSpec(parts, 7), {name: 'flynn-router-7', network: 'host', restart: 'never', labels: {[LABEL_INSTANCE]: 'flynn', [LABEL_ROLE]: 'router', [LABEL_SHIFT]: '7'}});
  t.is(routerContainerSpec(parts, 7).labels[LABEL_SPEC], router);
  t.like(dnsContainerSpec(parts), {name: 'flynn-dns', labels: {[LABEL_ROLE]: 'dns'}});
});
