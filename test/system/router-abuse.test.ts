import type http from 'node:http';
import {readdir, readFile, readlink} from 'node:fs/promises';
import test from 'ava';
import {execa} from 'execa';
import {HOLD_MS} from '../../reconciler/router/times.ts';
import {exchange, httpBackend, RawClient, type Backend} from '../support/raw-http.ts';
import {Routed} from '../support/routed.ts';
import {ask} from '../support/trial-client.ts';
import {until} from '../support/until.ts';

// Requests that two servers could read differently, and clients that want to keep others out: for a host that is a name only and for one with a
// route of Caddy's.

let routed: Routed;
let app: Backend;
/** What reached the app: first line and body of each request, or `…` after a body that never came to its end. */
let seen: string[] = [];
/** They begin first: what is to become of them takes as long as the rest. */
let slow: readonly RawClient[] = [];

const record: http.RequestListener = (request, response) => {
  const index = seen.push(`${request.method} ${request.url} …`) - 1;
  let body = '';
  request.on('error', () => {}).on('data', (chunk: Buffer) => (body += chunk.toString('latin1'))).on('end', () => {
    seen[index] = `${request.method} ${request.url} ${body}`.trimEnd();
    response.end('answer');
  });
};

test.before(async (t) => {
  t.timeout(60_000);
  routed = await Routed.start();
  app = await httpBackend(record);
  slow = await Promise.all(Array.from({length: 200}, () => RawClient.connect(routed.port)));
  for (const client of slow) client.socket.write('GET / HTTP/1.1\r\n');
});
test.after.always(async () => {
  for (const client of slow) client.socket.destroy();
  await app?.[Symbol.asyncDispose]();
  await routed?.[Symbol.asyncDispose]();
});

const NEXT = 'GET /next HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n';

interface Case {
  readonly what: string;
  /** `HOST` stands for the host. */
  readonly sent: string;
  /** Statuses that come, and what reaches the app. */
  readonly answers: readonly number[];
  readonly reaches: readonly string[];
}

const framing = (headers: string, body: string) => `POST /first HTTP/1.1\r\nHost: HOST\r\n${headers}\r\n\r\n${body}${NEXT}`;

const CASES: readonly Case[] = [
  // The chunks count, and the connection ends with the answer (RFC 9112, 6.1).
  {what: 'a length beside chunks: the chunks count', sent: framing('Content-Length: 3\r\nTransfer-Encoding: chunked', '3\r\nabc\r\n0\r\n\r\n'), answers: [200], reaches: ['POST /first abc']},
  {what: 'a length that is too small beside chunks', sent: framing('Content-Length: 1\r\nTransfer-Encoding: chunked', '0\r\n\r\n'), answers: [200], reaches: ['POST /first']},
  {what: 'two lengths', sent: framing('Content-Length: 3\r\nContent-Length: 4', 'abc'), answers: [400], reaches: []},
  {what: 'one length, said twice', sent: framing('Content-Length: 3\r\nContent-Length: 3', 'abc'), answers: [200, 200], reaches: ['POST /first abc', 'GET /next']},
  ...['+3', '-3', '0x3', '3 3', '3,4', '99999999999999999999'].map((length): Case => ({what: `the length "${length}"`, sent: framing(`Content-Length: ${length}`, 'abc'), answers: [400], reaches: []})),
  ...['xchunked', 'chunked, identity', 'identity', 'chunked, chunked', 'gzip, chunked', '"chunked"'].map((coding): Case => ({what: `the transfer coding ${coding}`, sent: framing(`Transfer-Encoding: ${coding}`, '0\r\n\r\n'), answers: [501], reaches: []})),
  {what: 'two transfer codings', sent: framing('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', '0\r\n\r\n'), answers: [501], reaches: []},
  {what: 'a blank before the colon', sent: framing('Transfer-Encoding : chunked', '0\r\n\r\n'), answers: [400], reaches: []},
  {what: 'a control character in a name', sent: framing('Transfer-Encoding\x0b: chunked', '0\r\n\r\n'), answers: [400], reaches: []},
  {what: 'a zero byte in a value', sent: framing('X-Zero: a\0b', ''), answers: [400], reaches: []},
  {what: 'a carriage return in a value', sent: framing('X-Return: a\rTransfer-Encoding: chunked', ''), answers: [400], reaches: []},
  {what: 'a chunk whose length is no number', sent: framing('Transfer-Encoding: chunked', 'zz\r\nabc\r\n0\r\n\r\n'), answers: [502], reaches: ['POST /first …']},
  {what: 'a chunk that is longer than it says', sent: framing('Transfer-Encoding: chunked', '3\r\nabcdef\r\n0\r\n\r\n'), answers: [502], reaches: ['POST /first …']},
  {what: 'a chunk of more bytes than there are', sent: framing('Transfer-Encoding: chunked', 'ffffffffffffffffff\r\nabc\r\n0\r\n\r\n'), answers: [502], reaches: ['POST /first …']},
  {what: 'two hosts', sent: 'GET / HTTP/1.1\r\nHost: HOST\r\nHost: other.test\r\n\r\n', answers: [400], reaches: []},
  {what: 'no host', sent: 'GET / HTTP/1.1\r\n\r\n', answers: [400], reaches: []},
  {what: 'another host in the first line: that one counts', sent: 'GET http://other.test/ HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n', answers: [404], reaches: []},
  {what: 'a host in the first line: it is the host', sent: 'GET http://HOST/a?b HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n', answers: [200], reaches: ['GET /a?b']},
  {what: 'a path that is none', sent: 'GET next HTTP/1.1\r\nHost: HOST\r\n\r\n', answers: [400], reaches: []},
  {what: 'a path with an escape that is none', sent: 'GET /%zz HTTP/1.1\r\nHost: HOST\r\n\r\n', answers: [400], reaches: []},
  {what: 'a version that is none', sent: 'GET / HTTP/1.1x\r\nHost: HOST\r\n\r\n', answers: [400], reaches: []},
  {what: 'a method that is none', sent: 'G(T / HTTP/1.1\r\nHost: HOST\r\n\r\n', answers: [400], reaches: []},
  {what: 'HTTP/2 without TLS', sent: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', answers: [404], reaches: []},
  {what: 'an upgrade that the app does not want: what follows is a request', sent: `GET /first HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${NEXT}`, answers: [200, 200], reaches: ['GET /first', 'GET /next']},
];

for (const {what, sent, answers, reaches} of CASES) {
  test.serial(`what could be read in two ways: ${what}`, async (t) => {
    await routed.each(t, [app], async (host) => {
      seen = [];
      const answer = await exchange(routed.port, sent.replaceAll('HOST', host));
      t.deepEqual([...answer.matchAll(/HTTP\/1\.[01] (\d+) /g)].map(([, status]) => Number(status)), [...answers], answer);
      // The router may have given a request up before the app has read it.
      await until(`what reaches the app, beside ${seen.join()}`, () => seen.length >= reaches.length);
      t.deepEqual(seen, [...reaches]);
    });
  });
}

test.serial('headers beyond the limit are refused, and reach no app', async (t) => {
  await routed.each(t, [app], async (host) => {
    seen = [];
    await using client = await RawClient.connect(routed.port);
    client.socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n`);
    for (let n = 0; n < 300 && !client.isClosed; n += 1) client.socket.write(`X-${n}: ${'v'.repeat(8000)}\r\n`);
    client.socket.write('\r\n');
    t.regex(await client.until('\r\n'), /^HTTP\/1\.1 431 /);
    t.deepEqual(seen, []);
  });
});

test.serial('5,000 connections that say nothing, and 500 bodies that never end, keep nobody out', async (t) => {
  const [host] = await routed.hostsOf(app);
  const idle: RawClient[] = [];
  for (let n = 0; n < 50; n += 1) idle.push(...await Promise.all(Array.from({length: 100}, () => RawClient.connect(routed.port))));
  const dripping = await Promise.all(Array.from({length: 500}, () => RawClient.connect(routed.port)));
  for (const client of dripping) client.socket.write(`POST /drip HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 100\r\n\r\n.`);
  const took: number[] = [];
  for (let n = 0; n < 50; n += 1) {
    const {status, tookMs} = await ask({port: routed.port, host});
    t.is(status, 200);
    took.push(tookMs);
  }
  t.log(`${idle.length} idle, ${dripping.length} dripping: median ${took.toSorted((a, b) => a - b)[25]?.toFixed(1)} ms, worst ${Math.max(...took).toFixed(1)} ms`);
  t.true(Math.max(...took) < HOLD_MS);
  for (const client of [...idle, ...dripping]) client.socket.destroy();
});

test.serial('nothing of the router but its ports for HTTP listens on the network: it is told what to do by unix sockets only', async (t) => {
  const {settings, instance} = routed.router;
  const {httpPort, httpsPort, dnsPort} = settings;
  const listening = async (container: string) => {
    const {stdout: pid} = await execa('docker', ['inspect', '--format', '{{.State.Pid}}', container]);
    const links = await Promise.all((await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    const inodes = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
    const tables = await Promise.all(['tcp', 'tcp6', 'udp', 'udp6'].map(async (table) => [table, await readFile(`/proc/${pid}/net/${table}`, 'utf8')] as const));
    return tables.flatMap(([table, text]) => text.split('\n').slice(1).flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (!inodes.has(inode) || (table.startsWith('tcp') && state !== '0A')) return [];
      const [address = '', port = ''] = local.split(':');
      return [`${table} ${(address.match(/../g) ?? []).toReversed().map((byte) => Number.parseInt(byte, 16)).join('.')}:${Number.parseInt(port, 16)}`];
    })).toSorted();
  };
  t.deepEqual(await listening(`${instance}-router-1`), [`tcp 127.0.0.1:${httpPort}`, `tcp 127.0.0.1:${httpsPort}`, `tcp 127.0.0.2:${dnsPort}`, `tcp 127.0.0.3:${dnsPort}`].toSorted());
  t.deepEqual([...new Set(await listening(`${instance}-dns`))], [`tcp 127.0.0.1:${dnsPort}`, `udp 127.0.0.1:${dnsPort}`]);
  for (const path of ['/config/', '/load', '/stop', '/reverse_proxy/upstreams']) t.is((await ask({port: httpPort, host: '', path})).status, 404, path);
});

test.serial('who sends his headers by and by is cut off in time', async (t) => {
  t.timeout(60_000);
  const drip = setInterval(() => {
    for (const client of slow) if (!client.isClosed) client.socket.write('X');
  }, 500);
  try {
    await until('all are closed', () => slow.every(({isClosed, socket}) => isClosed || socket.readableEnded), 45_000);
  } finally {
    clearInterval(drip);
  }
  t.true(slow.every(({received}) => received === '' || received.startsWith('HTTP/1.1 408 ') || received.startsWith('HTTP/1.1 400 ')), slow[0]?.received);
});
