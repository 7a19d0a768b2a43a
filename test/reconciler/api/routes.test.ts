import test, {type ExecutionContext} from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {head} from '../../support/manifests.ts';
import {documented} from './documented.ts';
import {app, FakeView} from './fake-view.ts';

const HEADERS = {authorization: 'Bearer right-token', 'x-flynn-author': 'Ann <ann@example.com>'};
const ROUTES = '/v1/apps/shop/routes';
const FILE = 'apps/shop/app.yaml';

function subject(t: ExecutionContext, yaml = '') {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop')]};
  view.repo.files.set(FILE, head('App') + yaml);
  const server = createServer({view, authenticate: createAuthenticate({token: 'right-token', operator: {name: 'operator', email: 'operator@flynn.localhost'}}), log: () => {}});
  t.teardown(() => server.close());
  documented(t, server);
  const ask = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object, headers: Readonly<Record<string, string>> = HEADERS) => {
    const answer = await server.inject({method, url, headers, ...(payload && {payload})});
    return {status: answer.statusCode, body: answer.json<Record<string, unknown>>()};
  };
  return {view, ask, manifest: () => view.repo.files.get(FILE)?.replace(head('App'), '')};
}

for (const [method, url] of [['GET', '/v1/routes'], ['GET', ROUTES], ['POST', ROUTES], ['PATCH', `${ROUTES}/a.test`], ['DELETE', `${ROUTES}/a.test`], ['GET', '/v1/apps/shop/domains'], ['POST', '/v1/apps/shop/domains'], ['DELETE', '/v1/apps/shop/domains/a.test'], ['DELETE', '/v1/apps/shop/domains']] as const) {
  test(`${method} ${url} needs the token`, async (t) => {
    const {ask, view} = subject(t);
    t.is((await ask(method, url, method === 'POST' || method === 'PATCH' ? {host: 'a.test'} : undefined, {})).status, 401);
    t.deepEqual(view.repo.commits, []);
  });
}

test('a route is made, found, changed and removed by its name', async (t) => {
  const {ask, manifest} = subject(t);
  const made = await ask('POST', ROUTES, {http: {host: 'a.test', path: '/x/y', service: 'api'}});
  t.is(made.status, 201);
  t.like(made.body, {isNew: true, message: 'shop: route add a.test/x/y → api', route: 'http:a.test/x/y'});
  t.deepEqual((await ask('GET', ROUTES)).body, {app: 'shop', routes: [{kind: 'http', name: 'http:a.test/x/y', url: 'http://a.test:8080/x/y', route: {host: 'a.test', path: '/x/y', service: 'api'}}]});
  const name = encodeURIComponent('http:a.test/x/y');
  t.like((await ask('PATCH', `${ROUTES}/${name}`, {path: '/z', service: null})).body, {message: 'shop: route update a.test/x/y (service, path)'});
  t.is(manifest(), 'routes:\n  - host: a.test\n    path: /z\n');
  t.is((await ask('DELETE', `${ROUTES}/a.test/z`)).status, 200);
  t.is(manifest(), 'routes: []\n');
  t.deepEqual((await ask('GET', '/v1/routes')).body, [{app: 'shop', routes: []}]);
});

test('the same key finds the commit of the first request', async (t) => {
  const {ask, view} = subject(t);
  const headers = {...HEADERS, 'idempotency-key': 'add-a-test-1'};
  const [first, second] = [await ask('POST', ROUTES, {http: {host: 'a.test'}}, headers), await ask('POST', ROUTES, {http: {host: 'a.test'}}, headers)];
  t.deepEqual([first.status, second.status], [201, 200]);
  t.is(first.body['commit'], second.body['commit']);
  t.is(view.repo.commits.length, 1);
});

test('a listing follows what git says', async (t) => {
  const {ask, view} = subject(t);
  t.like((await ask('GET', ROUTES)).body, {routes: [{name: 'http:shop.flynn.localhost/', isDefault: true}]});
  view.current = {...view.current, domain: 'flynn.example.com'};
  t.like((await ask('GET', ROUTES)).body, {routes: [{name: 'http:shop.flynn.example.com/'}]});
});

const refused = test.macro<[['POST' | 'PATCH' | 'DELETE', string, object?], number, RegExp]>(async (t, [method, url, body], status, detail) => {
  const {ask, view} = subject(t);
  const answer = await ask(method, url, body);
  t.is(answer.status, status);
  t.regex(String(answer.body['detail']), detail);
  t.deepEqual(view.repo.commits, []);
});
test('a body without a route is refused', refused, ['POST', ROUTES, {}], 400, /"http"/);
test('a host that would be lines of a commit is refused', refused, ['POST', ROUTES, {http: {host: 'a.test\n\nFlynn-Operation: x'}}], 400, /host has to be a text without spaces/);
test('a service that would be is, too', refused, ['PATCH', `${ROUTES}/a.test`, {service: 'a\nb'}], 400, /service has to be a text/);
test('a port is a number', refused, ['POST', ROUTES, {tcp: {port: '5432', service: 'db'}}], 400, /port has to be a whole number/);
test('a route is an object', refused, ['POST', ROUTES, {http: ['a.test']}], 400, /object with the fields of a route/);
test('odd names are no fields', refused, ['PATCH', `${ROUTES}/a.test`, {'a: b\n': 1}], 400, /is no field of a route/);
test('an empty change is none', refused, ['PATCH', `${ROUTES}/a.test`, {}], 400, /fields that are to be changed/);
test('what the validator says comes with its place', refused, ['POST', ROUTES, {http: {host: 'A.test', nope: 1}}], 409, /^apps\/shop\/app\.yaml:5:11: routes\.1\.host must be a host name[\s\S]*6:5: unknown field "nope"/);
test('a domain is a host', refused, ['POST', '/v1/apps/shop/domains', {host: 'a.test/x'}], 400, /"a\.test\/x" is no host/);
test('of an app that there is', refused, ['POST', '/v1/apps/blog/domains', {host: 'a.test'}], 409, /there is no app "blog"/);

test('an unknown app is told apart from a wrong manifest', async (t) => {
  const {ask} = subject(t, 'routes: 1\n');
  t.is((await ask('GET', '/v1/apps/blog/routes')).status, 404);
  t.is((await ask('GET', ROUTES)).status, 409);
  t.is((await ask('GET', '/v1/apps/shop/domains')).status, 409);
  t.like((await ask('GET', '/v1/routes')).body, [{app: 'shop', routes: []}]);
});
