import {once} from 'node:events';
import net from 'node:net';
import test from 'ava';
import type {LogLine, NodeMetrics} from '../../reconciler/node.ts';
import {freePorts} from '../support/free-ports.ts';
import {TrialNode} from '../support/trial-node.ts';
import {LIMIT_MS, until} from '../support/until.ts';

// What a node says of its traffic: the router's lines in the log of the app, figures of each replica, Prometheus' text.

/** Answers its path, `/gone` with a closed connection, `/status/N` with a status; echoes whoever wants another protocol. */
const SERVER = `
use strict;
use IO::Socket::INET;
local $| = 1;
local $SIG{CHLD} = 'IGNORE';
my $server = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 128, ReuseAddr => 1) or die;
while (my $client = $server->accept) {
  if (fork) { close $client; next; }
  my ($path) = (<$client> // '') =~ m{^\\S+ (\\S+)};
  my ($length, $upgrade) = (0, 0);
  while (my $line = <$client>) { $length = $1 if $line =~ /^content-length: (\\d+)/i; $upgrade = 1 if $line =~ /^upgrade:/i; last if $line =~ /^\\r?\\n$/; }
  read $client, my $body, $length if $length;
  exit if $path eq '/gone';
  $client->autoflush(1);
  if ($upgrade) { print $client "HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n"; while (sysread $client, my $some, 4096) { print $client $some } exit; }
  my $status = $path =~ m{^/status/(\\d+)} ? $1 : 200;
  print $client "HTTP/1.1 $status X\\r\\nConnection: close\\r\\nContent-Length: ", length $path, "\\r\\n\\r\\n$path";
  exit;
}
`;

let node: TrialNode;
const [PORT = 0] = await freePorts(1);

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  const cluster = await node.clone();
  await node.deployed('shop', 'quick', {'server.pl': SERVER});
  await node.want(cluster, {'apps/shop/app.yaml': `apiVersion: flynn/v1\nkind: App\nservices:\n  web: {replicas: 2}\n  later: {replicas: 0, port: 8080, command: perl /srv/server.pl}\nroutes:\n  - host: shop.flynn.localhost\n  - {host: later.test, service: later}\ntcp:\n  - {port: ${PORT}, service: web}\n`});
  await until('two replicas serve', async () => (await node.running('shop')).length === 2 && await node.isSettled());
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

const metrics = async () => JSON.parse((await node.flynn(['metrics', 'shop', '--json'])).stdout) as NodeMetrics;
const sum = (found: NodeMetrics, of: (one: NodeMetrics['http'][number]) => number) => found.http.reduce((total, one) => total + of(one), 0);

async function routerLine(grep: string): Promise<string> {
  const line = await until(`a line with ${grep}`, async () => {
    const {stdout} = await node.flynn(['logs', 'shop', '-t', 'router', '--grep', grep, '--json']);
    return stdout === '' ? undefined : (JSON.parse(stdout.split('\n')[0] ?? '') as LogLine).text;
  });
  return line;
}

async function raw(request: string, port = node.httpPort): Promise<{readonly socket: net.Socket; readonly first: string}> {
  const socket = net.connect(port, '127.0.0.1');
  const onEnd = () => socket.destroy(new Error('closed without an answer'));
  socket.once('end', onEnd).once('data', () => socket.off('end', onEnd));
  socket.write(request);
  const [first] = await once(socket, 'data', {signal: AbortSignal.timeout(LIMIT_MS)}) as [Buffer];
  return {socket, first: first.toString()};
}

test.serial('requests are counted for the replica that answered, with status, bytes and time', async (t) => {
  const statuses = await Promise.all(Array.from({length: 40}, async (_, index) => (await node.ask('shop', index % 4 === 0 ? `/status/404?${index}` : `/ok?${index}`)).status));
  t.is(statuses.filter((status) => status === 200).length, 30);
  const post = await raw('POST /in HTTP/1.1\r\nHost: shop.flynn.localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello');
  post.socket.destroy();
  const found = await until('all are counted', async () => {
    const now = await metrics();
    return sum(now, ({requests}) => requests) >= 41 && now;
  });
  t.deepEqual(found.http.map(({app, replica}) => `${app} ${replica}`), ['shop web.1', 'shop web.2']);
  t.deepEqual([sum(found, ({statuses: {'2xx': ok = 0}}) => ok), sum(found, ({statuses: {'4xx': bad = 0}}) => bad), sum(found, ({bytesIn}) => bytesIn)], [31, 10, 5]);
  t.true(found.http.every(({p95Ms = 0, bytesOut, requestsOfLastMinute}) => p95Ms > 0 && bytesOut > 0 && requestsOfLastMinute > 0));
  const {output} = await node.flynn(['metrics', 'shop']);
  t.regex(output, /^APP +REPLICA +REQUESTS .*\nshop +web\.1 +\d+ /m);
});

test.serial('an open websocket is counted while it is open, and is a line of the log when it ends', async (t) => {
  const {socket, first} = await raw('GET /ws?one HTTP/1.1\r\nHost: shop.flynn.localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  t.true(first.startsWith('HTTP/1.1 101 '), first);
  t.is(sum(await metrics(), ({open = 0}) => open), 1);
  socket.destroy();
  t.regex(await routerLine('/ws.one'), /^at=info method=GET path="\/ws\?one" .* replica=web\.[12] service=\d+ms status=101 bytes=0 protocol=http$/);
  t.is(sum(await metrics(), ({open = 0}) => open), 0);
});

test.serial('a replica that closes the connection is told by Heroku\'s code, and asked once', async (t) => {
  t.is((await node.ask('shop', '/gone')).status, 502);
  t.regex(await routerLine('/gone'), /^at=error code=H13 desc="Connection closed without response" method=GET path="\/gone" host=shop\.flynn\.localhost .* replica=web\.[12] service=\d+ms status=502 /);
  await until('it is counted', async () => sum(await metrics(), ({errors: {H13 = 0}}) => H13) === 1);
});

test.serial('a request that no replica got is counted for the app, and told', async (t) => {
  const {socket, first} = await raw('GET /early HTTP/1.1\r\nHost: later.test\r\nConnection: close\r\n\r\n');
  socket.destroy();
  t.true(first.startsWith('HTTP/1.1 503 '), first);
  t.regex(await routerLine('/early'), /^at=error code=H14 desc="No web processes running" method=GET path="\/early" host=later\.test .* replica= connect=\d+ms service=\d+ms status=503 /);
  t.deepEqual((await metrics()).http.filter(({replica}) => replica === undefined).map(({requests, errors}) => ({requests, errors})), [{requests: 1, errors: {H14: 1}}]);
});

test.serial('connections to a TCP port are counted, with their bytes', async (t) => {
  const {socket} = await until('the port serves', () => raw('GET /tcp HTTP/1.1\r\n\r\n', PORT));
  await once(socket, 'close');
  const {socket: open} = await raw('GET /ws HTTP/1.1\r\nUpgrade: echo\r\n\r\n', PORT);
  const found = await until('both are counted, the one that has ended as such', async () => (await metrics()).tcp.find(({connections, open: now}) => connections >= 2 && now === 1));
  t.like(found, {app: 'shop', service: 'web', port: PORT, open: 1});
  t.true(found.bytesIn > 0 && found.bytesOut > 0);
  open.destroy();
});

test.serial('Prometheus gets the same figures from the API, with the token', async (t) => {
  const ask = async (headers: Record<string, string>) => fetch(`${node.apiUrl}/metrics`, {headers});
  t.is((await ask({})).status, 401);
  const text = await (await ask({authorization: `Bearer ${await node.token()}`})).text();
  t.regex(text, /^flynn_http_requests_total\{node="[^"]+",app="shop",service="web",replica="web\.1",status="2xx"\} \d+$/m);
  t.regex(text, /^flynn_http_errors_total\{node="[^"]+",app="shop",service="",replica="",code="H14"\} 1$/m);
  t.regex(text, new RegExp(`^flynn_tcp_connections_total\\{node="[^"]+",app="shop",service="web",port="${PORT}"\\} \\d+$`, 'm'));
});
