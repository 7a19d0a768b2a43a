import test from 'ava';
import type {RouteStructure, StructuredHost} from '../../../../reconciler/observed/structure.ts';
import {maintenanceTarget, NO_STRUCTURE, renderCaddyConfig, structureOf} from '../../../../reconciler/router/caddy/config.ts';
import {carry} from '../../../../reconciler/router/caddy/carried.ts';
import {routerFiles} from '../../../../reconciler/router/files.ts';

const SETTINGS = {domain: 'flynn.localhost', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 3580, dnsPort: 3553};
const FILES = routerFiles({caddy: '/data/caddy', caddyShared: '/data/caddy', unbound: '/data/unbound', haproxy: '/data/haproxy'});
const SHOP: RouteStructure = {hosts: [{
  host: 'shop.test',
  paths: [{path: '/api', name: '_svc._tcp.api.shop.flynn.internal'}, {path: '/', name: '_svc._tcp.web.shop.flynn.internal'}],
}]};

interface Rendered {
  readonly apps: {readonly http: {readonly servers: {readonly apps: {
    readonly listen: readonly string[];
    readonly routes: readonly {readonly match?: readonly {readonly host?: readonly string[]}[]; readonly handle: readonly {readonly routes?: readonly unknown[]}[]}[];
  }}}};
}

/** As Caddy gives it back: through JSON. */
function rendered(structure: RouteStructure, settings = SETTINGS): Rendered {
  return JSON.parse(JSON.stringify(renderCaddyConfig(settings, FILES, {structure}))) as Rendered;
}

function routeOf(host: string, structure: RouteStructure) {
  return rendered(structure).apps.http.servers.apps.routes.find(({match}) => match?.[0]?.host?.[0] === host);
}

test('a host with paths becomes one route, the longest path first, and 404 for what matches none', (t) => {
  const route = routeOf('shop.test', SHOP);
  const short = JSON.stringify(route, (key, value: unknown) => (['load_balancing', 'transport', 'resolver', 'body', 'headers', 'refresh'].includes(key) ? undefined : value), 1);
  t.is(short.replace(/\s+/g, ' '), `
{ "match": [ { "host": [ "shop.test" ] }, { "vars": { "odd": [ "yes" ] } } ], "handle": [ { "handler": "subroute", "routes": [
 { "match": [ { "host": [ "shop.test", "shop.test." ] } ], "handle": [ { "handler": "subroute", "routes": [
 { "match": [ { "path": [ "/api", "/api/*" ] } ], "group": "path", "handle": [ { "handler": "vars", "name": "_svc._tcp.api.shop.flynn.internal.", "way": "0" } ] },
 { "group": "path", "handle": [ { "handler": "vars", "name": "_svc._tcp.web.shop.flynn.internal.", "way": "0" } ] } ] } ] } ] } ] }`.trim().replace(/\s+/g, ' '));
});

test('plain hosts and replicas are not in the configuration', (t) => {
  t.deepEqual(rendered(NO_STRUCTURE).apps.http.servers.apps.routes.flatMap(({match}) => match?.[0]?.host ?? []), ['git.flynn.localhost', 'git.flynn.localhost.', 'api.flynn.localhost', 'api.flynn.localhost.']);
});

test('what apps in maintenance lead to is a listener of its own, there from the start', (t) => {
  const {address, port} = maintenanceTarget(SETTINGS);
  const servers = Object.values(rendered(NO_STRUCTURE).apps.http.servers as unknown as Record<string, {listen: string[]; routes: {handle: {status_code?: number; headers?: Record<string, string[]>}[]}[]}>);
  const [page, ...others] = servers.filter(({listen}) => listen.includes(`${address}:${port}`));
  t.deepEqual(others, []);
  t.like(page?.routes[0]?.handle[0], {status_code: 503, headers: {'Retry-After': ['60']}});
});

test('event streams and websockets keep their lives: no flush_interval anywhere', (t) => {
  t.false(JSON.stringify(rendered(SHOP)).includes('flush_interval'));
});

test('every request keeps its answer whole, before it goes anywhere', (t) => {
  const [first] = rendered(SHOP).apps.http.servers.apps.routes;
  t.is(first?.match, undefined);
  t.true(first?.handle.some((one) => 'handler' in one && one.handler === 'request_body'));
});

test('an IPv6 address is written so that its port can be told from it', (t) => {
  t.deepEqual(rendered(NO_STRUCTURE, {...SETTINGS, listen: '::'}).apps.http.servers.apps.listen, ['[::]:80', '[::]:443']);
});

test('who listens everywhere has a socket of the address that it is most often changed from', (t) => {
  t.deepEqual(rendered(NO_STRUCTURE, {...SETTINGS, listen: '0.0.0.0'}).apps.http.servers.apps.listen, ['0.0.0.0:80', '127.0.0.1:80', '0.0.0.0:443', '127.0.0.1:443']);
});

const isLeftOut = test.macro((t, host: StructuredHost) => {
  t.deepEqual(rendered({hosts: [host, ...SHOP.hosts]}).apps.http.servers.apps, rendered(SHOP).apps.http.servers.apps);
});
for (const host of ['*.', '*.*.test', 'a.*', '*test', '*.{env.HOME}', '{env.HOME}', 'a b', 'a"', '', 'A.test', '_svc._tcp.web.shop.flynn.internal']) {
  test(`a host that means something else to Caddy is left out: "${host}"`, isLeftOut, {host, paths: [{path: '/', name: '_svc._tcp.x.y.flynn.internal'}]});
}
for (const path of ['/*', '/a*b', '/{http.request.host}', 'a', '', '/a\\b', '/a/', '//a', '/a\n']) {
  test(`a path that means something else to Caddy is left out: ${JSON.stringify(path)}`, (t) => {
    const route = routeOf('shop.test', {hosts: [{host: 'shop.test', paths: [{path, name: '_svc._tcp.x.y.flynn.internal'}]}]});
    t.false(JSON.stringify(route).includes('_svc._tcp.x.y'));
  });
}

test('the structure is read back from the configuration that runs', (t) => {
  const many: RouteStructure = {hosts: [...SHOP.hosts, {host: 'z.test', paths: [{path: '/only', name: '_svc._tcp.web.z.flynn.internal'}]}]};
  t.deepEqual(structureOf(rendered(many), SETTINGS, FILES), many);
  t.deepEqual(structureOf(rendered(NO_STRUCTURE), SETTINGS, FILES), NO_STRUCTURE);
});

const isNotOurs = test.macro((t, change: (config: Rendered) => unknown) => {
  t.is(structureOf(change(structuredClone(rendered(SHOP))), SETTINGS, FILES), undefined);
});
test('nothing loaded is not our structure', isNotOurs, () => null);
test('an empty configuration is not our structure', isNotOurs, () => ({}));
test('somebody else\'s configuration is not our structure', isNotOurs, () => ({apps: {http: {servers: {apps: {routes: [{handle: []}, {}, {}, {}]}}}}}));
test('one more route by hand is noticed', isNotOurs, (config) => {
  (config.apps.http.servers.apps.routes as unknown[]).push({handle: [{handler: 'static_response'}]});
  return config;
});
test('one changed word is noticed', isNotOurs, (config) => JSON.parse(JSON.stringify(config).replace('/api/*', '/other/*')) as unknown);
const carries = (made: string) => ({apps: {http: {servers: {unknown: {routes: [{handle: [{made}]}]}}}}});
test('a structure of another shape, as another version may have written it, is not ours', isNotOurs, () => carries(carry({structure: {sites: []} as unknown as RouteStructure})));
test('something else in its place is not ours', isNotOurs, () => carries('{"structure":{"hosts":[]}}'));
test('nothing in its place is not ours', isNotOurs, () => carries(''));
test('another port than the settings say is noticed', (t) => {
  t.is(structureOf(rendered(SHOP), {...SETTINGS, httpPort: 8080}, FILES), undefined);
});
