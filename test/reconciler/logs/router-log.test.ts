import {appendFile, rename, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {formatRequest, parseAccessEntry} from '../../../reconciler/logs/access-log.ts';
import {followFile} from '../../../reconciler/logs/follow-file.ts';
import {RequestCounters} from '../../../reconciler/logs/requests.ts';
import {followRouterLog} from '../../../reconciler/logs/router-log.ts';
import {RotatedFile} from '../../../reconciler/logs/tail.ts';
import {Traffic} from '../../../reconciler/logs/traffic.ts';
import {until} from '../../support/until.ts';
import {openStore, SHOP, temporary, texts} from './support.ts';

/** As Caddy 2.6.2 writes it with our configuration: the note says scheme, replica, the answer's begin, the try, all tries, length and id of the request, error. */
function logged(change: {readonly uri?: string; readonly status?: number; readonly note?: string; readonly ts?: string} = {}): string {
  const {uri = '/cart?id=7', status = 200, note = `http ${REPLICA} +3.5 +4.360029 +6.36 12 ${ID} `, ts = '2026-11-25T20:30:28.37323398Z'} = change;
  return `${JSON.stringify({ts, request: {remote_ip: '192.0.2.7', remote_port: '35368', proto: 'HTTP/1.1', method: 'GET', host: 'shop.example.com:8080', uri}, user_id: note, duration: 0.006492888, size: 223, status})}\n`;
}

const REPLICA = 'tcp/a-10-213-0-3._ip.flynn.internal.:8080';
const ID = 'b5fada1e-a4be-48f7-a08d-a45bb3165cd5';
const NOT_ANSWERED = `http ${REPLICA}   +6.4  ${ID}`;

/** `at=…` up to the method, and from the replica on: what stands between is the same in all. */
const lines: readonly (readonly [what: string, logged: string, replica: string | undefined, printed: string])[] = [
  ['an answer', logged(), 'web.1', 'at=info … replica=web.1 connect=2ms service=4ms status=200 bytes=223 protocol=http'],
  ['an error of the app', logged({status: 500}), 'web.1', 'at=info … replica=web.1 connect=2ms service=4ms status=500 bytes=223 protocol=http'],
  ['an answer that broke off', logged({note: `http ${REPLICA} +3.5  +6.36  ${ID} `}), 'web.1', 'at=warning desc="Answer Interrupted" … replica=web.1 service=6ms status=200 bytes=223 protocol=http'],
  ['an upgraded connection', logged({status: 0, note: `http ${REPLICA} +3.5  +6.36  ${ID} `}), 'web.1', 'at=info … replica=web.1 service=6ms status=101 bytes=223 protocol=http'],
  ['a client that went away', logged({status: 0, note: `${NOT_ANSWERED} `}), 'web.1', 'at=warning code=H27 desc="Client Request Interrupted" … replica=web.1 service=6ms status=499 bytes=223 protocol=http'],
  ['a replica that closed the connection', logged({status: 502, note: `${NOT_ANSWERED} EOF`}), 'web.1', 'at=error code=H13 desc="Connection closed without response" … replica=web.1 service=6ms status=502 bytes=223 protocol=http'],
  ['a replica behind a password that closed the connection', logged({status: 502, note: `http ${REPLICA} +0.7  +6.4  ${ID} EOF`}), 'web.1', 'at=error code=H13 desc="Connection closed without response" … replica=web.1 service=6ms status=502 bytes=223 protocol=http'],
  ['a request without a password', logged({status: 401, note: `http tcp/127.102.113.133:3553 +0.7  +1.2  ${ID} refused`}), undefined, 'at=info … replica= service=6ms status=401 bytes=223 protocol=http'],
  ['a replica that refuses connections', logged({status: 502, note: `${NOT_ANSWERED} dial tcp 10.213.0.3:8080: connect: connection refused`}), 'web.1', 'at=error code=H21 desc="Backend connection refused" … replica=web.1 connect=6ms service=0ms status=502 bytes=223 protocol=http'],
  ['a replica that can not be reached', logged({status: 502, note: `${NOT_ANSWERED} dial tcp 10.213.0.3:8080: i/o timeout`}), 'web.1', 'at=error code=H19 desc="Backend connection timeout" … replica=web.1 connect=6ms service=0ms status=502 bytes=223 protocol=http'],
  ['a replica that takes too long', logged({status: 504, note: `${NOT_ANSWERED} net/http: timeout awaiting response headers`}), 'web.1', 'at=error code=H12 desc="Request timeout" … replica=web.1 service=6ms status=504 bytes=223 protocol=http'],
  ['a replica that speaks no HTTP', logged({status: 502, note: `${NOT_ANSWERED} net/http: HTTP/1.x transport connection broken: malformed HTTP response "hello"`}), 'web.1', 'at=error code=H17 desc="Poorly formatted HTTP response" … replica=web.1 service=6ms status=502 bytes=223 protocol=http'],
  ['no replica', logged({status: 503, note: `https tcp/_none.flynn.internal.:1   +6.4  ${ID} dial tcp: lookup _none.flynn.internal.: no such host`}), undefined, 'at=error code=H14 desc="No web processes running" … replica= connect=6ms service=0ms status=503 bytes=223 protocol=https'],
  ['a router that can not ask', logged({status: 503, note: `http    +6.4  ${ID} no upstreams available`}), undefined, 'at=error code=H99 desc="Platform error" … replica= service=6ms status=503 bytes=223 protocol=http'],
];

for (const [what, line, replica, printed] of lines) {
  test(`${what} is one line as Heroku's router writes it`, (t) => {
    const entry = parseAccessEntry(line);
    if (entry === undefined) return t.fail();
    t.is(formatRequest(entry, replica), printed.replace('…', `method=GET path="/cart?id=7" host=shop.example.com request_id=${ID} fwd="192.0.2.7"`));
  });
}

test('a path is never more than one word of a line', (t) => {
  const entry = parseAccessEntry(logged({uri: '/" status=200\n2026'}));
  t.regex(entry === undefined ? '' : formatRequest(entry, 'web.1'), / path="\/\\" status=200\\n2026" host=shop/);
});

test('a request is known by its host where its note was lost to the name of who logged in at the router', (t) => {
  for (const user of ['alice', 'http alice', 'http x 1 2 3 4 5']) {
    t.like(parseAccessEntry(logged({note: user})), {host: 'shop.example.com', upstream: '', status: 200, failure: undefined, answerMs: 6.492888, requestId: ''}, user);
  }
});

test('behind a proxy that is trusted, the client is whom that proxy has seen', (t) => {
  const clientOf = (forwardedFor: string) => parseAccessEntry(logged({note: `http ${REPLICA} +3.5 +4.36 +6.36 12 ${ID} \t${forwardedFor}`}))?.clientAddress;
  t.deepEqual(['', '203.0.113.7', '6.6.6.6, 203.0.113.7', '6.6.6.6,2001:db8::7'].map(clientOf), ['192.0.2.7', '203.0.113.7', '203.0.113.7', '2001:db8::7']);
  t.like(parseAccessEntry(logged({status: 502, note: `${NOT_ANSWERED} EOF\t203.0.113.7`})), {clientAddress: '203.0.113.7', failure: {code: 'H13'}});
});

test('what is no line of an access log is none', (t) => {
  for (const line of ['', '{', '{"ts":"2026"}', 'null']) t.is(parseAccessEntry(line), undefined);
});

test('a file is read over its rotations and over lives of the reader, each line once', async (t) => {
  const folder = await temporary(t);
  const [file, placeFile] = [path.join(folder, 'access.log'), path.join(folder, 'place.json')];
  const everything: string[] = [];
  const readOn = async (tail: RotatedFile) => {
    for (let bytes = await tail.read(); bytes.length > 0; bytes = await tail.read()) everything.push(...bytes.toString().trimEnd().split('\n'));
  };
  const first = await RotatedFile.open({file, placeFile});
  await readOn(first);
  await writeFile(file, 'one\ntwo\nthr');
  await readOn(first);
  await appendFile(file, 'ee\n');
  await readOn(first);
  await first.note();
  await first.close();
  await appendFile(file, 'four\n');
  await rename(file, path.join(folder, 'access-2026-11-25T20-31-10.099.log'));
  await writeFile(file, 'five\n');
  await rename(file, path.join(folder, 'access-2026-11-25T20-32-10.099.log'));
  await writeFile(file, 'six\n');
  const second = await RotatedFile.open({file, placeFile});
  await readOn(second);
  await appendFile(file, 'seven\n');
  await rename(file, path.join(folder, 'access-2026-11-25T20-33-10.099.log'));
  await writeFile(file, 'eight\n');
  await readOn(second);
  await writeFile(file, 'nine\n');
  await readOn(second);
  await second.close();
  t.deepEqual(everything, ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']);
});

test('what was written just before a file was removed with its writer is read', async (t) => {
  const folder = await temporary(t);
  const file = path.join(folder, 'access.log');
  const taken: string[] = [];
  const ending = new AbortController();
  await writeFile(file, 'one\n');
  const following = followFile({file, placeFile: path.join(folder, 'place.json'), take: async (bytes) => void taken.push(bytes.toString()), settle: async () => {}, onProblem: (error) => t.fail(error.message)}, ending.signal);
  await until('it is read', () => taken.length === 1);
  await appendFile(file, 'two\n');
  await rm(file);
  ending.abort();
  await following;
  t.deepEqual(taken, ['one\n', 'two\n']);
});

test('requests come into the log of the app whose replica or host it was, once, and are counted by release', async (t) => {
  const folder = await temporary(t);
  const file = path.join(folder, 'access.log');
  const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
  await writeFile(file, logged({ts: ago(3_000)}) + logged({ts: ago(2_000), status: 500}) + logged({ts: ago(1_000), note: `http tcp/10.9.9.9:80 1 1 1 0 ${ID} `}));
  const counters = new RequestCounters();
  const traffic = new Traffic();
  for (const life of [1, 2]) {
    const store = await openStore(t, {folder});
    const ending = new AbortController();
    // The place is lost: the store itself knows what it has.
    const running = followRouterLog({
      file, placeFile: path.join(folder, `place-${life}.json`), store, counters, traffic, onProblem: (error) => t.fail(error.message),
      attribute: ({upstream}) => (upstream.startsWith('a-10-213-0-3.') ? {app: SHOP, replica: 'web.1', release: 3, spec: 'v3'} : undefined),
    }, ending.signal);
    await until('it is read', () => counters.figures(SHOP, 'v3', 0).requests === 2 * life);
    ending.abort();
    await running;
    t.is((await texts(store)).length, 2);
  }
  t.is(counters.figures(SHOP, 'v3', 0).failures, 2);
  t.like(traffic.figures(Date.now()), [{app: SHOP, replica: 'web.1', requests: 4, requestsOfLastMinute: 4, statuses: {'2xx': 2, '5xx': 2}, bytesIn: 48, bytesOut: 892}]);
});

test('figures tell failures and the 95th percentile of what came since a moment', (t) => {
  const counters = new RequestCounters();
  for (let n = 1; n <= 100; n++) counters.add({app: SHOP, spec: 'v2', status: n > 97 ? 503 : 200, durationMs: n, atMs: 10_000});
  counters.add({app: SHOP, spec: 'v2', status: 200, durationMs: 5_000, atMs: 60_000});
  const early = counters.figures(SHOP, 'v2', 0);
  t.is(early.requests, 101);
  t.is(early.failures, 3);
  t.true((early.p95Ms ?? 0) >= 95 && (early.p95Ms ?? 0) <= 110, String(early.p95Ms));
  t.is(counters.figures(SHOP, 'v2', 55_000).requests, 1);
  t.deepEqual(counters.figures(SHOP, 'v1', 0), {requests: 0, failures: 0, p95Ms: undefined});
  counters.forgetOld(10_000_000);
  t.is(counters.figures(SHOP, 'v2', 0).requests, 0);
});
