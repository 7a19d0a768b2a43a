import test, {type ExecutionContext} from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import type {HookOutcome, SourceStatus} from '../../../reconciler/source/status.ts';
import {documented} from './documented.ts';
import {app, COMMIT, FakeView} from './fake-view.ts';

const HEADERS = {authorization: 'Bearer right-token', 'x-flynn-author': 'Ann <ann@example.com>'};
const FOLLOWED: SourceStatus = {git: 'https://git.example.com/shop.git', branch: 'main', intervalSeconds: 60, hasHook: true, state: 'deployed', commit: COMMIT, release: 3};

function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop'), app('blog')]};
  view.followed = {shop: FOLLOWED};
  const server = createServer({view, authenticate: createAuthenticate({token: 'right-token', operator: {name: 'operator', email: 'operator@flynn.localhost'}}), log: () => {}});
  t.teardown(() => server.close());
  documented(t, server);
  return {view, server};
}

for (const [method, url] of [['GET', '/v1/apps/shop/source'], ['POST', '/v1/apps/shop/source/sync'], ['POST', '/v1/apps/shop/source/hook']] as const) {
  test(`${method} ${url} needs the token`, async (t) => {
    const {server, view} = subject(t);
    t.is((await server.inject({method, url, ...(method === 'POST' && {payload: {secret: 'x'.repeat(32)}})})).statusCode, 401);
    t.deepEqual(view.repo.commits, []);
  });
}

test('tells how a source is followed, and that an app has none', async (t) => {
  const {server} = subject(t);
  t.deepEqual((await server.inject({url: '/v1/apps/shop/source', headers: HEADERS})).json(), FOLLOWED);
  const none = await server.inject({url: '/v1/apps/blog/source', headers: HEADERS});
  t.is(none.statusCode, 404);
  t.regex((none.json() as {detail: string}).detail, /has no source elsewhere: it is deployed by git push/);
});

test('a look that somebody asks for is told line by line', async (t) => {
  const {server} = subject(t);
  const answer = await server.inject({method: 'POST', url: '/v1/apps/shop/source/sync', headers: HEADERS, payload: {}});
  t.deepEqual(answer.body.trim().split('\n').map((line) => JSON.parse(line) as unknown), [{print: '-----> Building on the Flynn stack'}, {source: FOLLOWED}, {end: true}]);
});

const outcomes: readonly (readonly [HookOutcome, number])[] = [[{result: 'accepted'}, 202], [{result: 'ignored', why: 'a tag'}, 200], [{result: 'refused'}, 401], [{result: 'unknown'}, 404]];
for (const [outcome, status] of outcomes) {
  test(`a webhook that is ${outcome.result} is answered with ${status}`, async (t) => {
    const {server, view} = subject(t);
    view.hookOutcome = outcome;
    const answer = await server.inject({method: 'POST', url: '/v1/hooks/shop', headers: {'content-type': 'application/json'}, payload: '{"ref": not even JSON'});
    t.is(answer.statusCode, status);
    t.deepEqual(view.hooks, [{app: 'shop' as never, body: '{"ref": not even JSON'}], 'it gets the bytes as they came');
  });
}

test('a webhook may be a form, and may not be huge', async (t) => {
  const {server, view} = subject(t);
  view.hookOutcome = {result: 'accepted'};
  const post = (payload: string) => server.inject({method: 'POST', url: '/v1/hooks/shop', headers: {'content-type': 'application/x-www-form-urlencoded'}, payload});
  t.is((await post('payload=%7B%7D')).statusCode, 202);
  t.is((await post('x'.repeat(5 * 1024 * 1024 + 1))).statusCode, 413);
  t.is(view.hooks.length, 1);
});

test('a secret that is too easy is refused', async (t) => {
  const {server, view} = subject(t);
  for (const secret of ['short', 'has a space in it, which is bad', 7, undefined]) {
    t.is((await server.inject({method: 'POST', url: '/v1/apps/shop/source/hook', headers: HEADERS, payload: {secret}})).statusCode, 400);
  }
  t.deepEqual(view.repo.commits, []);
});

test("the forge's webhook is the cluster's own: no app can take its place", async (t) => {
  const {server} = subject(t);
  const send = (headers: Record<string, string>) => server.inject({method: 'POST', url: '/v1/hooks/cluster', headers: {'content-type': 'application/json', ...headers}, payload: '{}'});
  t.deepEqual([(await send({'x-gitlab-token': 'good'})).statusCode, (await send({'x-gitlab-token': 'bad'})).statusCode, (await send({})).statusCode], [202, 401, 401]);
});
