import {once} from 'node:events';
import {get as httpGet, type IncomingMessage} from 'node:http';
import type {AddressInfo} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import type {Condition} from '../../../reconciler/status/status.ts';
import type {AppName, CommitId} from '../../../schemas/ids.ts';
import {documented} from './documented.ts';
import {app, COMMIT, FakeView} from './fake-view.ts';

const BEARER = {authorization: 'Bearer right-token'};
const SHOP = ['shop' as AppName];

function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop')]};
  view.repo.files.set('apps/shop/app.yaml', 'apiVersion: flynn/v1\nkind: App\nservices:\n  web:\n    replicas: 2\n');
  const server = documented(t, createServer({view, authenticate: createAuthenticate({token: 'right-token', operator: {name: 'operator', email: 'o@n'}}), log: (message, error) => t.log(message, error)}));
  t.teardown(() => server.close());
  const scale = (count: number, {headers = {}, query = ''}: {headers?: Record<string, string>; query?: string} = {}) => server.inject({method: 'POST', url: `/v1/apps/shop/scale${query}`, headers: {...BEARER, ...headers}, payload: {services: {web: count}}});
  return {view, server, scale};
}

function conditions(...all: readonly Partial<Condition>[]): readonly Condition[] {
  return all.map((one) => ({type: 'Ready', status: true, reason: 'Healthy', message: 'it serves', commit: COMMIT, since: '2026-11-23T10:12:01Z', ...one}));
}

test('a commit is what its apps are, once the node has it', async (t) => {
  const {view, server, scale} = subject(t);
  view.repo.changed = SHOP;
  const {commit} = (await scale(3)).json<{commit: CommitId}>();
  const status = async () => (await server.inject({url: `/v1/commits/${commit.slice(0, 8)}/status`, headers: BEARER})).json<{state: string; detail: string; commit: string}>();
  t.like(await status(), {commit, state: 'healthy', apps: [{app: 'shop', state: 'healthy', detail: 'release v3 serves'}]});
  view.current = {...view.current, apps: [app('shop', {conditions: conditions({}, {type: 'Reconciling', reason: 'Deploying', message: 'web [1/3]'})})]};
  t.like(await status(), {state: 'converging', detail: 'shop: web [1/3]'});
  view.current = {...view.current, apps: [app('shop', {conditions: conditions({}, {type: 'Stalled', reason: 'ReleaseFailed', message: 'release v3 failed: exit code 1'})})]};
  t.like(await status(), {state: 'failed', detail: 'shop: release v3 failed: exit code 1'});
  view.current = {...view.current, apps: []};
  t.like(await status(), {state: 'healthy', apps: [{state: 'removed'}]});
  view.repo.isApplied = false;
  t.like(await status(), {state: 'waiting', apps: []});
  view.current = {...view.current, conditions: conditions({status: false}, {type: 'Stalled', reason: 'MassDelete', message: 'it removes 5 apps'})};
  t.like(await status(), {state: 'held', detail: 'it removes 5 apps'});
  t.is((await server.inject({url: `/v1/commits/${'f'.repeat(40)}/status`, headers: BEARER})).statusCode, 404);
  t.is((await server.inject({url: '/v1/commits/main/status', headers: BEARER})).statusCode, 400);
});

async function listen(t: ExecutionContext, server: ReturnType<typeof subject>['server'], path: string, headers: Record<string, string> = {}) {
  if (server.server.address() === null) await server.listen({host: '127.0.0.1', port: 0});
  const request = httpGet({port: (server.server.address() as AddressInfo).port, path, headers: {...BEARER, accept: 'text/event-stream', ...headers}});
  t.teardown(() => request.destroy());
  const [response] = await once(request, 'response') as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return {
    type: response.headers['content-type'],
    async until(pattern: RegExp): Promise<string> {
      while (!pattern.test(text)) await once(response, 'data');
      return text;
    },
    close: () => request.destroy(),
  };
}

test('who follows a commit is told of each change, and who comes again only of what is new', async (t) => {
  const {view, server, scale} = subject(t);
  view.repo.changed = SHOP;
  const {commit} = (await scale(3)).json<{commit: CommitId}>();
  view.current = {...view.current, apps: [app('shop', {conditions: conditions({}, {type: 'Reconciling', message: 'web [1/3]'})})]};
  const first = await listen(t, server, `/v1/commits/${commit}/status`);
  t.is(first.type, 'text/event-stream');
  const id = /^id: (\S+)\nevent: status\ndata: \{.*"state":"converging"/m.exec(await first.until(/converging.*\n\n/))?.[1];
  first.close();
  view.current = {...view.current, apps: [app('shop')]};
  const again = await listen(t, server, `/v1/commits/${commit}/status`, {'last-event-id': String(id)});
  const text = await again.until(/event: end/);
  t.notRegex(text, /converging/);
  t.regex(text, /event: status\ndata: \{.*"state":"healthy".*\}\n\nevent: end\n/);
});

test('events go on after the one that was heard last', async (t) => {
  const {view, server} = subject(t);
  const event = (second: number, message: string) => ({at: `2026-11-23T10:12:0${second}Z`, kind: 'note', message});
  view.past = [event(1, 'one'), event(2, 'two'), event(2, 'two and a half')];
  const first = await listen(t, server, '/v1/events');
  const ids = [...(await first.until(/a half.*\n\n/)).matchAll(/^id: (.+)$/gm)].map(([, id = '']) => id);
  first.close();
  const again = await listen(t, server, '/v1/events', {'last-event-id': ids[1] ?? ''});
  t.notRegex(await again.until(/a half/), /one|"two"/);
  view.emit(event(3, 'three'));
  t.regex(await again.until(/three/), /^id: 2026-11-23T10:12:03Z~[0-9a-f]{8}\nevent: event\ndata: \{"at":"2026-11-23T10:12:03Z","kind":"note","message":"three"\}$/m);
});

test('events go on after the one that was heard last, also when its time is not in order', async (t) => {
  const {view, server} = subject(t);
  const event = (second: number, message: string) => ({at: `2026-11-23T10:12:0${second}Z`, kind: 'note', message});
  // How a container ended is noticed later than what came after it.
  view.past = [event(1, 'one'), event(4, 'four'), event(2, 'noticed late'), event(5, 'five')];
  const first = await listen(t, server, '/v1/events');
  const ids = [...(await first.until(/five.*\n\n/)).matchAll(/^id: (.+)$/gm)].map(([, id = '']) => id);
  first.close();
  const again = await listen(t, server, '/v1/events', {'last-event-id': ids[2] ?? ''});
  t.notRegex(await again.until(/five/), /one|four|late/);
  const forgotten = await listen(t, server, '/v1/events', {'last-event-id': '2026-11-23T10:12:03Z~00000000'});
  t.notRegex(await forgotten.until(/five/), /one/);
});

test('a write waits until it serves when it is asked to, and says what became of it', async (t) => {
  const {view, scale} = subject(t);
  view.outcome = {result: 'failed', commit: COMMIT, cause: 'exit code 1', log: ['no database today']};
  t.like((await scale(3, {query: '?wait=true'})).json(), {isNew: true, outcome: {result: 'failed', cause: 'exit code 1'}});
  t.is((await scale(4)).json<{outcome?: object}>().outcome, undefined);
});

test('what was changed since it was seen is not changed', async (t) => {
  const {view, server, scale} = subject(t);
  const seen = String((await server.inject({url: '/v1/apps/shop', headers: BEARER})).headers['etag']);
  t.is(seen, `"${COMMIT}"`);
  t.is((await scale(3, {headers: {'if-match': seen}})).statusCode, 200);
  const stale = await scale(4, {headers: {'if-match': seen}});
  t.is(stale.statusCode, 412);
  t.like(stale.json(), {status: 412, title: 'Precondition Failed'});
  t.is(view.repo.commits.length, 1);
  t.is((await scale(4, {headers: {'if-match': '*'}})).statusCode, 200);
  t.is((await scale(4, {headers: {'if-match': 'W/"1a2b3c4d"'}})).statusCode, 400);
});

test('a key that was used for one request is not good for another', async (t) => {
  const {scale} = subject(t);
  const headers = {'idempotency-key': 'operation-1'};
  t.is((await scale(3, {headers})).statusCode, 200);
  t.like((await scale(3, {headers})).json(), {isNew: false});
  t.is((await scale(4, {headers})).statusCode, 422);
});

test('an app that was made a moment ago is there, and one that was destroyed is not', async (t) => {
  const {view, server} = subject(t);
  await server.inject({method: 'POST', url: '/v1/apps', headers: BEARER, payload: {name: 'blog'}});
  const blog = await server.inject({url: '/v1/apps/blog', headers: BEARER});
  t.is(blog.statusCode, 200);
  t.like(blog.json(), {name: 'blog', services: [], conditions: [{reason: 'NotAppliedYet'}, {type: 'Reconciling', status: true}]});
  await server.inject({method: 'POST', url: '/v1/apps/shop/destroy', headers: BEARER, payload: {confirm: 'shop'}});
  t.is((await server.inject({url: '/v1/apps/shop', headers: BEARER})).statusCode, 404);
  t.deepEqual((await server.inject({url: '/v1/apps', headers: BEARER})).json<readonly {name: string}[]>().map(({name}) => name), ['blog']);
  t.true(view.repo.commits.length === 2);
});

test('a path says what can be done to it, and what can\'t is refused as such', async (t) => {
  const {server} = subject(t);
  const options = await server.inject({method: 'OPTIONS', url: '/v1/apps/shop/services/web'});
  t.deepEqual([options.statusCode, options.headers['allow']], [204, 'DELETE, GET, HEAD, PATCH, PUT']);
  const put = await server.inject({method: 'PUT', url: '/v1/apps', headers: BEARER, payload: {}});
  t.deepEqual([put.statusCode, put.headers['allow'], put.json<{detail: string}>().detail], [405, 'GET, HEAD, POST', 'PUT can\'t be done to "/v1/apps"; it has GET, HEAD, POST']);
  const head = await server.inject({method: 'HEAD', url: '/v1/apps/shop', headers: BEARER});
  t.deepEqual([head.statusCode, head.body], [200, '']);
});

test('one caller may not ask without end; others may go on', async (t) => {
  const {server} = subject(t);
  let last = await server.inject({url: '/v1/whoami', headers: BEARER});
  for (let count = 0; count < 6_000 && last.statusCode === 200; count += 1) last = await server.inject({url: '/v1/whoami', headers: BEARER});
  t.is(last.statusCode, 429);
  t.regex(String(last.headers['retry-after']), /^\d+$/);
  t.is((await server.inject('/healthz')).statusCode, 200);
});
