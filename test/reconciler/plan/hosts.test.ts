import test from 'ava';
import type {AppName, ServiceName} from '../../../schemas/ids.ts';
import type {RoutedPath} from '../../../reconciler/plan/app.ts';
import {routing} from '../../../reconciler/plan/hosts.ts';
import {shared} from '../../../reconciler/plan/shares.ts';
import {hostName, hostOf, isBelow, isWildcard} from '../../../reconciler/router/names.ts';
import {complete} from '../../../reconciler/router/records.ts';
import {seededRandom} from '../../support/random.ts';

/** `shop:web example.com/api`, and what else the route has. */
function route(text: string, more: Partial<RoutedPath> = {}): RoutedPath {
  const [, app = '', service = '', host = '', path = '/'] = /^(\w+):(\w*) ([^/]+)(\/.*)?$/.exec(text) ?? [];
  const {redirect, split} = more;
  return {host, path, app: app as AppName, isHeld: false, targets: [{address: `10.0.0.${app.length}`, port: 80}], ...(redirect === undefined && split === undefined && {service: service as ServiceName}), ...more};
}

const routes = test.macro((t, given: readonly RoutedPath[], expected: {readonly names: readonly string[]; readonly hosts: readonly unknown[]}) => {
  const {names, structure} = routing(given);
  t.deepEqual({names: [...names.keys()].map((name) => name.replace('_http._tcp.', '')).toSorted(), hosts: structure.hosts}, {...expected, names: expected.names.toSorted()});
});
const svc = (service: string, app: string) => `_svc._tcp.${service}.${app}.flynn.internal`;

test('hosts and wildcards without options are names only', routes, [route('a:web a.test'), route('b:web *.test'), route('c:web *')], {names: ['*', '*.test', 'a.test', 'test'], hosts: []});
test('exact hosts are tried before wildcards, and those with more labels before others', routes,
  [route('a:web */x'), route('a:web *.test/x'), route('a:web *.b.test/x'), route('a:web z.test/x')], {
    names: [svc('web', 'a')],
    hosts: ['z.test', '*.b.test', '*.test', '*'].map((host) => ({host, paths: [{path: '/x', name: svc('web', 'a')}]})),
  });
test('a wildcard in the configuration leaves names below it alone, and takes wildcards below it with it', routes,
  [route('a:web *.test/x'), route('b:web b.test'), route('c:web *.c.test'), route('d:web other')], {
    names: [svc('web', 'a'), svc('web', 'c'), 'b.test', 'other'],
    hosts: [
      {host: '*.c.test', paths: [{path: '/', name: svc('web', 'c')}]},
      {host: '*.test', except: ['b.test'], paths: [{path: '/x', name: svc('web', 'a')}]},
    ],
  });
test('within a host the longest path comes first, however it is written, and conditions before none', routes, [
  route('a:web a.test'), route('a:api a.test/a%7Eb'), route('a:old a.test/a~b/c'), route('a:one a.test', {when: [{kind: 'method', values: ['GET']}]}), route('a:two a.test', {when: [{kind: 'method', values: ['PUT']}]}),
], {
  names: ['api', 'old', 'one', 'two', 'web'].map((name) => svc(name, 'a')),
  hosts: [{host: 'a.test', paths: [
    {path: '/a~b/c', name: svc('old', 'a')},
    {path: '/a%7Eb', name: svc('api', 'a')},
    {path: '/', when: [{kind: 'method', values: ['GET']}], name: svc('one', 'a')},
    {path: '/', when: [{kind: 'method', values: ['PUT']}], name: svc('two', 'a')},
    {path: '/', name: svc('web', 'a')},
  ]}],
});
test('several services behind a whole host are a name, behind a path a name of their own', routes, [
  route('a: a.test', {split: {id: '0123456789abcdef', shares: []}}), route('a: b.test/x', {split: {id: 'fedcba9876543210', shares: []}}),
], {names: ['a.test', '_svc._tcp.fedcba9876543210.split.a.flynn.internal'], hosts: [{host: 'b.test', paths: [{path: '/x', name: '_svc._tcp.fedcba9876543210.split.a.flynn.internal'}]}]});
test('a redirect has no name', routes, [route('a: www.a.test', {redirect: {to: 'https://a.test', status: 301, keepPath: true}, targets: []})], {
  names: [], hosts: [{host: 'www.a.test', paths: [{path: '/', redirect: {to: 'https://a.test', status: 301, keepPath: true}}]}],
});
test('of two apps with a path that differs in case only, the first has it', routes, [route('a:web a.test/Api'), route('bb:web a.test/api')], {
  names: [svc('web', 'a')], hosts: [{host: 'a.test', paths: [{path: '/Api', name: svc('web', 'a')}]}],
});
test('apps may have conditions that differ on one host', routes, [route('a:web a.test', {when: [{kind: 'method', values: ['GET']}]}), route('bb:web a.test')], {
  names: [svc('web', 'a'), svc('web', 'bb')], hosts: [{host: 'a.test', paths: [{path: '/', when: [{kind: 'method', values: ['GET']}], name: svc('web', 'a')}, {path: '/', name: svc('web', 'bb')}]}],
});

test('a host that a wildcard is called after belongs to the next wildcard above', (t) => {
  const {names} = routing([route('a:web *.b.c.test'), route('bb:web *.test'), route('ccc:web *')]);
  t.deepEqual([...names].map(([name, targets]) => `${hostOf(name)} ${targets[0]?.address}`), ['* 10.0.0.3', '*.b.c.test 10.0.0.1', '*.test 10.0.0.2', 'b.c.test 10.0.0.2', 'test 10.0.0.3']);
});

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

test(`whatever there is, the nearest host and then the longest path count (SEED=${SEED})`, (t) => {
  const random = seededRandom(SEED);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item; // never empty here
  const patterns = ['x', 'a.x', 'b.x', 'b.a.x', 'c.b.a.x', 'y', '*', '*.x', '*.a.x', '*.b.a.x', '*.y'];
  for (let round = 0; round < 500; round += 1) {
    const claims = new Set(Array.from({length: 1 + Math.floor(random() * 8)}, () => `${pick(patterns)} ${pick(['/', '/', '/', '/p', '/p/q'])}`));
    const routes = [...claims].map((claim, index) => {
      const [host = '', path = ''] = claim.split(' ');
      return {...route(`app${index}:web h`), host, path, targets: [{address: `10.0.0.${index + 1}`, port: 80}]};
    });
    const table = routing(routes);
    for (const host of ['x', 'a.x', 'b.x', 'b.a.x', 'c.b.a.x', 'd.x', 'd.a.x', 'd.c.b.a.x', 'y', 'a.y', 'z']) {
      for (const path of ['/', '/p', '/p/q/r']) t.is(answers(table, host, path), meant(routes, host, path), `${host}${path} of ${[...claims].join(', ')}`);
    }
  }
});

/** What the docs say. */
function meant(routes: readonly RoutedPath[], host: string, path: string): string | undefined {
  const hosts = [host, ...routes.map((one) => one.host).filter((one) => isWildcard(one) && isBelow(host, one)).toSorted((a, b) => b.length - a.length)];
  const nearest = hosts.find((one) => routes.some((other) => other.host === one));
  const fits = routes.filter((one) => one.host === nearest && (one.path === '/' || `${path}/`.startsWith(`${one.path}/`)));
  return fits.toSorted((a, b) => b.path.length - a.path.length)[0]?.targets[0]?.address;
}

/** What Caddy and unbound make of it: the first host of the structure that fits, else the nearest name. */
function answers({names, structure}: ReturnType<typeof routing>, host: string, path: string): string | undefined {
  const structured = structure.hosts.find((one) => one.host === host || (isWildcard(one.host) && isBelow(host, one.host) && one.except?.includes(host) !== true));
  if (structured !== undefined) {
    const found = structured.paths.find((one) => one.path === '/' || `${path}/`.startsWith(`${one.path}/`));
    return names.get(found?.name ?? '')?.[0]?.address;
  }
  const table = complete(names, {address: 'nobody', port: 0});
  const wildcards = [...table.keys()].flatMap((name) => hostOf(name) ?? []).filter((one) => isWildcard(one) && isBelow(host, one)).toSorted((a, b) => b.length - a.length);
  const [target] = table.get(hostName(host)) ?? table.get(hostName(wildcards[0] ?? '')) ?? [];
  return target?.address === 'nobody' ? undefined : target?.address;
}

/** `90:2` is a weight and a number of replicas; what comes out is how often each group's replicas are there. */
const shares = test.macro((t, groups: string, expected: string) => {
  const given = groups.split(' ').map((text, group) => {
    const [weight = 0, count = 0] = text.split(':').map(Number);
    return {weight, targets: Array.from({length: count}, (_, index) => ({address: `10.0.${group}.${index}`, port: 80}))};
  });
  const all = shared(given);
  t.is(given.map(({targets}) => [...new Set(targets.map(({address}) => all.filter((target) => target.address === address).length))].join()).join(' '), expected);
});

test('one group is as it is', shares, '7:3', '1');
test('nine of ten, from one replica each', shares, '90:1 10:1', '9 1');
test('nine of ten, from two and three replicas', shares, '90:2 10:3', '27 2');
test('equal weights with other numbers of replicas', shares, '1:1 1:4', '4 1');
test('three groups', shares, '50:1 30:1 20:1', '5 3 2');
test('a weight of 0 gets none', shares, '0:2 1:1', '0 1');
test('a group without replicas leaves its part to the others', shares, '90:0 10:2', ' 1');
test('the smallest part is there once, whatever it should be', shares, '1000:1 1:1', '239 1');
test('more replicas than records are there once each', shares, '90:200 10:200', '1 1');
test('a replica that is there several times, as canaries are, keeps its part of its group', (t) => {
  const [a, b, c] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => ({address, port: 80}));
  if (a === undefined || b === undefined || c === undefined) throw new Error('bug');
  const all = shared([{weight: 1, targets: [a, b, b, b]}, {weight: 1, targets: [c]}]);
  t.deepEqual([a, b, c].map((one) => all.filter(({address}) => address === one.address).length), [1, 3, 4]);
});
