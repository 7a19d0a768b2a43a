import {createHash} from 'node:crypto';
import test, {type ExecutionContext} from 'ava';
import type {FastifyInstance} from 'fastify';
import {accessOf} from '../../../reconciler/access/access.ts';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {ROUTE_RIGHTS} from '../../../reconciler/api/permit.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {file, head} from '../../support/manifests.ts';
import {documented} from './documented.ts';
import {app, FakeView} from './fake-view.ts';

const NOW_MS = Date.parse('2027-01-15T12:00:00Z');
/** Tokens are their owners' names here. */
const PEOPLE = {
  vic: 'role: viewer\n',
  dee: 'apps: {shop: deployer}\n',
  max: 'apps: {shop: maintainer}\n',
  ada: 'role: admin\n',
  non: '',
};

function hashOf(token: string): string {
  return `sha256:${createHash('sha256').update(token).digest('hex')}`;
}

function subject(t: ExecutionContext): {readonly server: FastifyInstance; readonly view: FakeView; ask(who: string, method: 'GET' | 'POST', url: string, payload?: object): Promise<{readonly status: number; readonly body: unknown}>} {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop'), app('blog')]};
  const files = Object.entries(PEOPLE).map(([user, more]) => file(`people/${user}.yaml`, `${head('Person')}name: ${user}\nemail: ${user}@example.com\n${more}tokens: {t: {hash: "${hashOf(user)}"}, old: {hash: "${hashOf(`old-${user}`)}", expires: 2027-01-14}, ci: {hash: "${hashOf(`ci-${user}`)}", apps: [blog]}}\n`));
  for (const {path, ...rest} of files) if (rest.kind === 'text') view.repo.files.set(path, rest.text);
  const server = createServer({view, authenticate: createAuthenticate({token: 'node-token', operator: {name: 'operator', email: 'o@n'}, access: () => accessOf(files).access, nowMs: () => NOW_MS}), log: () => {}});
  t.teardown(() => server.close());
  documented(t, server);
  return {server, view, async ask(who, method, url, payload) {
    const answer = await server.inject({method, url, headers: {authorization: `Bearer ${who}`}, ...(method === 'POST' && {payload: payload ?? {}})});
    return {status: answer.statusCode, body: answer.json() as unknown};
  }};
}

test('every route says what it takes, and no line is of a route that is gone', async (t) => {
  const {server} = subject(t);
  const routes: string[] = [];
  const {printRoutes} = server;
  await server.ready();
  // `/v1/apps/:app (GET, HEAD)` below its parents, indented by four for each.
  const path: string[] = [];
  for (const line of printRoutes.call(server, {commonPrefix: false}).split('\n')) {
    const [, indent = '', part, methods = ''] = /^([│ ]*)[├└]── (\S+) \(([^)]+)\)/.exec(line) ?? [];
    if (part === undefined) continue;
    const depth = indent.length / 4;
    path.splice(depth, path.length, part);
    const url = path.slice(0, depth + 1).join('').replace(/\/?\*$/, '/*');
    for (const method of methods.split(', ')) if (method !== 'HEAD' && url.startsWith('/v1/') && !url.startsWith('/v1/hooks/')) routes.push(`${method} ${url}`);
  }
  t.true(routes.length > 40);
  t.deepEqual(Object.keys(ROUTE_RIGHTS).toSorted(), routes.toSorted());
});

test('what somebody may not do is refused with the role that it takes, and nothing is changed', async (t) => {
  const {ask, view} = subject(t);
  for (const [who, method, url] of [
    ['vic', 'POST', '/v1/apps/shop/scale'], ['dee', 'POST', '/v1/apps/blog/scale'], ['dee', 'POST', '/v1/apps/shop/env'], ['dee', 'POST', '/v1/apps'], ['max', 'POST', '/v1/apps/shop/destroy'],
    ['max', 'GET', '/v1/plan'], ['max', 'GET', '/v1/audit'], ['vic', 'POST', '/v1/people'], ['max', 'POST', '/v1/people/max/remove'], ['max', 'POST', '/v1/drains'], ['non', 'GET', '/v1/status'],
    ['ci-ada', 'GET', '/v1/plan'], ['ci-ada', 'POST', '/v1/apps/shop/scale'], ['max', 'POST', '/v1/confirm'], ['max', 'GET', '/v1/apps/blog'],
  ] as const) {
    const {status, body} = await ask(who, method, url, url === '/v1/drains' ? {app: 'blog', drain: {url: 'syslog://logs.example.com'}} : {});
    t.is(status, 403, `${who} ${method} ${url}`);
    t.regex((body as {detail: string}).detail, /^\w+(, with the limited token "ci",)? may not .*: that takes the role \w+ for /);
  }
  t.deepEqual(view.repo.commits, []);
});

test('what somebody may do is done in his name, whatever name he gives', async (t) => {
  const {server, view, ask} = subject(t);
  view.repo.files.set('apps/shop/app.yaml', 'apiVersion: flynn/v1\nkind: App\nservices:\n  web:\n    replicas: 2\n');
  const answer = await server.inject({method: 'POST', url: '/v1/apps/shop/scale', headers: {'authorization': 'Bearer dee', 'x-flynn-author': 'Ada <ada@example.com>'}, payload: {services: {web: 3}}});
  t.is(answer.statusCode, 200);
  t.deepEqual(view.repo.commits.map(({author}) => author), [{name: 'dee', email: 'dee@example.com'}]);
  t.deepEqual((await ask('dee', 'GET', '/v1/whoami')).body, {user: 'dee', name: 'dee', email: 'dee@example.com', token: 't'});
});

test('lists have only what may be seen', async (t) => {
  const {ask} = subject(t);
  const names = async (who: string) => ((await ask(who, 'GET', '/v1/apps')).body as readonly {name: string}[]).map(({name}) => name);
  t.deepEqual(await names('dee'), ['shop']);
  t.deepEqual(await names('vic'), ['shop', 'blog']);
  t.deepEqual(((await ask('dee', 'GET', '/v1/status')).body as {apps: readonly {name: string}[]}).apps.map(({name}) => name), ['shop']);
});

test('a token that has expired, and a wrong one, are nobody\'s', async (t) => {
  const {ask} = subject(t);
  t.is((await ask('old-ada', 'GET', '/v1/status')).status, 401);
  t.is((await ask('eve', 'GET', '/v1/status')).status, 401);
});

test('people make tokens of their own, but not with one that is good for less', async (t) => {
  const {ask, view} = subject(t);
  const hash = hashOf('new');
  t.is((await ask('ci-dee', 'POST', '/v1/people/dee/tokens', {name: 'more', hash})).status, 403);
  t.is((await ask('dee', 'POST', '/v1/people/max/tokens', {name: 'more', hash})).status, 403);
  t.is((await ask('dee', 'POST', '/v1/people/dee/tokens', {name: 'more', hash, role: 'viewer'})).status, 200);
  t.regex(view.repo.files.get('people/dee.yaml') ?? '', new RegExp(`more: \\{role: "viewer", hash: "${hash}"\\}`));
  t.is((await ask('dee', 'POST', '/v1/people/dee/tokens/more/remove')).status, 200);
  t.notRegex(view.repo.files.get('people/dee.yaml') ?? '', /more/);
});

test('who tries out tokens has to wait, and others do not', async (t) => {
  const {server} = subject(t);
  const ask = async (token: string, from: string) => (await server.inject({url: '/v1/status', headers: {'authorization': `Bearer ${token}`, 'x-forwarded-for': from}})).statusCode;
  const statuses = [];
  for (let tries = 0; tries < 30; tries += 1) statuses.push(await ask(`guess-${tries}`, '203.0.113.7'));
  t.is(statuses[0], 401);
  t.is(statuses.at(-1), 429);
  t.is(await ask('node-token', '203.0.113.7'), 429);
  t.is(await ask('node-token', '203.0.113.8'), 200);
});
