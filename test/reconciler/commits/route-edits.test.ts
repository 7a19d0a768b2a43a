import test from 'ava';
import {EditRefused, type Edit} from '../../../reconciler/checkout/snapshot.ts';
import {addRoute, clearDomains, removeDomain, removeRoute, updateRoute} from '../../../reconciler/commits/route-edits.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {parseRouteName, type RouteName} from '../../../schemas/route-name.ts';
import {head} from '../../support/manifests.ts';

const SHOP = 'shop' as AppName;
const HOST = 'shop.flynn.test';
const RELEASE = `${head('Release')}image: sha256:${'a'.repeat(64)}\nsource: {commit: ${'b'.repeat(40)}, builder: Node.js}\nservices:\n  api: {command: [node api.js]}\npushedBy: ann\ncreatedAt: 2026-11-23T09:30:00Z\n`;

/** What follows the first two lines of app.yaml; undefined where nothing changes. */
function change(yaml: string, edit: Edit, release?: string): string | undefined {
  const start = head('App');
  const files: Readonly<Record<string, string>> = {'apps/shop/app.yaml': start + yaml, ...(release !== undefined && {'apps/shop/releases/v0001.yaml': release})};
  const text = edit((name) => files[name], () => (release === undefined ? [] : ['v0001.yaml']))['apps/shop/app.yaml'];
  return text?.startsWith(start) === true ? text.slice(start.length) : text;
}

function named(text: string): RouteName {
  const name = parseRouteName(text);
  if (!name.ok) throw new Error(name.problem);
  return name.value;
}

const adds = test.macro<[string, object, string | undefined, string?]>((t, before, route, after, release) => {
  t.is(change(before, addRoute(SHOP, {kind: 'http', route: route as never}, HOST), release), after);
});

test("the first route is written beside the app's own host, which stays", adds, 'env: {A: b}\n', {host: 'shop.test'}, `env: {A: b}\nroutes:\n  - host: ${HOST}\n  - host: shop.test\n`);
test('a path of its own host as well', adds, '', {host: HOST, path: '/api', service: 'web'}, `routes:\n  - host: ${HOST}\n  - host: ${HOST}\n    path: /api\n    service: web\n`);
test('what leads its own host elsewhere stands alone', adds, '', {host: HOST, service: 'api'}, `routes:\n  - host: ${HOST}\n    service: api\n`);
test('its own host is there without being written', adds, '', {host: HOST}, undefined);
test('an app that is known to have no web has no host of its own', adds, '', {host: 'shop.test', service: 'api'}, 'routes:\n  - host: shop.test\n    service: api\n', RELEASE);
test('one that is known to have it has', adds, '', {host: 'shop.test', service: 'api'}, `routes:\n  - host: ${HOST}\n  - host: shop.test\n    service: api\n`, RELEASE.replace('services:', 'services:\n  web: {command: [node web.js]}'));
test('before the first release a route to another service says nothing of web', adds, '', {host: 'shop.test', service: 'api'}, 'routes:\n  - host: shop.test\n    service: api\n');
test('another one comes below those that there are', adds, '# mine\nroutes:\n- host: a.test # first\n  # of all\nenv: {A: b}\n', {host: 'b.test', path: '/x'}, '# mine\nroutes:\n- host: a.test # first\n- host: b.test\n  path: /x\n  # of all\nenv: {A: b}\n');
test('"no routes" gets its first one', adds, 'routes: [] # closed\nenv: {A: b}\n', {host: 'b.test'}, 'routes:\n  - host: b.test\nenv: {A: b}\n');
test('one that is there is left as it is, defaults written or not', adds, 'routes: [{host: b.test}]\n', {host: 'b.test', path: '/', service: 'web'}, undefined);

test('a tcp route is added', (t) => {
  t.is(change('', addRoute(SHOP, {kind: 'tcp', route: {port: 5432, service: 'db'}}, HOST)), 'tcp:\n  - port: 5432\n    service: db\n');
});

const updates = test.macro<[string, string, Readonly<Record<string, unknown>>, string | undefined]>((t, before, name, changes, after) => {
  t.is(change(before, updateRoute(SHOP, named(name), changes)), after);
});

const TWO = 'routes:\n  - host: a.test # ours\n    path: /x\n    # who answers\n    service: api # for now\n  - host: b.test\n';
test('a field gets another value in its place', updates, TWO, 'a.test/x', {service: 'web'}, TWO.replace('api #', 'web #'));
test('a field is added below the others', updates, TWO, 'b.test', {service: 'api'}, `${TWO}    service: api\n`);
test('a field is taken out with its line', updates, TWO, 'a.test/x', {path: null}, TWO.replace('    path: /x\n', ''));
test('the first field is taken out, and the next one stands behind the dash', updates, 'routes:\n  - path: /x\n    host: a.test\n', 'a.test/x', {path: null}, 'routes:\n  - host: a.test\n');
test('in one line', updates, 'routes: [{host: a.test, path: /x}, {host: b.test}] # all\n', 'a.test/x', {path: null, service: 'api'}, 'routes: [{host: a.test, service: api}, {host: b.test}] # all\n');
test('what is so already changes nothing', updates, TWO, 'a.test/x', {service: 'api'}, undefined);
test('a list and a mapping are replaced', updates, 'tcp:\n  - port: 5432\n    service: db\n    allow: [10.0.0.0/8] # office\n', 'tcp:5432', {allow: ['10.1.0.0/16', '10.2.0.0/16']}, 'tcp:\n  - port: 5432\n    service: db\n    allow: [10.1.0.0/16, 10.2.0.0/16] # office\n');
test('a list in lines is replaced by lines', updates, 'tcp:\n  - port: 5432\n    allow:\n      - 10.0.0.0/8\n    service: db\n', '5432', {allow: ['10.1.0.0/16']}, 'tcp:\n  - port: 5432\n    allow:\n      - 10.1.0.0/16\n    service: db\n');

const TWICE = 'routes:\n  - host: a.test\n    service: beta\n    when: {header: {X-Beta: "1"}}\n  - host: a.test\n';
test('of routes that differ in their conditions a number says which', updates, TWICE, 'a.test/#2', {service: 'api'}, `${TWICE}    service: api\n`);

const removes = test.macro<[string, string, string | undefined]>((t, before, name, after) => {
  t.is(change(before, removeRoute(SHOP, named(name), HOST)), after);
});

test('a route is taken out with its lines', removes, TWO, 'http:a.test/x', 'routes:\n  - host: b.test\n');
test('when only its own host is left, nothing is said of routes any more', removes, `env: {A: b}\nroutes:\n  - host: ${HOST}\n  - host: shop.test\n`, 'shop.test', 'env: {A: b}\n');
test('unless there is a remark on it', removes, `routes:\n  - host: ${HOST} # ours\n  - host: shop.test\n`, 'shop.test', `routes:\n  - host: ${HOST} # ours\n`);
test('when none is left, it is said that there is none', removes, 'routes:\n  - host: shop.test\nenv: {A: b}\n', 'shop.test', 'routes: []\nenv: {A: b}\n');
test('its own host can be taken away, though it is not written', removes, 'env: {A: b}\n', HOST, 'env: {A: b}\nroutes: []\n');
test('the only tcp route takes the list along', removes, 'tcp: [{port: 5432, service: db}]\nenv: {A: b}\n', 'tcp:5432', 'env: {A: b}\n');
test('of a shared port the host tells which', removes, 'tcp:\n  - {port: 443, service: a, sni: a.test}\n  - {port: 443, service: b, sni: b.test}\n', 'tcp:443/b.test', 'tcp:\n  - {port: 443, service: a, sni: a.test}\n');

test('so it does when one is taken out', removes, TWICE, 'a.test/#1', 'routes:\n  - host: a.test\n');

test('a domain is taken out with all its paths', (t) => {
  t.is(change(`routes:\n  - host: ${HOST}\n  - host: a.test\n  - {host: a.test, path: /x}\n  - host: b.test\n`, removeDomain(SHOP, 'a.test', HOST)), `routes:\n  - host: ${HOST}\n  - host: b.test\n`);
});

const clears = test.macro<[string, string | undefined]>((t, before, after) => t.is(change(before, clearDomains(SHOP, HOST)), after));
test("clearing leaves the app's own host", clears, `routes:\n  - host: ${HOST}\n  - host: a.test\n  - host: b.test\n`, '');
test('with its paths', clears, `routes:\n  - {host: ${HOST}, path: /api, service: api}\n  - host: a.test\n`, `routes:\n  - {host: ${HOST}, path: /api, service: api}\n`);
test('which comes back when it was not there', clears, 'routes:\n  - host: a.test\n', '');
test('there is nothing to clear', clears, `routes:\n  - host: ${HOST}\n    path: /x\n`, undefined);

const refused = test.macro<[string, Edit, RegExp]>((t, before, edit, message) => {
  t.throws(() => change(before, edit), {instanceOf: EditRefused, message});
});
test('a route that is wrong is refused with its place', refused, '', addRoute(SHOP, {kind: 'http', route: {host: 'http://x'}}, HOST), /^apps\/shop\/app\.yaml:5:11: routes\.1\.host must be a host name/);
test('a second one with the same host and path is refused', refused, 'routes: [{host: a.test}]\n', addRoute(SHOP, {kind: 'http', route: {host: 'a.test', service: 'api'}}, HOST), /^apps\/shop\/app\.yaml:3:\d+: route "a\.test\/" is there twice$/);
test('a route that there is not is refused with those that there are', refused, TWO, removeRoute(SHOP, named('c.test'), HOST), /^app "shop" has no route http:c\.test\/; it has http:a\.test\/x, http:b\.test\/$/);
test('a shared port alone does not say which is meant', refused, 'tcp:\n  - {port: 443, service: a, sni: a.test}\n  - {port: 443, service: b, sni: b.test}\n', removeRoute(SHOP, named('443'), HOST), /2 routes tcp:443: name one of them, tcp:443\/a\.test or tcp:443\/b\.test$/);
test('without the number it is not known which is meant', refused, TWICE, removeRoute(SHOP, named('a.test'), HOST), /2 routes http:a\.test\/: name one of them, http:a\.test\/#1 or http:a\.test\/#2$/);
test('a domain that there is not is refused', refused, '', removeDomain(SHOP, 'a.test', HOST), /has no domain "a\.test"; it has shop\.flynn\.test$/);
test('what is shared by an anchor is left to people', refused, 'routes:\n  - &a {host: a.test}\n  - host: b.test\n    service: &s api\n  - {host: c.test, service: *s}\n', updateRoute(SHOP, named('b.test'), {service: 'web'}), /can't be edited by a tool/);
