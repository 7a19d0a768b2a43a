import {mkdtemp, rm} from 'node:fs/promises';
import {request as httpRequest} from 'node:http';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {AddressInfo} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import type {FastifyInstance} from 'fastify';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createLocalServer, createServer} from '../../../reconciler/api/server.ts';
import type {AppName, CommitId, ImageDigest, ServiceName, SpecHash, TreeId} from '../../../schemas/ids.ts';
import {documented} from './documented.ts';
import {app, COMMIT, FakeView} from './fake-view.ts';

const CANARY = 'canary-sk_live_1234';
const TOKEN = 'right-token';
const BEARER = {authorization: `Bearer ${TOKEN}`};
const APP_YAML = 'apiVersion: flynn/v1\nkind: App\nservices:\n  web:\n    replicas: 2\n';

interface Subject {
  readonly view: FakeView;
  readonly server: FastifyInstance;
  readonly logged: string[];
}

function subject(t: ExecutionContext): Subject {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop')]};
  const logged: string[] = [];
  const server = createServer({
    view,
    authenticate: createAuthenticate({token: TOKEN, operator: {name: 'operator', email: 'operator@flynn.localhost'}}),
    log: (message, error) => logged.push(`${message}: ${String(error)}`),
  });
  t.teardown(() => server.close());
  documented(t, server);
  return {view, server, logged};
}

for (const [method, url] of [
  ['GET', '/v1/status'], ['GET', '/v1/apps'], ['GET', '/v1/apps/shop'], ['GET', '/v1/apps/shop/logs'], ['GET', '/v1/apps/shop/converged'],
  ['GET', '/v1/plan'], ['GET', '/v1/events'], ['POST', '/v1/apps'], ['POST', '/v1/apps/shop/scale'], ['POST', '/v1/confirm'],
] as const) {
  test(`${method} ${url} needs the token`, async (t) => {
    const {server, view} = subject(t);
    for (const headers of [{}, {authorization: 'Bearer wrong'}]) {
      const answer = await server.inject({method, url, headers, ...(method === 'POST' ? {payload: {name: 'blog', services: {web: 3}}} : {})});
      t.is(answer.statusCode, 401);
      t.regex(String(answer.headers['content-type']), /^application\/problem\+json/);
      t.like(answer.json(), {status: 401, title: 'Unauthorized', type: 'about:blank'});
      t.truthy(answer.headers['www-authenticate']);
    }
    t.deepEqual(view.repo.commits, []);
  });
}

test('it is alive at once, and ready when the node is', async (t) => {
  const {server, view, logged} = subject(t);
  t.is((await server.inject('/healthz')).statusCode, 200);
  t.is((await server.inject('/readyz')).statusCode, 503);
  t.deepEqual(logged, [], 'who asks whether it is ready causes no error');
  view.ready = true;
  t.is((await server.inject('/readyz')).statusCode, 200);
});

test('what is held back is confirmed by its commit, and by no other', async (t) => {
  const {server, view} = subject(t);
  const confirm = (commit: string) => server.inject({method: 'POST', url: '/v1/confirm', headers: BEARER, payload: {commit}});
  t.is((await confirm('1a2b3c4d')).statusCode, 409);
  view.held = '1a2b3c4d'.padEnd(40, '0') as CommitId;
  t.is((await confirm('ffffffff')).statusCode, 409);
  t.is((await confirm('main')).statusCode, 400);
  t.deepEqual((await confirm('1a2b3c4d')).json(), {commit: view.held});
});

test('certificates are for hosts that the internal authority may certify, asked from this machine', async (t) => {
  const {server, view} = subject(t);
  view.certificates.hosts = ['shop.flynn.localhost', 'git.flynn.localhost'];
  const ask = async (domain: string, headers = {}) => (await server.inject({url: `/internal/tls-ask?domain=${domain}`, headers})).statusCode;
  t.is(await ask('shop.flynn.localhost'), 200);
  t.is(await ask('SHOP.flynn.localhost'), 200);
  t.is(await ask('git.flynn.localhost'), 200);
  t.is(await ask('blog.flynn.localhost'), 404);
  t.is(await ask(''), 404);
  t.is(await ask('shop.flynn.localhost', {'x-forwarded-for': '198.51.100.7'}), 404);
});

test('apps carry their git URL, and an unknown one is a problem', async (t) => {
  const {server} = subject(t);
  const answer = await server.inject({url: '/v1/apps/shop', headers: BEARER});
  t.like(answer.json(), {name: 'shop', gitUrl: 'http://git.flynn.localhost:8080/shop.git'});
  const unknown = await server.inject({url: '/v1/apps/blog', headers: BEARER});
  t.is(unknown.statusCode, 404);
  t.is(unknown.json().detail, 'there is no app "blog"');
  t.is((await server.inject({url: '/v1/apps/..%2Fcluster', headers: BEARER})).statusCode, 400);
  t.is((await server.inject({url: '/v1/nothing', headers: BEARER})).json().detail, 'there is no GET "/v1/nothing"');
});

test('a write is a commit by the one who asked, and its key finds it again', async (t) => {
  const {server, view} = subject(t);
  view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  const ask = {
    method: 'POST', url: '/v1/apps/shop/scale', payload: {services: {web: 4}},
    headers: {...BEARER, 'idempotency-key': 'operation-1', 'x-flynn-author': 'Ann Lee <ann@example.com>'},
  } as const;
  const first = await server.inject(ask);
  t.is(first.statusCode, 200);
  t.like(first.json(), {isNew: true, message: 'shop: scale web 2 → 4', services: {web: 4}});
  const again = await server.inject(ask);
  t.like(again.json(), {isNew: false, commit: first.json().commit});
  t.deepEqual(view.repo.commits.map(({author}) => author), [{name: 'Ann Lee', email: 'ann@example.com'}]);
  t.regex(view.repo.files.get('apps/shop/app.yaml') ?? '', /replicas: 4/);
});

test('one more is one more than there are, and a repeated request makes it no second one', async (t) => {
  const {server, view} = subject(t);
  view.repo.files.set('apps/shop/app.yaml', APP_YAML);
  const ask = {method: 'POST', url: '/v1/apps/shop/scale', payload: {services: {web: '+1'}}, headers: {...BEARER, 'idempotency-key': 'operation-1'}} as const;
  t.like((await server.inject(ask)).json(), {isNew: true, message: 'shop: scale web 2 → 3', services: {web: 3}});
  t.like((await server.inject(ask)).json(), {isNew: false, services: {web: 3}});
  t.is(view.repo.commits.length, 1);
});

test('a new app answers at the domain of cluster.yaml, and is pushed to at the domain of the node', async (t) => {
  const {server, view} = subject(t);
  view.current = {...view.current, domain: 'apps.example.com'};
  const answer = await server.inject({method: 'POST', url: '/v1/apps', payload: {name: 'blog'}, headers: BEARER});
  t.is(answer.statusCode, 201);
  t.like(answer.json(), {webUrl: 'http://blog.apps.example.com:8080/', gitUrl: 'http://git.flynn.localhost:8080/blog.git', message: 'blog: create'});
});

const refuses = test.macro({
  async exec(t, {url, payload, headers = {}}: {url: string; payload: unknown; headers?: Record<string, string>}, status: number, detail: RegExp) {
    const {server, view} = subject(t);
    view.repo.files.set('apps/shop/app.yaml', APP_YAML);
    const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
    const answer = await server.inject({method: 'POST', url, payload: body, headers: {...BEARER, 'content-type': 'application/json', ...headers}});
    t.is(answer.statusCode, status, answer.body);
    t.regex(answer.json().detail, detail);
    t.deepEqual(view.repo.commits, []);
  },
  title: (name = '') => `${name} is refused, and nothing is committed`,
});

const SCALE = '/v1/apps/shop/scale';
test('a body that is not JSON', refuses, {url: SCALE, payload: '{'}, 400, /JSON/);
test('a body of another kind', refuses, {url: SCALE, payload: 'services=web', headers: {'content-type': 'application/x-www-form-urlencoded'}}, 415, /./);
test('plain text, which any web page can send,', refuses, {url: SCALE, payload: '{"services":{"web":3}}', headers: {'content-type': 'text/plain'}}, 415, /./);
test('a body without services', refuses, {url: SCALE, payload: {}}, 400, /has to be a JSON object with "services"/);
test('a list of services', refuses, {url: SCALE, payload: {services: [3]}}, 400, /such as \{"web": 3\}/);
test('half a replica', refuses, {url: SCALE, payload: {services: {web: 1.5}}}, 400, /services\.web must be a whole number from 0 to 1000, not "1\.5"/);
test('a negative number of replicas', refuses, {url: SCALE, payload: {services: {web: -1}}}, 400, /services\.web must be a whole number from 0 to 1000, not "-1"/);
test('an unknown service', refuses, {url: SCALE, payload: {services: {worker: 1}}}, 409, /worker/);
test('an unknown app', refuses, {url: '/v1/apps/blog/scale', payload: {services: {web: 1}}}, 409, /blog/);
test('a name that is taken', refuses, {url: '/v1/apps', payload: {name: 'shop'}}, 409, /shop/);
test('a name with a slash', refuses, {url: '/v1/apps', payload: {name: '../x'}}, 400, /"\.\.\/x" can't name an app/);
test('a name that is ours', refuses, {url: '/v1/apps', payload: {name: 'git'}}, 400, /hosts of the cluster/);
test('a number for a name', refuses, {url: '/v1/apps', payload: {name: 7}}, 400, /7 can't name an app/);
test('a key that breaks a commit message', refuses, {url: SCALE, payload: {services: {web: 3}}, headers: {'idempotency-key': 'a b'}}, 400, /Idempotency-Key/);
test('a body of 100 KiB', refuses, {url: SCALE, payload: JSON.stringify({services: {}, more: 'x'.repeat(100 * 1024)})}, 413, /./);

test('a commit that cannot be made tells why, and the log has it too', async (t) => {
  const {server, view, logged} = subject(t);
  view.repo.commit = async () => { throw new Error('the remote does not answer'); };
  const answer = await server.inject({method: 'POST', url: '/v1/apps', payload: {name: 'blog'}, headers: BEARER});
  t.is(answer.statusCode, 503);
  t.is(answer.json().detail, "can't commit to the cluster repository: the remote does not answer");
  t.is(logged.length, 1);
});

test('a bug inside is logged, not told', async (t) => {
  const {server, view, logged} = subject(t);
  view.status = () => { throw new Error(`bug: ${CANARY}`); };
  const answer = await server.inject({url: '/v1/status', headers: BEARER});
  t.is(answer.statusCode, 500);
  t.false(answer.body.includes(CANARY));
  t.regex(logged.join(), /^GET \/v1\/status failed: Error: bug: /);
});

test('a plan tells kinds, subjects and reasons, and no value of an environment', async (t) => {
  const {server, view} = subject(t);
  const service = {
    name: 'web' as ServiceName, specHash: 'a'.repeat(16) as SpecHash, replicas: 1, strategy: {kind: 'all-at-once'},
    container: {
      image: `sha256:${'b'.repeat(64)}` as ImageDigest, command: [], env: {API_KEY: CANARY}, memoryBytes: 0, cpus: 0, pidsMax: 0,
      facts: {check: {kind: 'up', intervalMs: 1, timeoutMs: 1, retries: 1, startPeriodMs: 1}, stopGraceMs: 1},
    },
  } as const;
  const resolved = {state: 'resolved', name: 'shop' as AppName, treeId: 't' as TreeId, specKey: service.specHash, services: [service], routes: [], deployTimeoutMs: 1, releasedImages: []} as const;
  view.planned = {
    actions: [
      {kind: 'run-container', app: resolved.name, name: 'flynn-shop-web-1', service, release: 3, slot: 1, attempt: 0, failures: 0, subnet: '10.0.0.0/25', reason: 'slot 1 is empty'},
      {kind: 'write-deploy', app: resolved.name, deploy: {state: 'deploying', treeId: resolved.treeId, specKey: service.specHash, startedAtMs: 0}, lastGood: resolved, reason: 'a new release'},
      {kind: 'publish-names', names: new Map([['_http._tcp.shop.flynn.localhost', [{address: '10.0.0.2', port: 8080}]]]), reason: 'web.1 is healthy'},
    ],
    waiting: [{app: resolved.name, subject: 'web.1', on: 'its check'}],
  };
  const answer = await server.inject({url: '/v1/plan', headers: BEARER});
  t.deepEqual(answer.json().actions, [
    {kind: 'run-container', app: 'shop', subject: 'flynn-shop-web-1', reason: 'slot 1 is empty'},
    {kind: 'write-deploy', app: 'shop', subject: 'shop', reason: 'a new release'},
    {kind: 'publish-names', subject: 'names', reason: 'web.1 is healthy'},
  ]);
  t.deepEqual(answer.json().waiting, [{app: 'shop', subject: 'web.1', on: 'its check'}]);
  t.regex(answer.json().text, /^run flynn-shop-web-1 +# slot 1 is empty\n/);
  t.false(answer.body.includes(CANARY));
});

test('converged tells progress line by line, then the outcome', async (t) => {
  const {server, view} = subject(t);
  view.progress = ['web [1/2] starting', 'web [2/2] healthy'];
  view.outcome = {result: 'healthy', commit: COMMIT, urls: []};
  const answer = await server.inject({url: '/v1/apps/shop/converged', headers: BEARER});
  t.is(answer.headers['content-type'], 'application/x-ndjson');
  t.deepEqual(parsed(answer.body), [{progress: 'web [1/2] starting'}, {progress: 'web [2/2] healthy'}, {outcome: {result: 'healthy', commit: COMMIT, urls: []}}, {end: true}]);
});

test('a wait that breaks ends with a problem', async (t) => {
  const {server, view} = subject(t);
  view.progress = ['web [1/2] starting'];
  view.outcome = new Error('the loop is gone');
  const answer = await server.inject({url: '/v1/apps/shop/converged', headers: BEARER});
  const [first, last] = parsed(answer.body);
  t.deepEqual(first, {progress: 'web [1/2] starting'});
  t.like(last, {problem: {status: 500}});
});

test('logs are limited in lines, and by service', async (t) => {
  const {server, view} = subject(t);
  view.written = Array.from({length: 200}, (_, at) => ({at: '2026-11-23T10:12:01Z', source: 'app', name: at % 2 === 0 ? 'web.1' : 'worker.1', stream: 'stdout', text: String(at)}));
  const read = async (query: string) => parsed((await server.inject({url: `/v1/apps/shop/logs${query}`, headers: BEARER})).body).flatMap((line) => line.text ?? []);
  t.is((await read('')).length, 100);
  t.deepEqual(await read('?lines=2'), ['198', '199']);
  t.deepEqual(await read('?lines=2&service=web'), ['196', '198']);
  t.is((await read('?since=1h')).length, 200);
  for (const query of ['?lines=-1', '?lines=x', '?lines=10001', '?service=..', '?replica=../1', '?since=soon', '?until=soon', '?grep=(', `?grep=${'x'.repeat(1001)}`]) {
    t.is((await server.inject({url: `/v1/apps/shop/logs${query}`, headers: BEARER})).statusCode, 400, query);
  }
  t.is((await server.inject({url: '/v1/apps/blog/logs', headers: BEARER})).statusCode, 404);
});

test('events are the last so many, of one app, from before the recent ones too', async (t) => {
  const {server, view} = subject(t);
  const event = (message: string, app?: string) => ({at: '2026-11-23T10:12:01Z', kind: 'pass', message, ...(app !== undefined && {app: app as AppName})});
  view.before = [event('one', 'shop'), event('two', 'blog'), event('three', 'shop')];
  view.past = [event('four'), event('five', 'shop')];
  const read = async (query: string) => parsed((await server.inject({url: `/v1/events${query}`, headers: BEARER})).body).flatMap((line) => line.message ?? []);
  t.deepEqual(await read(''), ['one', 'two', 'three', 'four', 'five']);
  t.deepEqual(await read('?lines=2&app=shop'), ['three', 'five']);
  t.deepEqual(await read('?lines=0'), []);
  t.is((await server.inject({url: '/v1/events?lines=x', headers: BEARER})).statusCode, 400);
});

test('drains are those of an app and of all', async (t) => {
  const {server, view} = subject(t);
  const drain = {url: 'syslog://logs.test', state: 'idle', delivered: 3, dropped: 0, behind: 0} as const;
  view.drained = [drain, {...drain, app: 'shop' as AppName}, {...drain, app: 'blog' as AppName}];
  const read = async (query: string) => (await server.inject({url: `/v1/drains${query}`, headers: BEARER})).json() as readonly unknown[];
  t.is((await read('')).length, 3);
  t.deepEqual(await read('?app=shop'), [drain, {...drain, app: 'shop'}]);
  t.is((await server.inject({url: '/v1/drains?app=..', headers: BEARER})).statusCode, 400);
});

test('followed events come as they happen, and end when the client goes', async (t) => {
  const {server, view} = subject(t);
  view.past = [{at: '2026-11-23T10:12:01Z', kind: 'pass', message: 'one'}];
  await server.listen({host: '127.0.0.1', port: 0});
  const {port} = server.server.address() as AddressInfo;
  const client = httpRequest({host: '127.0.0.1', port, path: '/v1/events?follow=true', headers: BEARER, agent: false}).end();
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => client.on('response', resolve).on('error', reject));
  const seen: string[] = [];
  response.on('error', () => {}); // We are the one who goes.
  for await (const chunk of response.setEncoding('utf8')) {
    for (const line of parsed(String(chunk))) {
      seen.push(String(line.message));
      if (line.message === 'one') view.emit({at: '2026-11-23T10:12:02Z', kind: 'pass', message: 'two'});
    }
    if (seen.includes('two')) break;
  }
  t.deepEqual(seen, ['one', 'two']);
  client.destroy();
  await until(() => view.listeners() === 0);
  t.is(view.listeners(), 0);
});

test('closing the server ends the streams that are open', async (t) => {
  const {server, view} = subject(t);
  view.written = [{at: '2026-11-23T10:12:01Z', source: 'app', name: 'web.1', stream: 'stdout', text: 'one'}];
  await server.listen({host: '127.0.0.1', port: 0});
  const {port} = server.server.address() as AddressInfo;
  const client = httpRequest({host: '127.0.0.1', port, path: '/v1/apps/shop/logs?follow=true', headers: BEARER, agent: false}).end();
  client.on('error', () => {});
  await new Promise((resolve) => client.on('response', (response) => response.on('data', resolve).on('error', () => {})));
  await until(() => view.streams.open === 1);
  await server.close();
  await until(() => view.streams.open === 0);
  t.is(view.streams.open, 0);
});

test('the socket of this machine tells whether we are ready, without a token, and has nothing else', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-api-'));
  const view = new FakeView();
  const server = createLocalServer({view, log: () => {}});
  t.teardown(async () => {
    await server.close();
    await rm(folder, {recursive: true});
  });
  const socketPath = path.join(folder, 'reconciler.sock');
  await server.listen({path: socketPath});
  const status = (url: string) => new Promise<number | undefined>((resolve, reject) => {
    httpRequest({socketPath, path: url}, (response) => resolve(response.resume().statusCode)).on('error', reject).end();
  });
  t.is(await status('/healthz'), 200);
  t.is(await status('/readyz'), 503);
  t.is(await status('/v1/status'), 404);
});

function parsed(body: string): Record<string, unknown>[] {
  return body.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Waits up to 30 s. */
async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries === 3000) throw new Error('it did not become so within 30 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
