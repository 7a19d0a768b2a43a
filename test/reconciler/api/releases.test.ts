import test, {type ExecutionContext} from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {documented} from './documented.ts';
import {app, FakeView} from './fake-view.ts';

const HEADERS = {authorization: 'Bearer right-token', 'x-flynn-author': 'Ann Lee <ann@example.com>'};

function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop')]};
  const server = createServer({view, authenticate: createAuthenticate({token: 'right-token', operator: {name: 'operator', email: 'operator@flynn.localhost'}}), log: (message, error) => t.log(message, error)});
  t.teardown(() => server.close());
  documented(t, server);
  const post = (url: string, payload: object, headers: Readonly<Record<string, string>> = {}) => server.inject({method: 'POST', url, payload, headers: {...HEADERS, ...headers}});
  return {view, server, post};
}

for (const [method, url] of [
  ['GET', '/v1/apps/shop/releases'], ['GET', '/v1/apps/shop/releases/1'], ['GET', '/v1/apps/shop/history'], ['GET', '/v1/apps/shop/rollback'],
  ['POST', '/v1/apps/shop/releases'], ['POST', '/v1/apps/shop/rollback'], ['POST', '/v1/apps/shop/maintenance'], ['POST', '/v1/apps/shop/destroy'],
] as const) {
  test(`${method} ${url} needs the token`, async (t) => {
    const {server, view} = subject(t);
    const answer = await server.inject({method, url, ...(method === 'POST' ? {payload: {image: 'nginx', on: true, confirm: 'shop'}} : {})});
    t.is(answer.statusCode, 401);
    t.deepEqual([view.repo.commits, view.releases.wishes], [[], []]);
  });
}

test('a rollback is told line by line, and its author is the one who asked', async (t) => {
  const {view, post} = subject(t);
  view.releases.lines = [{print: '-----> Launching...'}, {outcome: {result: 'healthy', release: 4, urls: []}}];
  const answer = await post('/v1/apps/shop/rollback', {to: 'v2', from: 3}, {'idempotency-key': 'wish-0001'});
  t.deepEqual(answer.body.split('\n').filter((line) => line !== ''), ['{"print":"-----> Launching..."}', '{"outcome":{"result":"healthy","release":4,"urls":[]}}', '{"end":true}']);
  t.deepEqual(view.releases.wishes, [{kind: 'rollback', wish: {isCodeOnly: false, to: 2, from: 3}, by: 'Ann Lee', operationId: 'rollback shop wish-0001'}]);
});

test('what a rollback is refused for is the last line', async (t) => {
  const {view, post} = subject(t);
  view.releases.refusal = 'v2 is the current release already';
  t.regex((await post('/v1/apps/shop/rollback', {to: 2})).body, /\{"problem":\{"type":"about:blank","status":409,"title":"Conflict","detail":"v2 is the current release already"\}\}\n$/);
});

test('an image is asked for with its service, command and port', async (t) => {
  const {view, post} = subject(t);
  await post('/v1/apps/shop/releases', {image: 'nginx:1.27'});
  await post('/v1/apps/shop/releases', {image: 'worker:dev', pull: true, service: 'worker', command: ['node', 'worker.js'], port: 9000});
  t.deepEqual(view.releases.wishes.map(({wish}) => wish), [
    {image: 'nginx:1.27', isPulled: false, service: 'web', command: []},
    {image: 'worker:dev', isPulled: true, service: 'worker', command: ['node', 'worker.js'], port: 9000},
  ]);
});

for (const [url, payload, detail] of [
  ['/v1/apps/shop/rollback', {to: 0}, 'to must be the number of a release such as 3 or v3, not "0"'],
  ['/v1/apps/shop/rollback', {to: 2, form: 3}, 'unknown field "form"; did you mean "from"?'],
  ['/v1/apps/shop/rollback', {codeOnly: 'yes'}, 'codeOnly must be true or false, not "yes"'],
  ['/v1/apps/shop/releases', {}, 'the body has to be a JSON object with "image"'],
  ['/v1/apps/shop/releases', {image: 'nginx', service: 'Web'}, '"Web" can\'t name a service'],
  ['/v1/apps/shop/releases', {image: 'nginx', command: 'run'}, 'command must be a list, not "run"'],
  ['/v1/apps/shop/releases', {image: 'nginx', port: 0}, 'port must be a whole number from 1 to 65535, not "0"'],
  ['/v1/apps/shop/maintenance', {on: 'on'}, 'on must be true or false, not "on"'],
  ['/v1/apps/shop/destroy', {confirm: 'blog'}, 'confirm is "blog"; it has to be the name of the app, "shop"'],
] as const) {
  test(`POST ${url} ${JSON.stringify(payload)} is refused`, async (t) => {
    const {view, post} = subject(t);
    const answer = await post(url, payload);
    t.like(answer.json(), {status: 400, detail});
    t.deepEqual([view.repo.commits, view.releases.wishes], [[], []]);
  });
}

for (const [number, status, detail] of [
  ['9', 404, '⬢ shop never had a release v9'], ['v9', 404, '⬢ shop never had a release v9'],
  ...['1e1', '0x1', '%201', '1.0', 'v', '0', '-1'].map((text) => [text, 400, `"${decodeURIComponent(text)}" is not the number of a release such as 3 or v3`] as const),
] as const) {
  test(`GET of release ${number} is answered with ${status}`, async (t) => {
    const answer = await subject(t).server.inject({url: `/v1/apps/shop/releases/${number}`, headers: HEADERS});
    t.like(answer.json(), {status, detail});
  });
}

test('maintenance and destroy are commits', async (t) => {
  const {view, post} = subject(t);
  view.repo.files.set('apps/shop/app.yaml', 'apiVersion: flynn/v1\nkind: App\n');
  t.is((await post('/v1/apps/shop/maintenance', {on: true})).statusCode, 200);
  t.regex(view.repo.files.get('apps/shop/app.yaml') ?? '', /^maintenance: true$/m);
  t.is((await post('/v1/apps/shop/destroy', {confirm: 'shop'})).statusCode, 200);
  t.deepEqual([...view.repo.files], []);
  t.deepEqual(view.repo.commits.map(({message, author}) => `${author.name}: ${message}`), ['Ann Lee: shop: maintenance on', 'Ann Lee: shop: destroy']);
});
