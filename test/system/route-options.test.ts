import {once} from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import {setTimeout as letGo} from 'node:timers/promises';
import {gunzipSync, zstdDecompressSync} from 'node:zlib';
import test from 'ava';
import {loadRoutes, publishNames} from '../../reconciler/apply/router.ts';
import type {AppName} from '../../schemas/ids.ts';
import type {RouteOptions} from '../../reconciler/desired/state.ts';
import type {Target} from '../../reconciler/observed/state.ts';
import type {StructuredHost} from '../../reconciler/observed/structure.ts';
import {maintenanceTarget} from '../../reconciler/router/caddy/config.ts';
import {serviceName} from '../../reconciler/router/names.ts';
import {HOLD_MS, REFRESH_MS} from '../../reconciler/router/times.ts';
import {startGrpcBackend, startOptionsBackend, type OptionsBackend} from '../support/options-backend.ts';
import {ask, type Answer, type Question} from '../support/trial-client.ts';
import {startTrialRouter, until, type TrialRouter} from '../support/trial-router.ts';

const SIGNAL = new AbortController().signal;
/** "s3cret". */
const ANN = 'ann:$2b$04$BoKFmTPJJkRQPklfa1oMNOKqMhwdCMAwFuEchG5MDU9iBjbTkOTxO';
const TRICKY = 'a{env.HOME}b{http.request.host} \\{c\\} }{';

/** A host each, loaded together. */
const HOSTS = {
  plain: {},
  once: {},
  sticky: {stickyCookie: 'stay'},
  round: {balance: 'round-robin'},
  least: {balance: 'least-conn'},
  hash: {balance: 'ip-hash'},
  grpc: {isH2c: true},
  body: {bodyBytesMax: 1000},
  times: {responseMs: 1000, idleMs: 1000, waitMs: 1000},
  empty: {waitMs: 1000},
  small: {isCompressed: true},
  edited: {
    request: {set: {'X-Tricky': TRICKY, 'x-set': 'new'}, add: {'X-Added': '2'}, remove: ['Cookie']},
    response: {set: {'X-Old': 'new', 'X-Tricky': TRICKY}, add: {'Set-Cookie': 'a=b'}, remove: ['x-powered-by']},
  },
  secret: {basicAuth: {realm: 'The shop', sealedUsers: ANN}},
  broken: {basicAuth: {realm: 'The shop', sealedUsers: 'not what it should be'}},
  allowed: {allow: ['127.0.0.8/30', '2001:db8::/32']},
  denied: {deny: ['127.0.0.9/32']},
} as const satisfies Readonly<Record<string, RouteOptions>>;

let router: TrialRouter;
let one: OptionsBackend;
let two: OptionsBackend;
let grpc: OptionsBackend;

test.before(async () => {
  router = await startTrialRouter(SIGNAL);
  [one, two, grpc] = await Promise.all([startOptionsBackend('one'), startOptionsBackend('two'), startGrpcBackend()]);
  const names = Object.keys(HOSTS).map((host): [string, readonly Target[]] => [serviceName(host, 'o'), host === 'grpc' ? [grpc] : host === 'empty' ? [] : [one, two]]);
  await publishNames(new Map([...names, [serviceName('work', 'o'), [maintenanceTarget(router.settings)]]]), router, SIGNAL);
  await load();
});
test.after.always(async () => {
  for (const backend of [one, two, grpc]) backend?.close();
  await router?.remove();
});

/** Pages of an app that has three hosts, one of them with another app. */
const PAGES = {maintenance: `<h1>Painting ${TRICKY}</h1>`, '403': '<h1>Not you</h1>', '404': '<h1>Lost</h1>', '503': `<h1>Gone ${TRICKY}</h1>`};
const SHOP = 'shop' as AppName;
const PAGED: readonly StructuredHost[] = [
  {host: 'away.test', paths: [{path: '/', name: serviceName('empty', 'o'), pagesOf: SHOP}]},
  {host: 'paths.test', paths: [{path: '/in', name: serviceName('plain', 'o'), pagesOf: SHOP, options: {deny: ['127.0.0.9/32']}}]},
  {host: 'work.test', paths: [{path: '/', name: serviceName('work', 'o'), pagesOf: SHOP}]},
  {host: 'shared.test', paths: [{path: '/in', name: serviceName('work', 'o'), pagesOf: SHOP}, {path: '/', name: serviceName('empty', 'o')}]},
];

async function load(trustedProxies?: readonly string[]): Promise<void> {
  const hosts = Object.entries(HOSTS).map(([host, options]): StructuredHost => ({host: `${host}.test`, paths: [{path: '/', name: serviceName(host, 'o'), options}]}));
  const pages = [{app: SHOP, hosts: ['away.test', 'paths.test', 'work.test'], errorPages: PAGES}];
  await loadRoutes({hosts: [...hosts, ...PAGED], pages, ...(trustedProxies && {trustedProxies})}, router, SIGNAL);
}

const to = (host: keyof typeof HOSTS, question: Partial<Question> = {}): Promise<Answer> => ask({port: router.settings.httpPort, host: `${host}.test`, ...question});

async function bodies(count: number, question: () => Promise<Answer>): Promise<readonly string[]> {
  const all: string[] = [];
  for (let n = 0; n < count; n += 1) all.push((await question()).body);
  return all;
}

test.serial('a sticky client stays with its replica; a cookie that nobody signed is worth nothing', async (t) => {
  const {body, headers} = await to('sticky');
  const [cookie = ''] = headers['set-cookie'] ?? [];
  t.regex(cookie, /^stay=[0-9a-f]{64}; Path=\//);
  const [pair = ''] = cookie.split(';');
  t.deepEqual(new Set(await bodies(10, () => to('sticky', {headers: {Cookie: pair}}))), new Set([body]));
  const forged = await to('sticky', {headers: {Cookie: `stay=${'0'.repeat(64)}`}});
  t.regex(forged.headers['set-cookie']?.[0] ?? '', /^stay=[0-9a-f]{64}/);
});

test.serial('round-robin takes turns, ip-hash keeps a client at one replica', async (t) => {
  let turns: readonly string[] = [];
  // Turns are taken in the order of an answer of the DNS server, and the next answer may have another order.
  await until('all six go by one answer', async () => {
    await letGo(2 * REFRESH_MS);
    const startedAtMs = performance.now();
    turns = await bodies(6, () => to('round'));
    return performance.now() - startedAtMs < REFRESH_MS;
  });
  t.is(turns.filter((body) => body === 'one').length, 3);
  const from = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6', '127.0.0.7', '127.0.1.2', '127.0.1.3'];
  const chosen = await Promise.all(from.map((address) => bodies(4, () => to('hash', {from: address}))));
  t.true(chosen.every((own) => new Set(own).size === 1));
});

test.serial('least-conn sends nobody to a replica that is busy', async (t) => {
  const abort = new AbortController();
  const hanging = http.get({port: router.settings.httpPort, host: '127.0.0.1', path: '/hang', headers: {Host: 'least.test'}, signal: abort.signal, agent: false});
  hanging.on('error', () => {});
  await until('the request hangs', async () => [...one.requests, ...two.requests].includes('GET /hang'));
  const busy = one.requests.includes('GET /hang') ? 'one' : 'two';
  const answers = await bodies(10, () => to('least'));
  abort.abort();
  t.deepEqual(new Set(answers), new Set([busy === 'one' ? 'two' : 'one']));
});

test.serial('gRPC passes: HTTP/2 to the client and to the service, both ways at once, with trailers', async (t) => {
  const api = http.createServer((_request, response) => response.end()).listen(router.settings.apiPort, '127.0.0.1');
  const client = http2.connect(`https://127.0.0.1:${router.settings.httpsPort}`, {servername: 'grpc.test', rejectUnauthorized: false});
  const stream = client.request({':method': 'POST', ':path': '/pack.Service/Echo', ':authority': 'grpc.test', te: 'trailers', 'content-type': 'application/grpc'});
  const trailers = once(stream, 'trailers') as Promise<[http2.IncomingHttpHeaders]>;
  stream.write('first');
  const [chunk] = await once(stream, 'data') as [Buffer];
  t.is(chunk.toString(), 'first', 'there before the request has ended');
  stream.end('second');
  const [{'grpc-status': status, 'grpc-message': message}] = await trailers;
  t.deepEqual([status, message, grpc.requests], ['0', 'te=trailers', ['POST /pack.Service/Echo']]);
  client.destroy();
  api.closeAllConnections();
  api.close();
});

test.serial('a body that is too large is answered 413, also one that does not say how long it is', async (t) => {
  const fits = await to('body', {path: '/length', method: 'POST', body: 'x'.repeat(1000)});
  t.deepEqual([fits.status, fits.body], [200, '1000']);
  const before = one.requests.length + two.requests.length;
  const said = await to('body', {path: '/length', method: 'POST', body: 'x'.repeat(1001)});
  t.is(said.status, 413);
  t.regex(said.body, /<h1>Too large<\/h1>/);
  t.is(one.requests.length + two.requests.length, before, 'nobody was asked');
  t.is((await to('body', {path: '/length', method: 'POST', body: 'x'.repeat(100_000), headers: {'Transfer-Encoding': 'chunked'}})).status, 413);
});

test.serial('a service that does not begin to answer is given up: 504, and asked once only', async (t) => {
  const before = [...one.requests, ...two.requests].filter((request) => request === 'GET /hang').length;
  const {status, body} = await to('times', {path: '/hang'});
  t.is(status, 504);
  t.regex(body, /<h1>No answer in time<\/h1>/);
  t.is([...one.requests, ...two.requests].filter((request) => request === 'GET /hang').length, before + 1);
});

test.serial('a service that stops in the midst of an answer is given up', async (t) => {
  await t.throwsAsync(to('times', {path: '/halting'}), {message: /aborted|terminated/});
});

test.serial('a request that a replica got and did not answer is not given to another one', async (t) => {
  const before = one.requests.length + two.requests.length;
  // On a connection that is new: Go's own client sends a GET again when a used one turns out to be closed.
  t.is((await to('once', {path: '/broken'})).status, 502);
  t.is(one.requests.length + two.requests.length, before + 1);
});

test.serial('a request waits for a replica as long as its route says', async (t) => {
  const {status, tookMs} = await to('empty');
  t.is(status, 503);
  t.true(tookMs >= 1000 && tookMs < HOLD_MS, `${tookMs} ms`);
});

test.serial('text is compressed for those who ask for it, event streams are not', async (t) => {
  const raw = (coding: string) => new Promise<{coding: string | undefined; bytes: Buffer}>((resolve, reject) => {
    http.get({port: router.settings.httpPort, host: '127.0.0.1', path: '/page', headers: {Host: 'small.test', 'Accept-Encoding': coding}, agent: false}, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({coding: response.headers['content-encoding'], bytes: Buffer.concat(chunks)});
    }).on('error', reject);
  });
  const [gzip, zstd, none] = await Promise.all([raw('gzip'), raw('zstd, gzip'), raw('identity')]);
  t.deepEqual([gzip.coding, zstd.coding, none.coding], ['gzip', 'zstd', undefined]);
  t.deepEqual([gunzipSync(gzip.bytes).length, zstdDecompressSync(zstd.bytes).length, none.bytes.length], [4096, 4096, 4096]);
  t.true(gzip.bytes.length < 200);
  const events = http.get({port: router.settings.httpPort, host: '127.0.0.1', path: '/events', headers: {Host: 'small.test', 'Accept-Encoding': 'gzip'}, agent: false});
  const [response] = await once(events, 'response') as [http.IncomingMessage];
  t.is(String((await once(response, 'data') as [Buffer])[0]), 'data: tick\n\n');
  events.destroy();
});

test.serial('headers are edited both ways, and what they say is never evaluated', async (t) => {
  const sent = JSON.parse((await to('edited', {path: '/headers', headers: {'X-Set': 'old', 'X-Added': '1', Cookie: 'c=1', 'X-Kept': 'kept'}})).body) as Record<string, string>;
  t.deepEqual([sent['x-tricky'], sent['x-set'], sent['x-added'], sent['cookie'], sent['x-kept']], [TRICKY, 'new', '1, 2', undefined, 'kept']);
  const {headers} = await to('edited', {path: '/edited'});
  t.deepEqual([headers['x-old'], headers['x-tricky'], headers['x-kept'], headers['x-powered-by'], headers['set-cookie']], ['new', TRICKY, 'kept', undefined, ['a=b']]);
});

test.serial('a route with users lets in who has a password, and nobody when its secret is not what it should be', async (t) => {
  const basic = (text: string) => ({Authorization: `Basic ${Buffer.from(text).toString('base64')}`});
  const refused = await to('secret');
  t.deepEqual([refused.status, refused.headers['www-authenticate']], [401, 'Basic realm="The shop"']);
  t.regex(refused.body, /<h1>Password needed<\/h1>/);
  t.is((await to('secret', {headers: basic('ann:wrong')})).status, 401);
  const posted = await to('secret', {path: '/length', method: 'POST', body: 'x'.repeat(5000), headers: basic('ann:s3cret')});
  t.deepEqual([posted.status, posted.body], [200, '5000']);
  t.is((await to('broken', {headers: basic('ann:s3cret')})).status, 401);
});

test.serial('clients from elsewhere are answered 403', async (t) => {
  t.deepEqual((await Promise.all(['127.0.0.8', '127.0.0.11', '127.0.0.12', '127.0.0.1'].map((from) => to('allowed', {from})))).map(({status}) => status), [200, 200, 403, 403]);
  const {status, body} = await to('denied', {from: '127.0.0.9'});
  t.is(status, 403);
  t.regex(body, /<h1>Forbidden<\/h1>/);
  t.is((await to('denied', {from: '127.0.0.10'})).status, 200);
  t.is((await to('denied', {from: '127.0.0.9', headers: {'X-Forwarded-For': '127.0.0.10'}})).status, 403, 'whatever it says of itself');
});

test.serial('an app answers with its own pages where the router has to answer, and only there', async (t) => {
  const at = (host: string, path = '/', from = '127.0.0.1') => ask({port: router.settings.httpPort, host: `${host}.test`, path, from});
  const answers = await Promise.all([at('away'), at('paths', '/in', '127.0.0.9'), at('paths', '/out'), at('work'), at('shared'), at('shared', '/in')]);
  t.deepEqual(answers.slice(0, 4).map(({status, body}) => [status, body]), [[503, PAGES['503']], [403, PAGES['403']], [404, PAGES['404']], [503, PAGES.maintenance]]);
  t.deepEqual([answers[0]?.headers['retry-after'], answers[3]?.headers['retry-after']], ['1', '60']);
  t.deepEqual(answers.slice(4).map(({status, body}) => [status, /<h1>(.*)<\/h1>/.exec(body)?.[1]]), [[503, 'Not available'], [503, 'Maintenance']], 'what is not its own has the standard page');
  t.regex((await at('paths', '/in')).body, /^(one|two)$/);
});

const CLAIMS = {'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'other.test', 'X-Forwarded-Port': '1', 'X-Forwarded-Prefix': '/x', 'X-Real-Ip': '203.0.113.7', 'X-Request-Start': '1', Forwarded: 'for=203.0.113.7'};

test.serial('a service is told where a request came from, and never by the client', async (t) => {
  const id = 'abcdefghij-0123456789';
  for (const headers of [{}, CLAIMS]) {
    const {status, body} = await to('plain', {path: '/headers', headers: {...headers, 'X-Request-Id': id}, from: '127.0.0.5'});
    t.is(status, 200);
    const {'x-request-start': start, ...sent} = JSON.parse(body) as Record<string, string>;
    t.true(Math.abs(Number(start) - Date.now()) < 60_000, start);
    const {host: _host, connection: _connection, 'accept-encoding': _coding, ...said} = sent;
    t.deepEqual(said, {'x-forwarded-for': '127.0.0.5', 'x-forwarded-host': 'plain.test', 'x-forwarded-port': String(router.settings.httpPort), 'x-forwarded-proto': 'http', 'x-request-id': id});
  }
  const {'x-request-id': made} = JSON.parse((await to('plain', {path: '/headers', headers: {'X-Request-Id': 'short'}})).body) as Record<string, string>;
  t.regex(made ?? '', /^[0-9a-f-]{36}$/);
});

test.serial('headers that are too large are answered 431', async (t) => {
  t.is((await to('plain', {headers: {'X-Large': 'x'.repeat(60_000)}})).status, 200);
  t.is((await to('plain', {headers: {'X-Large': 'x'.repeat(80_000)}})).status, 431);
});

test.serial('proxies that the cluster trusts are believed, up to the address that they saw themselves', async (t) => {
  await load(['127.0.0.5/32']);
  const trusted = JSON.parse((await to('plain', {path: '/headers', headers: CLAIMS, from: '127.0.0.5'})).body) as Record<string, string>;
  t.deepEqual(
    ['for', 'proto', 'host', 'port'].map((name) => trusted[`x-forwarded-${name}`]),
    ['203.0.113.7, 127.0.0.5', 'https', 'other.test', '1'],
  );
  t.is(trusted['x-request-start'], '1');
  const stranger = JSON.parse((await to('plain', {path: '/headers', headers: CLAIMS, from: '127.0.0.6'})).body) as Record<string, string>;
  t.deepEqual([stranger['x-forwarded-for'], stranger['x-forwarded-proto'], stranger['x-request-start'] === '1'], ['127.0.0.6', 'http', false]);

  const through = (forwarded: string | readonly string[]) => to('allowed', {path: '/headers', from: '127.0.0.5', headers: {'X-Forwarded-For': forwarded as string}});
  const letIn = await through('198.51.100.1, 127.0.0.8');
  t.is((JSON.parse(letIn.body) as Record<string, string>)['x-forwarded-for'], '198.51.100.1, 127.0.0.8, 127.0.0.5', 'the service gets it whole');
  t.is((await through(['198.51.100.1', '127.0.0.8'])).status, 200);
  t.deepEqual((await Promise.all(['127.0.0.8, 198.51.100.1', ['127.0.0.8', '198.51.100.1'], 'nonsense'].map(through))).map(({status}) => status), [403, 403, 403]);
  t.is((await to('allowed', {from: '127.0.0.8'})).status, 200, 'and who comes by himself is who he is');
  t.is((await to('denied', {from: '127.0.0.5', headers: {'X-Forwarded-For': '127.0.0.9'}})).status, 403);
});
