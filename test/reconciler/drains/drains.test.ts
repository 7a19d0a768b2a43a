import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {createServer as createTlsServer} from 'node:tls';
import test, {type ExecutionContext} from 'ava';
import {execa} from 'execa';
import {Drains} from '../../../reconciler/drains/drains.ts';
import type {Drain} from '../../../reconciler/drains/drain.ts';
import type {LogStore} from '../../../reconciler/logs/store.ts';
import {datagramReceiver, httpReceiver, parseSyslog, syslogReceiver, type SyslogMessage} from '../../support/receivers.ts';
import {until} from '../../support/until.ts';
import {at, line, openStore, SHOP, temporary} from '../logs/support.ts';

interface Trial {
  readonly drains: Drains;
  readonly news: string[];
  /** As when the reconciler is killed. */
  stop(): void;
}

function start(t: ExecutionContext, {folder, store}: {readonly folder: string; readonly store: LogStore}, wanted: readonly Drain[]): Trial {
  const ending = new AbortController();
  const news: string[] = [];
  const drains = new Drains({folder: path.join(folder, 'drains'), store, node: 'node-1', openSecret: async (sealed) => `opened ${sealed}`, onNews: ({kind, message}) => news.push(`${kind}: ${message}`)}, ending.signal);
  drains.follow(wanted);
  t.teardown(() => ending.abort());
  return {drains, news, stop: () => ending.abort()};
}

async function begin(t: ExecutionContext, url: string, more: Partial<Drain> = {}, limits = {}): Promise<Trial & {readonly store: LogStore; readonly folder: string}> {
  const folder = await temporary(t);
  const store = await openStore(t, {folder: path.join(folder, 'logs'), ...limits});
  await store.append(SHOP, 'web.1', line(0, 'web.1', 'before there was a drain'));
  await store.written();
  const trial = start(t, {folder, store}, [{app: SHOP, url, ...more}]);
  await until('it runs', async () => (await readdir(path.join(folder, 'drains')).catch(() => [])).some((name) => name.endsWith('.json')));
  return {...trial, store, folder};
}

async function write(store: LogStore, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) await store.append(SHOP, 'web.1', line(n, 'web.1', `line ${n} äöü`));
}

test('syslog over TCP gets messages of RFC 5424 in frames of RFC 6587, from when the drain was made', async (t) => {
  const got: SyslogMessage[] = [];
  await using receiver = await syslogReceiver(got).start();
  const {store, drains} = await begin(t, `syslog+tcp://127.0.0.1:${receiver.port}`);
  await write(store, 1, 3);
  // In a file of its own: in order only when the lines before it are on disk.
  await store.written();
  store.note(SHOP, {name: 'platform'}, {text: 'web.1 exited with code 3', atMs: Date.parse(at(4))});
  await until('all is delivered', () => drains.status()[0]?.delivered === 4);
  t.deepEqual(got.map(({text}) => text), ['line 1 äöü', 'line 2 äöü', 'line 3 äöü', 'web.1 exited with code 3']);
  t.deepEqual(got[0], {priority: 14, timestamp: '2026-11-25T12:00:01.000000Z', host: 'node-1', app: 'shop', process: 'web.1', id: 'app', text: 'line 1 äöü'});
  t.is(got[3]?.process, 'platform');
  t.like(drains.status()[0], {app: 'shop', url: `syslog+tcp://127.0.0.1:${receiver.port}`, state: 'idle', behind: 0, dropped: 0});
});

test('a receiver that is killed and comes back misses nothing, though its connection took everything', async (t) => {
  const got: SyslogMessage[] = [];
  const receiver = await syslogReceiver(got).start();
  const {store, drains, news} = await begin(t, `syslog+tcp://127.0.0.1:${receiver.port}`);
  await write(store, 1, 200);
  await until('some came', () => got.length > 0);
  await receiver.kill();
  got.length = 0;
  await write(store, 201, 300);
  await until('it is noticed', () => drains.status()[0]?.state === 'failing');
  await receiver.start();
  await until('all is delivered', () => drains.status()[0]?.behind === 0);
  await receiver[Symbol.asyncDispose]();
  const numbers = new Set(got.map(({text}) => Number(text.split(' ')[1])));
  // What it read before it was killed is forgotten with it: the rest has to come, and some come twice.
  for (let n = 201; n <= 300; n++) t.true(numbers.has(n), String(n));
  t.regex(news.join('\n'), /drain-failing: drain syslog\+tcp:\/\/127\.0\.0\.1:\d+ fails: .*; its lines wait in the log\ndrain-working: .* works again$/);
});

test('killed ourselves, the next life sends what had not arrived', async (t) => {
  const got: string[] = [];
  let status = 503;
  const receiver = await httpReceiver(({body}) => {
    if (status === 200) got.push(...body.trimEnd().split('\n').map((one) => (JSON.parse(one) as {text: string}).text));
    return status;
  });
  const url = `http://127.0.0.1:${receiver.port}/in`;
  const {store, drains, stop, folder} = await begin(t, url);
  await write(store, 1, 5);
  await until('it fails', () => drains.status()[0]?.error === 'the receiver answers 503: as you say');
  stop();
  status = 200;
  await write(store, 6, 7);
  await store.written();
  const second = start(t, {folder, store}, [{app: SHOP, url}]);
  await until('all is delivered', () => second.drains.status()[0]?.delivered === 7);
  t.deepEqual(got, [1, 2, 3, 4, 5, 6, 7].map((n) => `line ${n} äöü`));
  await receiver.close();
});

test('what the log could not keep for a receiver that was away is counted and told', async (t) => {
  let status = 503;
  let got = 0;
  const receiver = await httpReceiver(({body}) => {
    if (status === 200) got += body.trimEnd().split('\n').length;
    return status;
  });
  const {store, drains, news} = await begin(t, `http://127.0.0.1:${receiver.port}/`, {}, {appBytesMax: 256 * 1024});
  await write(store, 1, 10);
  await until('it fails', () => drains.status()[0]?.state === 'failing');
  for (let n = 0; n < 60; n++) await store.append(SHOP, 'web.1', Buffer.concat(Array.from({length: 200}, (_, m) => line(n, 'web.1', `${n} ${m} ${'x'.repeat(40)}`))));
  await store.written();
  status = 200;
  await until('it has caught up', () => drains.status()[0]?.behind === 0);
  const {dropped = 0, delivered = 0} = drains.status()[0] ?? {};
  t.is(delivered, got);
  t.true(dropped > 0);
  t.is(delivered + dropped, 12_010);
  t.regex(news.join('\n'), /drain-dropped: drain http:\/\/127\.0\.0\.1:\d+\/: \d+ lines are lost: they were removed before they could be sent/);
  await receiver.close();
});

test('batches that a receiver refuses for good are dropped and counted, and the next ones come', async (t) => {
  const receiver = await httpReceiver(({body}) => (body.includes('line 1 ') ? 400 : 200));
  const {store, drains} = await begin(t, `http://127.0.0.1:${receiver.port}/`);
  await write(store, 1, 1);
  await until('it is refused', () => drains.status()[0]?.dropped === 1);
  await write(store, 2, 2);
  await until('the next came', () => drains.status()[0]?.delivered === 1);
  t.like(drains.status()[0], {delivered: 1, dropped: 1, behind: 0});
  await receiver.close();
});

test('once it has settled, status has what was wanted last', async (t) => {
  const {drains} = await begin(t, 'http://127.0.0.1:9/');
  drains.follow([{app: SHOP, url: 'http://127.0.0.1:9/other'}]);
  await drains.settled();
  t.deepEqual(drains.status().map(({url}) => url), ['http://127.0.0.1:9/other']);
});

test('a receiver that repeats a secret does not bring it into a message', async (t) => {
  const receiver = await httpReceiver(({headers}) => ({status: 401, text: `no such token: ${headers.authorization}`}));
  const {store, drains, news} = await begin(t, `http://127.0.0.1:${receiver.port}/`, {sealedHeaders: {Authorization: 'canary'}});
  await write(store, 1, 1);
  await until('it fails', () => drains.status()[0]?.error);
  t.is(drains.status()[0]?.error, 'the receiver answers 401: no such token: …');
  t.false(`${news.join()}${JSON.stringify(drains.status())}`.includes('canary'));
  await receiver.close();
});

test('Loki gets streams by label, with its own times; headers may be secrets', async (t) => {
  const bodies: {streams: {stream: Record<string, string>; values: [string, string][]}[]}[] = [];
  let authorization: string | undefined;
  let asked = '';
  const receiver = await httpReceiver(({path: where, headers, body}) => {
    [asked, authorization] = [where, headers.authorization];
    bodies.push(JSON.parse(body) as (typeof bodies)[number]);
    return 204;
  });
  const {store, drains} = await begin(t, `loki+http://127.0.0.1:${receiver.port}`, {sealedHeaders: {Authorization: 'AGE'}});
  await write(store, 1, 2);
  await until('all is delivered', () => drains.status()[0]?.delivered === 2);
  t.is(asked, '/loki/api/v1/push');
  t.is(authorization, 'opened AGE');
  const [{stream, values} = {stream: {}, values: []}] = bodies[0]?.streams ?? [];
  t.deepEqual(stream, {app: 'shop', source: 'app', name: 'web.1', stream: 'stdout', node: 'node-1'});
  t.deepEqual(values[0], [`${Date.parse(at(1).slice(0, 23) + 'Z') / 1000}000000000`, 'line 1 äöü']);
  await receiver.close();
});

test('GELF over UDP comes in one datagram, or in chunks that make one message', async (t) => {
  const chunks = new Map<string, Buffer[]>();
  const messages: Record<string, unknown>[] = [];
  const receiver = await datagramReceiver((datagram) => {
    if (datagram.readUInt16BE(0) !== 0x1e0f) return void messages.push(JSON.parse(datagram.toString()) as Record<string, unknown>);
    const id = datagram.toString('hex', 2, 10);
    const [number = 0, count = 0] = datagram.subarray(10, 12);
    const own = chunks.get(id) ?? [];
    chunks.set(id, own);
    own[number] = datagram.subarray(12);
    if (Object.keys(own).length === count) messages.push(JSON.parse(Buffer.concat(own).toString()) as Record<string, unknown>);
  });
  const {store} = await begin(t, `gelf://127.0.0.1:${receiver.port}`);
  await store.append(SHOP, 'web.1', Buffer.concat([line(1, 'web.1', 'short'), line(2, 'web.1', 'x'.repeat(30_000))]));
  await until('both came', () => messages.length === 2);
  t.deepEqual(messages[0], {version: '1.1', host: 'node-1', short_message: 'short', timestamp: Date.parse(at(1).slice(0, 23) + 'Z') / 1000, level: 6, _app: 'shop', _source: 'app', _name: 'web.1', _stream: 'stdout'});
  t.is(String(messages[1]?.['short_message']).length, 30_000);
  await receiver.close();
});

test('syslog over UDP comes as datagrams that a receiver takes', async (t) => {
  const got: SyslogMessage[] = [];
  const receiver = await datagramReceiver((datagram) => got.push(parseSyslog(datagram)));
  const {store} = await begin(t, `syslog://127.0.0.1:${receiver.port}`);
  await store.append(SHOP, 'web.1', Buffer.concat([line(1, 'web.1', 'short'), line(2, 'web.1', `${'ä'.repeat(10_000)}`)]));
  await until('both came', () => got.length === 2);
  t.is(got[0]?.text, 'short');
  t.true((got[1]?.text.length ?? 0) > 4_000 && /^ä+$/.test(got[1]?.text ?? ''));
  await receiver.close();
});

test('a drain that is taken away leaves nothing behind; one of the cluster gets all apps', async (t) => {
  const got: string[] = [];
  const receiver = await httpReceiver(({body}) => {
    got.push(...body.trimEnd().split('\n').map((one) => (JSON.parse(one) as {app: string}).app));
    return 200;
  });
  const {store, drains, folder} = await begin(t, 'http://127.0.0.1:9/');
  drains.follow([{url: `http://user:secret@127.0.0.1:${receiver.port}/?key=secret`}]);
  await until('the other runs', () => drains.status()[0]?.app === undefined && drains.status().length === 1);
  t.is(drains.status()[0]?.url, `http://127.0.0.1:${receiver.port}/`);
  // Only then the note is no longer that of the one before.
  await drains.settled();
  await until('its note is there', async () => (await readdir(path.join(folder, 'drains'))).length === 1);
  await write(store, 1, 1);
  await store.append('blog' as typeof SHOP, 'web.1', line(1, 'web.1', 'hello'));
  await until('both came', () => got.length >= 2);
  t.deepEqual(got.toSorted(), ['blog', 'shop']);
  drains.follow([]);
  await until('it is gone', async () => (await readdir(path.join(folder, 'drains'))).length === 0);
  await receiver.close();
});

/** A certificate of its own for 127.0.0.1. */
async function certificate(t: ExecutionContext): Promise<{readonly key: string; readonly cert: string}> {
  const folder = await temporary(t);
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  await execa('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=logs', '-addext', 'subjectAltName=IP:127.0.0.1']);
  return {key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8')};
}

test('over TLS the receiver has to be one whom the drain\'s own authority vouches for', async (t) => {
  const [own, other] = [await certificate(t), await certificate(t)];
  const got: SyslogMessage[] = [];
  await using receiver = await syslogReceiver(got, (onSocket) => createTlsServer(own, onSocket)).start();
  const url = `syslog+tls://127.0.0.1:${receiver.port}`;
  for (const more of [{}, {ca: other.cert}]) {
    const {store, news} = await begin(t, url, more);
    await write(store, 1, 1);
    await until('it says why not', () => news.some((one) => /^drain-failing: .*(self-signed certificate|unable to verify)/.test(one)));
  }
  t.deepEqual(got, []);
  const {store, drains} = await begin(t, url, {ca: own.cert});
  await write(store, 1, 2);
  await until('all is delivered', () => drains.status()[0]?.delivered === 2);
  t.deepEqual(got.map(({text}) => text), ['line 1 äöü', 'line 2 äöü']);
});
