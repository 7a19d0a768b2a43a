import net, {type AddressInfo} from 'node:net';
import {once} from 'node:events';
import {gzipSync} from 'node:zlib';
import test, {type ExecutionContext} from 'ava';
import {fastify, type FastifyInstance} from 'fastify';
import type {LogLine} from '../../../reconciler/node.ts';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {limitBodies} from '../../../reconciler/api/framing.ts';
import {answerProblems} from '../../../reconciler/api/problem.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {seededRandom} from '../../support/random.ts';
import {exchange, RawClient} from '../../support/raw-http.ts';
import {until} from '../../support/until.ts';
import {app, FakeView, NOW} from './fake-view.ts';

// The API over real connections: bytes that are no requests, bodies that never come, readers that never read.

/** Mutated requests: the same ones each time. `SEED=n` sends others, `FUZZ=n` more. */
const MUTATIONS = Number(process.env['FUZZ'] ?? 300);
const SEED = Number(process.env['SEED'] ?? 4711);
const AT_ONCE = 20;
const TOKEN = 'Authorization: Bearer right-token\r\n';
const HOST = 'Host: api.flynn.localhost\r\n';
const JSON_TYPE = 'Content-Type: application/json\r\n';
const CLOSE = 'Connection: close\r\n';

async function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.ready = true;
  view.current = {...view.current, apps: [app('shop')]};
  view.repo.files.set('apps/shop/app.yaml', 'apiVersion: flynn/v1\nkind: App\nservices:\n  web:\n    replicas: 2\n');
  const logged: string[] = [];
  const server = createServer({view, authenticate: createAuthenticate({token: 'right-token', operator: {name: 'operator', email: 'o@n'}}), log: (message, error) => logged.push(`${message}: ${String(error instanceof Error ? error.stack : error)}`)});
  return {view, logged, ...await listening(t, server)};
}

async function listening(t: ExecutionContext, server: FastifyInstance) {
  await server.listen({host: '127.0.0.1', port: 0});
  t.teardown(() => server.close());
  return {server, port: (server.server.address() as AddressInfo).port};
}

function post(path: string, body: string, head = `${JSON_TYPE}Content-Length: ${Buffer.byteLength(body)}\r\n`): string {
  // Bytes as they are: the client writes latin1.
  return `POST ${path} HTTP/1.1\r\n${HOST}${TOKEN}${CLOSE}${head}\r\n${Buffer.from(body).toString('latin1')}`;
}

function get(path: string, head = ''): string {
  return `GET ${path} HTTP/1.1\r\n${HOST}${TOKEN}${head}\r\n`;
}

const SCALE = '/v1/apps/shop/scale';
const SCALED = '{"services": {"web": 3}}';

/** Each on a connection of its own, which the server has to end. A number: the status. Undefined: it hangs up without a word. */
const ODD: Readonly<Record<string, readonly [bytes: string, status: number | undefined]>> = {
  'no request at all': ['\0\x01\x02\r\n\r\n', 400],
  'a greeting of TLS': ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  'a preface of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  'a version of the future': [`GET /healthz HTTP/9.9\r\n${HOST}\r\n`, 400],
  'HTTP/1.0': ['GET /healthz HTTP/1.0\r\n\r\n', 200],
  'HTTP/1.0 with a body': [`POST ${SCALE} HTTP/1.0\r\n${TOKEN}${JSON_TYPE}Content-Length: ${SCALED.length}\r\n\r\n${SCALED}`, 200],
  'no host': [`GET /healthz HTTP/1.1\r\n${CLOSE}\r\n`, 400],
  'two lengths': [post(SCALE, SCALED, `${JSON_TYPE}Content-Length: 24\r\nContent-Length: 2\r\n`), 400],
  'a length and chunks': [post(SCALE, `18\r\n${SCALED}\r\n0\r\n\r\n`, `${JSON_TYPE}Content-Length: 24\r\nTransfer-Encoding: chunked\r\n`), 400],
  'a negative length': [post(SCALE, SCALED, `${JSON_TYPE}Content-Length: -1\r\n`), 400],
  'a length that is no number': [post(SCALE, SCALED, `${JSON_TYPE}Content-Length: many\r\n`), 400],
  'a length beyond all numbers': [post(SCALE, SCALED, `${JSON_TYPE}Content-Length: 99999999999999999999\r\n`), 400],
  'chunks': [post(SCALE, `18\r\n${SCALED}\r\n0\r\n\r\n`, `${JSON_TYPE}Transfer-Encoding: chunked\r\n`), 200],
  'a chunk that is longer than it says': [post(SCALE, `2\r\n${SCALED}\r\n0\r\n\r\n`, `${JSON_TYPE}Transfer-Encoding: chunked\r\n`), 400],
  'a size of a chunk that is none': [post(SCALE, 'zz\r\n', `${JSON_TYPE}Transfer-Encoding: chunked\r\n`), 400],
  'chunks within chunks': [post(SCALE, `18\r\n${SCALED}\r\n0\r\n\r\n`, `${JSON_TYPE}Transfer-Encoding: chunked, chunked\r\n`), 400],
  'a transfer coding that nobody knows': [post(SCALE, SCALED, `${JSON_TYPE}Transfer-Encoding: cow\r\n`), 400],
  'a header without a name': [`GET /healthz HTTP/1.1\r\n${HOST}: x\r\n\r\n`, 400],
  'a header with a zero byte': [`GET /healthz HTTP/1.1\r\n${HOST}X-Odd: a\0b\r\n\r\n`, 400],
  'a header that goes on in the next line': [`GET /healthz HTTP/1.1\r\n${HOST}X-Odd: a\r\n b\r\n\r\n`, 400],
  'headers of 20 KiB': [`GET /healthz HTTP/1.1\r\n${HOST}X-Odd: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  '2,000 headers': [`GET /healthz HTTP/1.1\r\n${HOST}${Array.from({length: 2000}, (_, index) => `X-${index}: a\r\n`).join('')}\r\n`, 431],
  'a path of 20 KiB': [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`, 431],
  'a path of 10 KiB': [get(`/v1/apps/${'a'.repeat(10_000)}`, CLOSE), 414],
  'a whole URL': [`GET http://api.flynn.localhost/healthz HTTP/1.1\r\n${HOST}${CLOSE}\r\n`, 200],
  'a path that is no URL': [get('/v1/apps/%zz', CLOSE), 400],
  'a path without a slash': [get('v1/apps', CLOSE), 400],
  'bytes above ASCII in the path': [get('/v1/apps/\xff\xfe', CLOSE), 400],
  'a tunnel': [`CONNECT api.flynn.localhost:443 HTTP/1.1\r\n${HOST}\r\n`, undefined],
  'TRACE': [`TRACE /v1/apps HTTP/1.1\r\n${HOST}${CLOSE}\r\n`, 405],
  'a method that nobody knows': [`BREW /v1/apps HTTP/1.1\r\n${HOST}${CLOSE}\r\n`, 400],
  'an upgrade to what there is not': [get('/v1/apps', 'Connection: upgrade, close\r\nUpgrade: h2c\r\n'), 400],
  'a websocket where there is none': [get('/v1/apps', 'Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'), 101],
  'a websocket without its key': [get('/v1/apps/shop/run', 'Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'), 400],
  'something that is expected': [post(SCALE, SCALED, `${JSON_TYPE}Content-Length: 24\r\nExpect: the-unexpected\r\n`), 417],
  'a body that is to be called for': [post(SCALE, SCALED, `${JSON_TYPE}Content-Length: 24\r\nExpect: 100-continue\r\n`), 100],
  'two tokens': [`GET /v1/apps HTTP/1.1\r\n${HOST}${CLOSE}Authorization: Bearer wrong\r\n${TOKEN}\r\n`, 401],
  'no token, and a body': [`POST ${SCALE} HTTP/1.1\r\n${HOST}${CLOSE}${JSON_TYPE}Content-Length: 24\r\n\r\n${SCALED}`, 401],
  'no content type': [post(SCALE, SCALED, 'Content-Length: 24\r\n'), 415],
  'a content type that is none': [post(SCALE, SCALED, 'Content-Type: ;;;\r\nContent-Length: 24\r\n'), 415],
  'a form': [post(SCALE, SCALED, 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 24\r\n'), 415],
  'plain text': [post(SCALE, SCALED, 'Content-Type: text/plain\r\nContent-Length: 24\r\n'), 415],
  'JSON and its charset': [post(SCALE, SCALED, 'Content-Type: application/json; charset=utf-8\r\nContent-Length: 24\r\n'), 200],
  'two content types': [post(SCALE, SCALED, `Content-Type: text/plain\r\n${JSON_TYPE}Content-Length: 24\r\n`), 415],
  'compressed JSON': [`${post(SCALE, '', `${JSON_TYPE}Content-Encoding: gzip\r\nContent-Length: ${gzipSync(SCALED).length}\r\n`)}${gzipSync(SCALED).toString('latin1')}`, 400],
  'JSON in no UTF-8': [`${post(SCALE, '', `${JSON_TYPE}Content-Length: 25\r\n`)}{"services": {"w\xffb": 3}}`, 400],
  'JSON with a name that is a prototype': [post(SCALE, '{"__proto__": {"a": 1}, "services": {"web": 3}}'), 400],
  'half of a surrogate': [post('/v1/apps', '{"name": "\\ud800"}'), 400],
  'brackets without an end': [post(SCALE, '['.repeat(60_000)), 400],
  'a body beyond the limit': [post(SCALE, `{"services": {"web": 3}, "more": "${'a'.repeat(70_000)}"}`), 413],
  'an empty body': [post(SCALE, ''), 400],
  'a body where none is needed': [`GET /v1/apps HTTP/1.1\r\n${HOST}${TOKEN}${CLOSE}${JSON_TYPE}Content-Length: 2\r\n\r\n{}`, 200],
  'a client that goes in the middle of its body': [post(SCALE, '{"ser', `${JSON_TYPE}Content-Length: 24\r\n`), 400],
};

/** Answered before there is a request of ours: by Node, or where websockets are let in. */
const OTHERS_WORDS: ReadonlySet<string> = new Set(['no host', 'something that is expected', 'an upgrade to what there is not', 'a websocket without its key']);

test('what is odd is answered as it should be, and nothing breaks', async (t) => {
  const {port, logged} = await subject(t);
  for (const [name, [bytes, status]] of Object.entries(ODD)) {
    const said = await halfClosed(port, bytes);
    t.is(statuses(said)[0], status, `${name}: ${said.slice(0, 500)}`);
    if (status !== undefined && status >= 400 && !OTHERS_WORDS.has(name)) t.regex(said, /^content-type: application\/problem\+json/mi, name);
    if (status === 101) t.notRegex(said, /shop/, name);
    t.is(statuses(await exchange(port, get('/healthz', CLOSE)))[0], 200, name);
    t.deepEqual(logged, [], name);
  }
});

test(`whatever is changed in the bytes of a request, it is answered, and nothing breaks (SEED=${SEED})`, async (t) => {
  const {port, logged} = await subject(t);
  const random = seededRandom(SEED);
  const whole = [post(SCALE, SCALED), get('/v1/apps?limit=1', CLOSE), get('/v1/events?lines=1', `Accept: text/event-stream\r\nLast-Event-ID: x~1\r\n${CLOSE}`), post('/v1/apps/shop/env', '{"set": {"A": "b"}}'), post('/v1/apps/shop/rollback', '{}', `${JSON_TYPE}Content-Length: 2\r\nIf-Match: *\r\nIdempotency-Key: fuzz-fuzz\r\n`)];
  const broken: string[] = [];
  for (let sent = 0; sent < MUTATIONS; sent += AT_ONCE) {
    const batch = Array.from({length: Math.min(AT_ONCE, MUTATIONS - sent)}, () => mutated(whole[Math.floor(random() * whole.length)] ?? '', random));
    await Promise.all(batch.map(async (bytes) => {
      const said = await halfClosed(port, bytes);
      if (statuses(said).some((status) => status >= 500)) broken.push(`${JSON.stringify(bytes)} → ${said.slice(0, 300)}`);
    }));
  }
  t.deepEqual(broken.slice(0, 5), []);
  t.deepEqual(logged.slice(0, 5), []);
  t.is(statuses(await exchange(port, get('/healthz', CLOSE)))[0], 200);
});

test('requests that come all at once are answered one after the other', async (t) => {
  const {port} = await subject(t);
  const said = await exchange(port, [get('/healthz'), get('/v1/apps/nothing'), post(SCALE, SCALED)].join('').replace(CLOSE, '') + get('/readyz', CLOSE));
  t.deepEqual(statuses(said), [200, 404, 200, 200]);
});

test('a body that does not come is waited for so long, and one that a handler reads itself for ever', async (t) => {
  const server = fastify({bodyLimit: 1000});
  answerProblems(server, {log: () => {}, methodsOf: () => []});
  limitBodies(server, 200);
  let isStreaming = false;
  server.addContentTypeParser('application/x-tar', (_request, payload, done) => done(null, payload));
  server.post('/kept', async () => 'kept');
  server.post('/streamed', async ({body}) => {
    isStreaming = true;
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) bytes += chunk.length;
    return `${bytes} bytes`;
  });
  const {port} = await listening(t, server);
  await using streaming = await RawClient.connect(port);
  await streaming.send(`POST /streamed HTTP/1.1\r\n${HOST}Content-Type: application/x-tar\r\nContent-Length: 4\r\n${CLOSE}\r\nab`);
  await until('the handler reads', () => isStreaming);
  await using slow = await RawClient.connect(port);
  const said = await slow.send(`POST /kept HTTP/1.1\r\n${HOST}${JSON_TYPE}Content-Length: 10\r\n\r\n{`, /408[^]*\r\n\r\n\{/);
  t.regex(said, /the body did not come within 0\.2 s/);
  await slow.ended();
  t.regex(await streaming.send('cd', /\r\n\r\n./), /^HTTP\/1\.1 200 [^]*4 bytes$/);
});

test('who reads slowly is waited for, and nothing is kept for him', async (t) => {
  const {port, view} = await subject(t);
  let told = 0;
  let isOver = false;
  view.logs = async function* () {
    try {
      for (;;) {
        told += 1;
        yield {at: NOW, source: 'app', name: 'web.1', stream: 'stdout', text: `${told} ${'a'.repeat(64 * 1024)}`} as LogLine;
      }
    } finally {
      isOver = true;
    }
  };
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  socket.write(get('/v1/apps/shop/logs?follow=true'));
  let before = -1;
  await until('it waits', () => {
    const isSame = told > 0 && told === before;
    before = told;
    return isSame;
  });
  const waiting = told;
  t.true(waiting < 1000, `${waiting} lines of 64 KiB are under way`);
  socket.resume();
  await until('it goes on', () => told > waiting + 100);
  socket.destroy();
  await until('it ends', () => isOver);
});

test('two hundred who listen and say nothing are told each event, and are forgotten when they go', async (t) => {
  const {port, view, server} = await subject(t);
  const clients = await Promise.all(Array.from({length: 200}, () => RawClient.connect(port)));
  await Promise.all(clients.map((client) => client.send(get('/v1/events?follow=true', 'Accept: text/event-stream\r\n'), 'retry: ')));
  await until('all listen', () => view.listeners() === clients.length);
  view.emit({at: NOW, kind: 'commit', message: 'hello'} as never);
  await Promise.all(clients.map((client) => client.until('"message":"hello"')));
  for (const client of clients.slice(0, 150)) client.socket.destroy();
  await until('they are forgotten', () => view.listeners() === 50);
  await server.close();
  t.is(view.listeners(), 0);
});

function statuses(said: string): readonly number[] {
  return [...said.matchAll(/HTTP\/1\.[01] (\d{3}) [A-Z]/g)].map(([, status]) => Number(status));
}

/** Sends it, says that no more comes, and waits until the server has ended it. */
async function halfClosed(port: number, bytes: string): Promise<string> {
  await using client = await RawClient.connect(port);
  client.socket.end(bytes, 'latin1');
  return await client.ended();
}

function mutated(bytes: string, random: () => number): string {
  let changed = bytes;
  for (let times = 1 + Math.floor(random() * 3); times > 0; times -= 1) {
    const at = Math.floor(random() * changed.length);
    const odd = ['', '\r\n', '\0', '\xff', ' ', ':', changed.slice(at, at + 20), String.fromCharCode(Math.floor(random() * 256))][Math.floor(random() * 8)] ?? '';
    changed = changed.slice(0, at) + odd + changed.slice(at + Math.floor(random() * 3));
  }
  return changed;
}
