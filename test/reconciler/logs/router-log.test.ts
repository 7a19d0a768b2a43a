import {appendFile, rename, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {formatRequest, parseAccessEntry} from '../../../reconciler/logs/access-log.ts';
import {RequestCounters} from '../../../reconciler/logs/requests.ts';
import {followRouterLog} from '../../../reconciler/logs/router-log.ts';
import {RotatedFile} from '../../../reconciler/logs/tail.ts';
import {until} from '../../support/until.ts';
import {openStore, SHOP, temporary, texts} from './support.ts';

/** As Caddy 2.6.2 wrote it with our configuration. */
function logged(change: {readonly uri?: string; readonly status?: number; readonly note?: string; readonly ts?: string} = {}): string {
  const {uri = '/cart?id=7', status = 200, note = 'tcp/a-10-213-0-3._ip.flynn.internal.:8080 b5fada1e-a4be-48f7-a08d-a45bb3165cd5 http 4.360029ms', ts = '2026-11-25T20:30:28.37323398Z'} = change;
  return `${JSON.stringify({ts, request: {remote_ip: '192.0.2.7', remote_port: '35368', proto: 'HTTP/1.1', method: 'GET', host: 'shop.example.com:8080', uri}, user_id: note, duration: 0.004492888, size: 223, status})}\n`;
}

for (const [what, line, replica, printed] of [
  ['an answer', logged(), 'web.1', 'at=info method=GET path="/cart?id=7" host=shop.example.com request_id=b5fada1e-a4be-48f7-a08d-a45bb3165cd5 fwd="192.0.2.7" replica=web.1 service=4ms status=200 bytes=223 protocol=http'],
  ['an error of the app', logged({status: 500}), 'web.1', 'at=info method=GET path="/cart?id=7" host=shop.example.com request_id=b5fada1e-a4be-48f7-a08d-a45bb3165cd5 fwd="192.0.2.7" replica=web.1 service=4ms status=500 bytes=223 protocol=http'],
  ['a replica that did not answer', logged({status: 502, note: 'tcp/10.0.0.3:8080 id https '}), 'web.1', 'at=error desc="the replica did not answer" method=GET path="/cart?id=7" host=shop.example.com request_id=id fwd="192.0.2.7" replica=web.1 service=4ms status=502 bytes=223 protocol=https'],
  ['no replica', logged({status: 503, note: 'tcp/_none.flynn.internal.:1 id http '}), undefined, 'at=error desc="no replica to give it to" method=GET path="/cart?id=7" host=shop.example.com request_id=id fwd="192.0.2.7" replica= service=4ms status=503 bytes=223 protocol=http'],
  ['a client that went away', logged({status: 0, note: 'tcp/10.0.0.3:8080 id http '}), 'web.1', 'at=info method=GET path="/cart?id=7" host=shop.example.com request_id=id fwd="192.0.2.7" replica=web.1 service=4ms status=499 bytes=223 protocol=http'],
  ['a path that wants to be more', logged({uri: '/" status=200\n2026'}), 'web.1', 'at=info method=GET path="/\\" status=200\\n2026" host=shop.example.com request_id=b5fada1e-a4be-48f7-a08d-a45bb3165cd5 fwd="192.0.2.7" replica=web.1 service=4ms status=200 bytes=223 protocol=http'],
] as const) {
  test(`${what} is one line as Heroku's router writes it`, (t) => {
    const entry = parseAccessEntry(line);
    if (entry === undefined) return t.fail();
    t.is(formatRequest(entry, replica), printed);
  });
}

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

test('requests come into the log of the app whose replica or host it was, once, and are counted by release', async (t) => {
  const folder = await temporary(t);
  const file = path.join(folder, 'access.log');
  const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
  await writeFile(file, logged({ts: ago(3_000)}) + logged({ts: ago(2_000), status: 500}) + logged({ts: ago(1_000), note: 'tcp/10.9.9.9:80 id http 1ms'}));
  const counters = new RequestCounters();
  for (const life of [1, 2]) {
    const store = await openStore(t, {folder});
    const ending = new AbortController();
    // The place is lost: the store itself knows what it has.
    const running = followRouterLog({
      file, placeFile: path.join(folder, `place-${life}.json`), store, counters, onProblem: (error) => t.fail(error.message),
      attribute: (upstream) => (upstream.startsWith('a-10-213-0-3.') ? {app: SHOP, replica: 'web.1', release: 3, spec: 'v3'} : undefined),
    }, ending.signal);
    await until('it is read', () => counters.figures(SHOP, 'v3', 0).requests === 2 * life);
    ending.abort();
    await running;
    t.is((await texts(store)).length, 2);
  }
  t.is(counters.figures(SHOP, 'v3', 0).failures, 2);
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
