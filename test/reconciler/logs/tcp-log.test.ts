import {appendFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {formatConnection, parseTcpEntry} from '../../../reconciler/logs/tcp-entry.ts';
import {followTcpLog, type TcpLogOptions} from '../../../reconciler/logs/tcp-log.ts';
import {TcpCounters} from '../../../reconciler/logs/tcp-traffic.ts';
import {until} from '../../support/until.ts';
import {openStore, SHOP, temporary, texts} from './support.ts';

/** As HAProxy 3.0 writes it with our configuration: begin, client, port, backend, who was refused, replica, waiting, connecting, whole time, bytes in and out, how it ended. */
const lines: readonly (readonly [what: string, logged: string, replica: string | undefined, printed: string])[] = [
  ['one that ended in order', '1764100800123 192.0.2.7 5432 p5432_db.shop - 10.213.0.3 1 0 1203 44 5000 --', 'db.1', 'at=info protocol=tcp port=5432 fwd="192.0.2.7" replica=db.1 connect=1ms duration=1203ms in=44 out=5000 end=closed'],
  ['one behind a load balancer, which says its own port', '1764100800123 203.0.113.7 443 p5432_db.shop - 10.213.0.3 1 0 1203 44 5000 --', 'db.1', 'at=info protocol=tcp port=5432 fwd="203.0.113.7" replica=db.1 connect=1ms duration=1203ms in=44 out=5000 end=closed'],
  ['one that its client broke off', '1764100800123 ::ffff:192.0.2.7 5432 p5432_db.shop - 10.213.0.3 0 0 7 44 50 CD', 'db.1', 'at=info protocol=tcp port=5432 fwd="192.0.2.7" replica=db.1 connect=0ms duration=7ms in=44 out=50 end=client'],
  ['one that its replica broke off', '1764100800123 2001:db8::7 5432 p5432_db.shop - 10.213.0.3 0 0 7 44 50 SD', 'db.1', 'at=info protocol=tcp port=5432 fwd="2001:db8::7" replica=db.1 connect=0ms duration=7ms in=44 out=50 end=replica'],
  ['one on which nothing was said', '1764100800123 192.0.2.7 5432 p5432_db.shop - 10.213.0.3 0 0 60001 0 0 cD', 'db.1', 'at=info protocol=tcp port=5432 fwd="192.0.2.7" replica=db.1 connect=0ms duration=60001ms in=0 out=0 end=idle'],
  ['one without a replica', '1764100800123 192.0.2.7 5432 p5432_db.shop - - -1 -1 0 0 0 SC', undefined, 'at=error code=T14 desc="No replicas running" protocol=tcp port=5432 fwd="192.0.2.7" replica= duration=0ms in=0 out=0'],
  ['one whose replica refused it', '1764100800123 192.0.2.7 5432 p5432_db.shop - 10.213.0.3 0 -1 3001 0 0 SC', 'db.1', 'at=error code=T21 desc="Backend connection refused" protocol=tcp port=5432 fwd="192.0.2.7" replica=db.1 duration=3001ms in=0 out=0'],
  ['one whose replica can not be reached', '1764100800123 192.0.2.7 5432 p5432_db.shop - 10.213.0.3 0 -1 2000 0 0 sC', 'db.1', 'at=error code=T19 desc="Backend connection timeout" protocol=tcp port=5432 fwd="192.0.2.7" replica=db.1 duration=2000ms in=0 out=0'],
  ['one whose client left before there was a replica', '1764100800123 192.0.2.7 5432 p5432_db.shop - - -1 -1 20 0 0 CC', undefined, 'at=warning code=T27 desc="Client Connection Interrupted" protocol=tcp port=5432 fwd="192.0.2.7" replica= duration=20ms in=0 out=0'],
  ['one from a network that is not allowed', '1764100800123 198.51.100.9 5432 p5432 p5432_db.shop - -1 -1 0 0 0 PR', undefined, 'at=warning code=T43 desc="Client not allowed" protocol=tcp port=5432 fwd="198.51.100.9" replica= duration=0ms in=0 out=0'],
  ['one that HAProxy had no means for', '1764100800123 198.51.100.9 5432 p5432_db.shop - - -1 -1 0 0 0 RC', undefined, 'at=error code=T14 desc="No replicas running" protocol=tcp port=5432 fwd="198.51.100.9" replica= duration=0ms in=0 out=0'],
];

for (const [what, line, replica, printed] of lines) {
  test(`${what} is one line, in the words of the router's`, (t) => {
    const entry = parseTcpEntry(line);
    t.is(entry && formatConnection(entry, replica), printed);
  });
}

test('a connection counts for when it was over, and for whom it was meant', (t) => {
  t.like(parseTcpEntry('1764100800123 198.51.100.9 443 p443 p443_a.test_db.shop - -1 -1 877 0 0 PR'), {at: '2025-11-25T20:00:01.000000000Z', backend: 'p443_a.test_db.shop'});
});

test('other words of HAProxy are no connection', (t) => {
  for (const line of ['', 'Server p5432_db.shop/r1 is going DOWN for maintenance (No IP for server ).', '192.0.2.7:1 [25/Nov] p5432/1: Received something which does not look like a PROXY protocol header']) t.is(parseTcpEntry(line), undefined);
});

test('connections come into the log of the app beside its requests, and are counted by replica', async (t) => {
  const store = await openStore(t);
  const folder = await temporary(t);
  const [file, counters] = [path.join(folder, 'connections.log'), new TcpCounters()];
  const life = await beginLife(t, {file, placeFile: path.join(folder, 'place.json'), store, counters});
  await writeFile(file, [...lines.slice(0, 1), ...lines.slice(2, 6)].map(([, line]) => `${line}\n`).join(''));
  await until('all lines are there', async () => (await texts(store, {service: 'router'})).length === 5);
  t.deepEqual(counters.figures(), [
    {app: SHOP, service: 'db', port: 5432, connections: 1, bytesIn: 0, bytesOut: 0, errors: {T14: 1}},
    {app: SHOP, service: 'db', port: 5432, replica: 'db.1', connections: 4, bytesIn: 132, bytesOut: 5100, errors: {}},
  ]);
  await life.end();
});

test('what is read again after a kill comes into the log once, although hundreds end in one millisecond', async (t) => {
  const folder = await temporary(t);
  const [file, kept] = [path.join(folder, 'connections.log'), path.join(folder, 'store')];
  const same = '1764100800123 192.0.2.7 5432 p5432_db.shop - 10.213.0.3 0 0 7 44 50 --\n';
  const later = same.replace('5432 p5432', '5433 p5433');
  await writeFile(file, same.repeat(300) + later.repeat(2));
  for (const [life, expected] of [[1, 302], [2, 603]] as const) {
    const store = await openStore(t, {folder: kept});
    // The place is lost: the store itself knows what it has.
    const running = await beginLife(t, {file, placeFile: path.join(folder, `place-${life}.json`), store, counters: new TcpCounters()}, life === 1);
    await until('all lines are there', async () => (await texts(store)).length >= expected);
    await running.end();
    await store.written();
    t.is((await texts(store)).length, expected);
    await appendFile(file, later + same.repeat(300));
  }
});

async function beginLife(t: ExecutionContext, options: Pick<TcpLogOptions, 'file' | 'placeFile' | 'store' | 'counters'>, areReplicasKnown = true): Promise<{end(): Promise<void>}> {
  const ending = new AbortController();
  const attribute: TcpLogOptions['attribute'] = ({upstream}) => ({app: SHOP, service: 'db', ...(upstream !== undefined && areReplicasKnown && {replica: 'db.1', release: 7})});
  const following = followTcpLog({...options, attribute, onProblem: (error) => t.fail(error.message)}, ending.signal);
  return {
    async end() {
      ending.abort();
      await following;
    },
  };
}
