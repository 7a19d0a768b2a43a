import test from 'ava';
import type {StructuredHost, StructuredPath} from '../../../../reconciler/observed/structure.ts';
import {NO_SECRETS} from '../../../../reconciler/router/caddy/options.ts';
import {hostRoutes} from '../../../../reconciler/router/caddy/hosts.ts';

interface Route {
  readonly match?: readonly unknown[];
  readonly handle: readonly ({readonly routes?: readonly Route[]} & Readonly<Record<string, unknown>>)[];
}

const NAME = '_svc._tcp.web.shop.flynn.internal';

function rendered(hosts: readonly StructuredHost[]): readonly Route[] {
  return JSON.parse(JSON.stringify(hostRoutes(hosts, {dnsPort: 3553, trustedProxies: [], secrets: NO_SECRETS, pages: []}))) as readonly Route[];
}

/** Behind a matcher for many hosts stands one for each; wildcards have one only. */
const routeOf = (host: StructuredHost): Route | undefined => (host.host.startsWith('*') ? rendered([host])[0] : rendered([host])[1]?.handle[0]?.routes?.[0]);
const matches = test.macro((t, host: StructuredHost, expected: unknown) => {
  t.deepEqual(routeOf(host)?.match, [expected]);
});
/** A host whose only path is for everything needs none for paths. */
const routesOf = (host: StructuredHost): readonly Route[] => {
  const [first, ...others] = routeOf(host)?.handle ?? [];
  return first?.routes !== undefined && others.length === 0 ? first.routes : [{handle: routeOf(host)?.handle ?? []}];
};
const PATHS: readonly StructuredPath[] = [{path: '/', name: NAME}];

test('a host is matched with and without the dot that may end it', matches, {host: 'shop.test', paths: PATHS}, {host: ['shop.test', 'shop.test.']});
test('a wildcard is for any number of labels', matches, {host: '*.shop.test', paths: PATHS}, {header_regexp: {Host: {pattern: '(?i)^(?:[a-z0-9_-]+\\.)+shop\\.test\\.?(?::[0-9]*)?$'}}});
test('every host is matched by nothing', matches, {host: '*', paths: PATHS}, {});
test('a wildcard leaves out hosts that are names', matches, {host: '*', except: ['a.test', 'b.test'], paths: PATHS}, {not: [{host: ['a.test', 'a.test.', 'b.test', 'b.test.']}]});

test('lists of hosts stay so short that Caddy finds capital letters in them', (t) => {
  const [route] = rendered([{host: '*', except: Array.from({length: 120}, (_, index) => `h${index}.test`), paths: PATHS}]);
  const [{not}] = route?.match as [{not: {host: string[]}[]}];
  t.deepEqual(not.map(({host}) => host.length), [100, 100, 40]);
});

const renders = test.macro((t, path: StructuredPath, expected: unknown) => {
  const [first] = routesOf({host: 'shop.test', paths: [path]});
  t.deepEqual({...(first?.match && {match: first.match[0]}), handle: first?.handle}, expected);
});
const TO_WEB = {handler: 'vars', name: `${NAME}.`, way: '0'};

test('a path is matched without its escapes and in small letters', renders, {path: '/Caf%C3%A9', name: NAME}, {match: {path: ['/café', '/café/*']}, handle: [TO_WEB]});
test('conditions have to be true all of them, and mean nothing but themselves', renders, {
  path: '/', name: NAME, when: [
    {kind: 'header', name: 'x-a', value: 'a.*b'}, {kind: 'header', name: 'x-b', value: '*'}, {kind: 'cookie', name: 'c.d', value: '1|2'}, {kind: 'cookie', name: 'e', value: '*'},
    {kind: 'query', name: 'q', value: 'v'}, {kind: 'method', values: ['GET', 'HEAD']},
  ],
}, {
  match: {not: [
    {not: [{header_regexp: {'x-a': {pattern: '^a\\.\\*b$'}}}]},
    {not: [{header: {'x-b': []}}]},
    {not: [{header_regexp: {Cookie: {pattern: '(?:^|;) *c\\.d=(?:1\\|2|"1\\|2") *(?:;|$)'}}}]},
    {not: [{header_regexp: {Cookie: {pattern: '(?:^|;) *e='}}}]},
    {not: [{query: {q: ['v']}}]},
    {not: [{method: ['GET', 'HEAD']}]},
  ]},
  handle: [TO_WEB],
});
test('a prefix is taken away however it is escaped, and told', renders, {path: '/a.p', name: NAME, stripPrefix: true}, {
  match: {path: ['/a.p', '/a.p/*']},
  handle: [
    {handler: 'rewrite', path_regexp: [{find: '(?i)^/+(?:a|%61)(?:\\.|%2e)(?:p|%70)(?:/|$)', replace: '/'}]},
    {handler: 'headers', request: {set: {'X-Forwarded-Prefix': ['/a.p']}}},
    TO_WEB,
  ],
});
test('a redirect keeps what follows its path', renders, {path: '/', redirect: {to: 'https://www.shop.test', status: 301, keepPath: true}}, {
  handle: [{handler: 'static_response', status_code: 301, headers: {Location: ['https://www.shop.test{http.request.uri}'], 'Cache-Control': ['no-store']}}],
});
test('a redirect may lead to one place only', renders, {path: '/old', redirect: {to: '/new', status: 302, keepPath: false}}, {
  match: {path: ['/old', '/old/*']},
  handle: [{handler: 'static_response', status_code: 302, headers: {Location: ['/new'], 'Cache-Control': ['no-store']}}],
});

test('many hosts stand in a tree that others pass by at its root, wildcards come after all of them', (t) => {
  const hosts = [...Array.from({length: 1500}, (_, index) => `h${index}.test`), '*.h.test', '*'].map((host): StructuredHost => ({host, paths: PATHS}));
  const routes = rendered(hosts);
  const [odd, ...branches] = routes.slice(0, -4);
  t.deepEqual(odd, {match: [{header_regexp: {Host: {pattern: '[A-Z]|\\.(?::[0-9]*)?$'}}}], handle: [{handler: 'vars', odd: 'yes'}]});
  t.deepEqual(routes.slice(-4).map(({match}) => match), [[{vars: {way: ['0']}}], [{vars: {way: ['none']}}], [{header_regexp: {Host: {pattern: '(?i)^(?:[a-z0-9_-]+\\.)+h\\.test\\.?(?::[0-9]*)?$'}}}], [{}]]);
  const namesOf = (route: Route | undefined) => route?.match?.map((matcher) => (matcher as {host?: string[]}).host?.length ?? matcher);
  const isOdd = {vars: {odd: ['yes']}};
  t.deepEqual(branches.map(namesOf), [[416, isOdd], [416, isOdd], [416, isOdd], [252, isOdd]]);
  t.deepEqual(branches.at(-1)?.handle[0]?.routes?.map(namesOf), [[104, isOdd], [104, isOdd], [44, isOdd]]);
  t.is(new Set(JSON.stringify(branches).match(/h\d+\.test/g)).size, 1500);
});
test('a host with a path for everything has no other end', (t) => {
  t.deepEqual(routesOf({host: 'shop.test', paths: [{path: '/a', name: NAME}, {path: '/', name: NAME}]}).at(-1), {group: 'path', handle: [TO_WEB]});
  t.deepEqual(routesOf({host: 'shop.test', paths: [{path: '/a', name: NAME}]}).at(-1), {group: 'path', handle: [{handler: 'vars', way: 'none'}]});
  t.deepEqual(routesOf({host: 'shop.test', paths: [{path: '/', name: NAME, when: [{kind: 'method', values: ['GET']}]}]}).at(-1), {group: 'path', handle: [{handler: 'vars', way: 'none'}]});
});

/** How many proxies Caddy has to make for so many paths of one host. */
const hasWays = test.macro((t, paths: readonly StructuredPath[], expected: number) => {
  const ways = JSON.stringify(rendered([{host: 'shop.test', paths}])).match(/"handler":"reverse_proxy"/g);
  t.is(ways?.length, expected);
});
const OTHER = NAME.replace('web', 'api');
test('paths without options share a way', hasWays, [{path: '/a', name: NAME}, {path: '/', name: OTHER}], 1);
test('paths with the same options share a way', hasWays, [{path: '/a', name: NAME, options: {waitMs: 1, isCompressed: true}}, {path: '/', name: OTHER, options: {waitMs: 1, allow: ['10.0.0.0/8']}}], 1);
test('paths of many hosts share a way', (t) => {
  const hosts = Array.from({length: 120}, (_, index): StructuredHost => ({host: `h${index}.test`, paths: [{path: '/a', name: OTHER}, {path: '/', name: NAME, ...(index % 60 === 0 && {options: {waitMs: 1}})}]}));
  t.is(JSON.stringify(rendered(hosts)).match(/"handler":"reverse_proxy"/g)?.length, 2);
});
test('the ways that most paths take stand behind the tree, the others in the leaf of their hosts', (t) => {
  const hosts = Array.from({length: 70}, (_, index): StructuredHost => ({host: `h${index}.test`, paths: [{path: '/', name: NAME}, {path: '/own', name: NAME, options: {waitMs: 1 + index}}]}));
  const [, leaf, ...behind] = rendered(hosts);
  t.deepEqual(behind.flatMap(({match}) => match), [...Array.from({length: 10}, (_, index) => ({vars: {way: [String(index)]}})), {vars: {way: ['none']}}]);
  t.is(leaf?.handle[0]?.routes?.filter(({handle}) => handle[0]?.['handler'] === 'reverse_proxy').length, 61);
});
test('other options are another way', hasWays, [{path: '/a', name: NAME, options: {waitMs: 1}}, {path: '/b', name: NAME, options: {waitMs: 2}}, {path: '/', name: NAME}], 3);
test('who is asked in turn is counted for each service', hasWays, [{path: '/a', name: NAME, options: {balance: 'round-robin'}}, {path: '/b', name: OTHER, options: {balance: 'round-robin'}}], 2);
