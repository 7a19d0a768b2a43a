import {createHash} from 'node:crypto';
import test, {type ExecutionContext} from 'ava';
import {accessOf} from '../../../reconciler/access/access.ts';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {foreignOrigin} from '../../../reconciler/api/origin.ts';
import {Refusals} from '../../../reconciler/api/refusals.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import type {NewAuditEntry} from '../../../reconciler/oneshot/oneshot.ts';
import {file, head} from '../../support/manifests.ts';
import {app, FakeView} from './fake-view.ts';

// What somebody with a token of his own may try on the API.

/** Tokens are their owners' names. */
const PEOPLE = {dee: 'role: deployer\n', max: 'role: maintainer\n', 'shop-dee': 'apps: {shop: deployer}\n'};

function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop'), app('blog')]};
  view.repo.files.set('apps/shop/app.yaml', `${head('App')}services: {web: {replicas: 2}}\n`);
  const files = Object.entries(PEOPLE).map(([user, more]) => file(`people/${user}.yaml`, `${head('Person')}name: ${user}\nemail: ${user}@example.com\n${more}tokens: {t: {hash: "sha256:${createHash('sha256').update(user).digest('hex')}"}}\n`));
  const {access} = accessOf(files);
  const server = createServer({view, authenticate: createAuthenticate({token: 'node-token', operator: {name: 'operator', email: 'o@n'}, access: () => access}), log: () => {}});
  t.teardown(() => server.close());
  const ask = async (who: string, line: string, {body, headers = {}}: {body?: object; headers?: Readonly<Record<string, string>>} = {}) => {
    const [method = 'GET', url = ''] = line.split(' ') as ['GET' | 'POST' | 'DELETE', string];
    const answer = await server.inject({method, url, headers: {authorization: `Bearer ${who}`, host: 'api.flynn.test', ...headers}, ...(body !== undefined && {payload: body})});
    return {status: answer.statusCode, detail: (answer.json() as {detail?: string}).detail ?? '', body: answer.json() as Record<string, unknown>};
  };
  return {view, ask, refused: () => view.audit.entries.filter(({action}) => action === 'refused')};
}

const climbs = test.macro<[string, object?]>(async (t, line, body) => {
  const {ask, refused, view} = subject(t);
  const {status, detail} = await ask('max', line, body === undefined ? {} : {body});
  t.true([400, 403, 404].includes(status), `${status}`);
  t.regex(detail, /can't name|has to be|is not the number|there is no/);
  t.is(refused().length, 1);
  t.is(refused()[0]?.user, 'max');
  t.deepEqual(view.repo.commits, []);
});
test('an app is no way out of its folder', climbs, 'GET /v1/apps/..%2Fcluster');
test('nor is one with its dots in escapes', climbs, 'GET /v1/apps/%2e%2e%2f%2e%2e%2fetc/logs');
test('nor one with backslashes', climbs, 'GET /v1/apps/..%5C..%5Cetc');
test('nor one that ends early', climbs, 'GET /v1/apps/shop%00.yaml');
test('nor a new one', climbs, 'POST /v1/apps', {name: '../people/max'});
test('nor one that is scaled', climbs, 'POST /v1/apps/..%2Fpeople/scale', {services: {web: 1}});
test('nor a release', climbs, 'GET /v1/apps/shop/releases/..%2F..%2Fapp.yaml');
test('nor a build', climbs, 'GET /v1/apps/shop/builds/..%2F1/log');
test('nor a replica', climbs, 'POST /v1/apps/shop/replicas/..%2Fblog.web.1/kill', {});
test('nor a volume', climbs, 'GET /v1/apps/shop/volumes/..%2Fblog/backup');
test('nor a cron job', climbs, 'POST /v1/apps/shop/cron/..%2F..%2Fx/runs', {});
test('nor a run of one', climbs, 'GET /v1/apps/shop/cron/nightly/runs/..%2F..%2F..%2Fidentity/log');

test('what a handler refuses is in the audit log too', async (t) => {
  const {ask, refused} = subject(t);
  t.is((await ask('dee', 'POST /v1/drains', {body: {app: 'shop', drain: {url: 'http://169.254.169.254/'}}})).status, 403);
  t.like(refused(), [{user: 'dee', subject: 'app.edit', app: 'shop'}]);
});

test('a web page of somebody else asks in vain, whatever password its browser knows', async (t) => {
  const {ask, refused, view} = subject(t);
  const basic = `Basic ${Buffer.from('x:max').toString('base64')}`;
  for (const origin of ['https://evil.example', 'http://api.flynn.test:8080', 'null', 'https://api.flynn.test.evil.example']) {
    const {status, detail} = await ask('max', 'POST /v1/apps/shop/restart', {headers: {authorization: basic, origin}});
    t.is(status, 403, origin);
    t.is(detail, `this was asked for by a web page of ${origin}, which is not this API's own`);
    // As a browser opens a websocket.
    t.is((await ask('max', 'GET /v1/apps/shop/run', {headers: {authorization: basic, origin, upgrade: 'websocket', connection: 'Upgrade'}})).status, 403);
  }
  t.is(refused().length, 8);
  t.deepEqual(view.oneShot.asked, []);
  t.is((await ask('max', 'POST /v1/apps/shop/restart', {headers: {origin: 'http://api.flynn.test'}})).status, 200);
});

test('an origin is compared with the host that was asked', (t) => {
  t.is(foreignOrigin({origin: 'https://api.flynn.test', host: 'API.flynn.test:443'}), undefined);
  t.is(foreignOrigin({origin: 'http://api.flynn.test:8080', host: 'api.flynn.test:8080'}), undefined);
  t.is(foreignOrigin({host: 'api.flynn.test'}), undefined);
  t.is(foreignOrigin({origin: 'file://', host: ''}), 'file://');
});

test('no form of a web page is understood, which a browser would send without asking first', async (t) => {
  const {ask, view} = subject(t);
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    t.is((await ask('max', 'POST /v1/apps/shop/scale', {body: Buffer.from('{"services":{"web":9}}'), headers: {'content-type': type}})).status, 415, type);
  }
  t.deepEqual(view.repo.commits, []);
});

test("somebody else's idempotency key finds nothing, and does what was asked", async (t) => {
  const {ask, view} = subject(t);
  const headers = {'idempotency-key': 'key-of-dee-1'};
  const first = await ask('dee', 'POST /v1/apps/shop/scale', {body: {services: {web: 3}}, headers});
  const again = await ask('dee', 'POST /v1/apps/shop/scale', {body: {services: {web: 3}}, headers});
  t.like(again.body, {commit: first.body['commit'], isNew: false});
  const other = await ask('max', 'POST /v1/apps/shop/scale', {body: {services: {web: 4}}, headers});
  t.true(other.body['isNew']);
  t.not(other.body['commit'], first.body['commit']);
  t.deepEqual(view.repo.commits.map(({author}) => author.name), ['dee', 'max']);
});

test('a rollback is joined by who asked for it, for the same app', async (t) => {
  const {ask, view} = subject(t);
  for (const [who, name] of [['dee', 'shop'], ['max', 'shop'], ['dee', 'blog']] as const) await ask(who, `POST /v1/apps/${name}/rollback`, {body: {}, headers: {'idempotency-key': 'key-of-dee-2'}}).catch(() => undefined);
  t.is(new Set(view.releases.wishes.map(({operationId}) => operationId)).size, 3);
});

test('many refusals are a few lines, and say how many they were', async (t) => {
  const lines: NewAuditEntry[] = [];
  const refusals = new Refusals({add: async (entry) => void lines.push(entry)});
  for (let index = 0; index < 100; index += 1) await refusals.add({actor: 'dee', user: 'dee', action: 'refused', subject: 'app.scale'}, 1000);
  t.is(lines.length, 60);
  await refusals.add({actor: 'max', user: 'max', action: 'refused', subject: 'app.scale'}, 1000);
  t.is(lines.at(-1)?.subject, 'app.scale');
  await refusals.add({actor: 'dee', user: 'dee', action: 'refused', subject: 'app.run'}, 61_000);
  t.is(lines.at(-1)?.subject, 'app.run (and 40 refusals before it)');
  await refusals.add({actor: 'dee', user: 'dee', action: 'refused', subject: 'app.run'}, 61_000);
  t.is(lines.at(-1)?.subject, 'app.run');
});

test('a prototype is no app, and no service', async (t) => {
  const {ask, view} = subject(t);
  for (const name of ['__proto__', 'constructor', 'hasownproperty']) {
    t.true([400, 404].includes((await ask('max', `GET /v1/apps/${name}`)).status), name);
    t.true([400, 404, 409].includes((await ask('max', 'POST /v1/apps/shop/scale', {body: JSON.parse(`{"services":{"${name}":1}}`) as object})).status), name);
  }
  t.deepEqual(view.repo.commits, []);
});
