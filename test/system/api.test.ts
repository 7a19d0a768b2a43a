import {once} from 'node:events';
import {get as httpGet, request as httpRequest, type IncomingMessage} from 'node:http';
import test from 'ava';
import type {Document} from '../../reconciler/api/openapi/document.ts';
import {TrialNode} from '../support/trial-node.ts';

// The HTTP API of a real node, through its router.

let node: TrialNode;
let token: string;

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  token = await node.token();
  await node.deployed('shop', 'quick');
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

interface Answer<Body> {
  readonly status: number;
  readonly etag: string;
  readonly body: Body;
}

async function ask<Body = Record<string, unknown>>(method: string, path: string, {body, headers = {}}: {readonly body?: unknown; readonly headers?: Readonly<Record<string, string>>} = {}): Promise<Answer<Body>> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  // Each on a connection of its own: one that is kept may be closed by a Caddy that another one takes over from.
  const request = httpRequest({...place(path), method, agent: false, headers: {host: 'api.flynn.localhost', authorization: `Bearer ${token}`, ...(text !== undefined && {'content-type': 'application/json'}), ...headers}});
  const [response] = await once(request.end(text), 'response') as [IncomingMessage];
  let answer = '';
  for await (const chunk of response.setEncoding('utf8')) answer += String(chunk);
  return {status: response.statusCode ?? 0, etag: String(response.headers['etag']), body: (answer === '' ? {} : JSON.parse(answer)) as Body};
}

/** Through the router, as people come. */
function place(path: string): {readonly host: string; readonly port: number; readonly path: string} {
  return {host: '127.0.0.1', port: node.httpPort, path};
}

test.serial('the document and its page come through the router, and need no token', async (t) => {
  const {status, body} = await ask<Document>('GET', '/openapi.json', {headers: {authorization: ''}});
  t.deepEqual([status, body.openapi], [200, '3.1.0']);
  const request = httpGet({...place('/docs'), agent: false, headers: {host: 'api.flynn.localhost'}});
  const [page] = await once(request, 'response') as [IncomingMessage];
  t.deepEqual([page.statusCode, page.headers['content-type']], [200, 'text/html; charset=utf-8']);
  page.resume();
});

test.serial('what was written is read by the next question, of whatever kind', async (t) => {
  t.timeout(120_000);
  const wrote = async (method: string, path: string, body?: unknown) => {
    const answer = await ask(method, path, {body});
    t.true(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  };
  const read = async <Body>(path: string) => (await ask<Body>('GET', path)).body;

  await wrote('POST', '/v1/apps', {name: 'blog'});
  t.like(await read('/v1/apps/blog'), {name: 'blog'});
  t.deepEqual((await read<readonly {name: string}[]>('/v1/apps')).map(({name}) => name).toSorted(), ['blog', 'shop']);
  await wrote('POST', '/v1/apps/shop/scale', {services: {web: 2}});
  t.like(await read('/v1/apps/shop'), {services: [{name: 'web', wanted: 2}]});
  t.like(await read('/v1/apps/shop/services/web'), {replicas: 2, status: {wanted: 2}});
  await wrote('POST', '/v1/apps/blog/services', {name: 'worker', command: 'node worker.js'});
  t.like(await read('/v1/apps/blog/services/worker'), {settings: {command: 'node worker.js'}});
  await wrote('DELETE', '/v1/apps/blog/services/worker');
  t.deepEqual(await read('/v1/apps/blog/services'), []);
  await wrote('POST', '/v1/apps/blog/env', {set: {LOG_LEVEL: 'info'}});
  t.like(await read('/v1/apps/blog/env'), {env: {LOG_LEVEL: 'info'}});
  await wrote('POST', '/v1/apps/blog/env', {set: {API_KEY: 'canary'}, secret: true});
  t.like(await read('/v1/apps/blog/env'), {secrets: ['API_KEY']});
  await wrote('POST', '/v1/apps/shop/domains', {host: 'www.example.com'});
  t.true((await read<readonly {host: string}[]>('/v1/apps/shop/domains')).some(({host}) => host === 'www.example.com'));
  await wrote('DELETE', '/v1/apps/shop/domains/www.example.com');
  t.false((await read<readonly {host: string}[]>('/v1/apps/shop/domains')).some(({host}) => host === 'www.example.com'));
  await wrote('POST', '/v1/apps/blog/maintenance', {on: true});
  t.like(await read('/v1/apps/blog'), {isInMaintenance: true});
  await wrote('POST', '/v1/drains', {app: 'blog', drain: {url: 'syslog://127.0.0.1:9'}});
  t.like(await read('/v1/drains?app=blog'), [{app: 'blog', url: 'syslog://127.0.0.1:9'}]);
  await wrote('POST', '/v1/people', {user: 'ann', name: 'Ann', email: 'ann@example.com', role: 'viewer'});
  t.true((await read<readonly {user: string}[]>('/v1/people')).some(({user}) => user === 'ann'));
  await wrote('POST', '/v1/people/ann/remove', {});
  t.false((await read<readonly {user: string}[]>('/v1/people')).some(({user}) => user === 'ann'));
  await wrote('POST', '/v1/apps/blog/destroy', {confirm: 'blog'});
  t.is((await ask('GET', '/v1/apps/blog')).status, 404);
});

test.serial('of 20 who change what they have seen, one does; who waits hears that it serves', async (t) => {
  t.timeout(120_000);
  const {etag} = await ask('GET', '/v1/apps/shop');
  const racing = await Promise.all(Array.from({length: 20}, (_, number) => ask('PATCH', '/v1/apps/shop/services/web', {body: {stopGraceSeconds: number + 1}, headers: {'if-match': etag}})));
  t.deepEqual(racing.map(({status}) => status).toSorted(), [200, ...Array.from({length: 19}, () => 412)]);
  const {status, body} = await ask<{outcome: {result: string}}>('POST', '/v1/apps/shop/scale?wait=true', {body: {services: {web: 1}}});
  t.deepEqual([status, body.outcome.result], [200, 'healthy']);
});

test.serial('a commit is followed to its end as events', async (t) => {
  t.timeout(120_000);
  const {body} = await ask<{commit: string}>('POST', '/v1/apps/shop/env', {body: {set: {GREETING: 'hello'}}});
  const request = httpGet({...place(`/v1/commits/${body.commit}/status`), agent: false, headers: {host: 'api.flynn.localhost', authorization: `Bearer ${token}`, accept: 'text/event-stream'}});
  const [response] = await once(request, 'response') as [IncomingMessage];
  let told = '';
  for await (const chunk of response.setEncoding('utf8')) told += String(chunk);
  t.regex(told, /event: status\ndata: \{.*"state":"healthy".*\n\nevent: end\n/);
  t.like((await ask('GET', `/v1/commits/${body.commit.slice(0, 8)}/status`)).body, {commit: body.commit, state: 'healthy', apps: [{app: 'shop', state: 'healthy'}]});
});
