import {once} from 'node:events';
import {appendFile, mkdtemp, readFile, writeFile} from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import test from 'ava';
import {parse} from 'yaml';
import type {NodeMetrics} from '../../reconciler/node.ts';
import {TrialAuthority} from '../support/certificates.ts';
import {freePorts} from '../support/free-ports.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Ports of the node that lead to services, byte for byte, by a real HAProxy.

/** Until then one that is served has got an answer, and one that is not was cut off. */
const ANSWER_MS_MAX = 20_000;
/** Connections that end at the same moment. */
const BURST = 500;

let node: TrialNode;
let cluster: string;
const [PLAIN = 0, OTHER = 0, PROXIED = 0, SHARED = 0, TAKEN = 0, FIRST = 0, ENDING = 0] = await freePorts(7);

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  cluster = await node.clone();
  await appendFile(path.join(cluster, 'cluster.yaml'), `router: {tcpPorts: ${FIRST}-${FIRST + 9}}\n`);
  await node.git(cluster, 'commit', '--quiet', '--all', '--message', 'ports that are free here');
  await node.git(cluster, 'push', '--quiet');
  for (const name of ['store', 'cache']) {
    await node.app(name, 'tcp-echo');
    await want(name, []);
    const pushed = await node.git(path.join(node.home, 'apps', name), 'push', 'flynn', 'main');
    if (pushed.exitCode !== 0) throw new Error(pushed.output);
  }
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

interface Wish {
  readonly replicas?: number;
  readonly colour?: string;
}

/** Makes `tcp:` of an app say this, by a commit of hand, and resolves to what git printed. */
async function want(app: string, tcp: readonly object[], {replicas = 1, colour = 'plain'}: Wish = {}): Promise<{readonly exitCode: number | undefined; readonly output: string}> {
  await node.git(cluster, 'pull', '--quiet', '--rebase');
  const manifest = {apiVersion: 'flynn/v1', kind: 'App', services: {db: {port: 5432, replicas, stopGraceSeconds: 20, env: {COLOUR: colour}}}, ...(tcp.length > 0 && {tcp})};
  await writeFile(path.join(cluster, 'apps', app, 'app.yaml'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  await node.git(cluster, 'commit', '--quiet', '--all', '--message', `${app}: ports`);
  const pushed = await node.git(cluster, 'push');
  if (pushed.exitCode !== 0) await node.git(cluster, 'reset', '--quiet', '--hard', 'HEAD~');
  return pushed;
}

interface Client extends AsyncDisposable {
  /** First line of the service: its host name and colour. */
  readonly greeting: string;
  readonly socket: net.Socket;
  /** Resolves to what comes back. */
  say(text: string): Promise<string>;
  /** Resolves to so many bytes, as soon as they are here. */
  take(length: number): Promise<string>;
}

async function connect(port: number, first?: Uint8Array | string): Promise<Client> {
  const socket = net.connect({port, host: '127.0.0.1'});
  let received = Buffer.alloc(0);
  socket.on('data', (chunk) => (received = Buffer.concat([received, chunk])));
  socket.on('error', () => {});
  await once(socket, 'connect');
  if (first !== undefined) socket.write(first);
  const read = async (length: (text: string) => number): Promise<string> => {
    const what = await until('an answer', () => {
      if (length(received.toString('latin1')) > 0) return 'answer';
      return (socket.destroyed || socket.readableEnded) && 'end';
    }, ANSWER_MS_MAX);
    if (what === 'end') throw new Error('the connection was closed');
    const end = length(received.toString('latin1'));
    const text = received.subarray(0, end).toString('latin1');
    received = received.subarray(end);
    return text;
  };
  const greeting = await read((text) => text.indexOf('\n') + 1).catch((error: unknown) => {
    // Else it would be one of the connections that are counted.
    socket.destroy();
    throw error;
  });
  return {
    greeting: greeting.trim(),
    socket,
    async say(text) {
      socket.write(text);
      return read((all) => (all.length >= text.length ? text.length : 0));
    },
    take: (length) => read((all) => (all.length >= length ? length : 0)),
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
}

/** The port serves, with everything that was asked for. */
async function served(port: number, first?: Uint8Array): Promise<Client> {
  return until(`port ${port} serves`, () => connect(port, first));
}

test.serial('a port leads to all replicas of a service, both ways', async (t) => {
  await want('store', [{port: PLAIN, service: 'db'}], {replicas: 3});
  await using first = await served(PLAIN);
  t.is(await first.say('select 1;\0\n'), 'select 1;\0\n');
  await node.settled();
  const names = await until('all three replicas', async () => {
    const clients = await Promise.all(Array.from({length: 9}, () => connect(PLAIN)));
    const found = new Set(clients.map(({greeting}) => greeting));
    for (const {socket} of clients) socket.destroy();
    return found.size === 3 && found;
  });
  t.is(names.size, 3);
  t.is((await node.containers('tcp')).length, 1);
});

test.serial('a route that names no port gets one of the range, by a commit', async (t) => {
  await want('cache', [{service: 'db'}]);
  const port = await until('a commit that says which', async () => {
    await node.git(cluster, 'pull', '--quiet', '--rebase');
    const {tcp: [route]} = parse(await readFile(path.join(cluster, 'apps/cache/app.yaml'), 'utf8')) as {tcp: [{port?: number}]};
    return route.port;
  });
  t.true(port >= FIRST && port <= FIRST + 9);
  const {output} = await node.git(cluster, 'log', '-1', '--format=%an: %s');
  t.is(output.trim(), 'Flynn: cache: choose a TCP port for db');
  await using client = await served(port);
  t.is(await client.say('x'), 'x');
  await want('cache', []);
});

test.serial('neither a new port, nor scaling, nor a deploy cuts a connection', async (t) => {
  await using client = await connect(PLAIN);
  const [replica] = client.greeting.split(' ');
  await want('cache', [{port: OTHER, service: 'db'}]);
  await using other = await served(OTHER);
  t.is(await client.say('after a new port'), 'after a new port');
  t.not(other.greeting.split(' ')[0], replica);
  await want('store', [{port: PLAIN, service: 'db'}], {replicas: 1, colour: 'red'});
  await until('new connections reach the new release', async () => {
    await using fresh = await connect(PLAIN);
    return fresh.greeting.endsWith(' red');
  });
  t.is(await client.say('after a deploy'), 'after a deploy');
  await until('the old replica waits for its connection', async () => (await node.plan()).waiting.some(({on}) => on === '1 open connections'));
  client.socket.destroy();
  await until('the old replica goes once the connection has ended', async () => (await node.running('store')).length === 1);
});

test.serial('connections that are made while ports change and replicas are replaced never fail', async (t) => {
  let made = 0;
  const failures: string[] = [];
  const ending = new AbortController();
  const load = Promise.all([1, 2, 3].map(async () => {
    while (!ending.signal.aborted) {
      try {
        await using client = await connect(PLAIN);
        if (await client.say('ping') !== 'ping') failures.push('another answer');
        made += 1;
      } catch (error) {
        failures.push(String(error));
      }
    }
  }));
  for (const colour of ['green', 'blue']) {
    await want('store', [{port: PLAIN, service: 'db'}], {replicas: 2, colour});
    await want('cache', colour === 'green' ? [{port: OTHER, service: 'db'}, {port: PROXIED, service: 'db'}] : [{port: OTHER, service: 'db'}]);
    await until(`${colour} serves`, async () => {
      await using client = await connect(PLAIN);
      return client.greeting.endsWith(` ${colour}`);
    });
    await node.settled();
  }
  ending.abort();
  await load;
  t.deepEqual(failures, []);
  t.true(made > 100, `${made} connections`);
});

test.serial('the client\'s address reaches the service by the PROXY protocol, and is taken over from one in front', async (t) => {
  await want('cache', [{port: OTHER, service: 'db', proxyProtocol: 'v1', acceptProxyProtocol: ['127.0.0.0/8']}, {port: PROXIED, service: 'db', proxyProtocol: 'v2'}]);
  await node.settled();
  await using one = await served(OTHER, Buffer.from('PROXY TCP4 203.0.113.7 198.51.100.1 4711 5432\r\nhello'));
  const expected = 'PROXY TCP4 203.0.113.7 198.51.100.1 4711 5432\r\nhello';
  // The service sends back all that it got: what we sent last, and the header in front of it.
  t.is(await one.take(expected.length), expected);
  await using two = await served(PROXIED);
  const header = await two.take(28);
  t.is(Buffer.from(header, 'latin1').subarray(0, 16).toString('hex'), '0d0a0d0a000d0a515549540a2111000c', 'version 2, TCP over IPv4 (HAProxy\'s proxy-protocol.txt)');
  t.deepEqual([...Buffer.from(header, 'latin1').subarray(16, 20)], [127, 0, 0, 1]);
});

test.serial('clients from elsewhere than allowed are cut off', async (t) => {
  await want('cache', [{port: OTHER, service: 'db', allow: ['192.0.2.0/24']}, {port: PROXIED, service: 'db', allow: ['127.0.0.1/32']}]);
  await node.settled();
  // HAProxy's worker of the ports before may still take one.
  await until('a client from there is served', async () => {
    await using client = await connect(PROXIED);
    return await client.say('in') === 'in';
  });
  await t.throwsAsync(connect(OTHER));
});

test.serial('two apps share a port by the host that TLS clients ask for', async (t) => {
  await want('store', [{port: PLAIN, service: 'db'}, {port: SHARED, service: 'db', sni: 'store.example.com'}], {colour: 'blue', replicas: 1});
  await want('cache', [{port: SHARED, service: 'db', sni: 'cache.example.com'}], {colour: 'grey'});
  await node.settled();
  await using store = await served(SHARED, await clientHello('store.example.com'));
  await using cache = await served(SHARED, await clientHello('cache.example.com'));
  t.deepEqual([store.greeting.split(' ')[1], cache.greeting.split(' ')[1]], ['blue', 'grey']);
  await t.throwsAsync(async () => connect(SHARED, await clientHello('other.example.com')));
});

test.serial('TLS ends at the router where the route says so, with a certificate of each host', async (t) => {
  const authority = await TrialAuthority.make(await mkdtemp(path.join(node.home, 'ca-')));
  await want('store', [{port: PLAIN, service: 'db'}, {port: ENDING, service: 'db', sni: 'store.example.com', tls: 'terminate'}], {colour: 'blue'});
  await until('it says what it waits for', async () => (await node.status('store')).conditions.some(({type, status, message}) => type === 'Ready' && !status && message.endsWith(`TCP port ${ENDING} waits on a certificate of store.example.com: flynn cert add, or one of an authority`)));
  const add = async (host: string) => {
    const {certificateFile, keyFile} = await authority.sign([host]);
    const {exitCode, output} = await node.flynn(['cert', 'add', '--cert', certificateFile, '--key', keyFile]);
    t.is(exitCode, 0, output);
  };
  await add('store.example.com');
  const says = async (servername: string) => {
    const socket = tls.connect({port: ENDING, host: '127.0.0.1', servername, ca: await authority.pem()});
    socket.on('end', () => socket.destroy(new Error('the connection was closed')));
    try {
      // A server may send before its certificate is checked.
      await once(socket, 'secureConnect', {signal: AbortSignal.timeout(ANSWER_MS_MAX)});
      const [first] = await once(socket, 'data', {signal: AbortSignal.timeout(ANSWER_MS_MAX)}) as [Buffer];
      return first.toString().trim().split(' ')[1];
    } finally {
      socket.destroy();
    }
  };
  t.is(await until('it serves', () => says('store.example.com')), 'blue');
  await using open = await served(PLAIN);
  await add('cache.example.com');
  await want('cache', [{port: ENDING, service: 'db', sni: 'cache.example.com', tls: 'terminate'}], {colour: 'grey'});
  t.is(await until('the other host is served', () => says('cache.example.com')), 'grey');
  t.is(await says('store.example.com'), 'blue');
  t.is(await open.say('still here'), 'still here');
  await t.throwsAsync(says('other.example.com'));
  await t.throwsAsync(once(tls.connect({port: ENDING, host: '127.0.0.1', servername: 'store.example.com', maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0', rejectUnauthorized: false}), 'secureConnect'));
});

test.serial('a port that something else has is waited for, and stops no other one', async (t) => {
  const squatter = net.createServer().listen(TAKEN, '127.0.0.1');
  await once(squatter, 'listening');
  await want('cache', [{port: TAKEN, service: 'db'}, {port: OTHER, service: 'db'}]);
  await using other = await served(OTHER);
  t.is(await other.say('served'), 'served');
  const wait = await until('the port is waited for', async () => (await node.plan()).waiting.find(({subject}) => subject === `TCP port ${TAKEN}`));
  t.is(wait.on, 'whatever else listens on it on this node to let it go');
  squatter.close();
  await using taken = await served(TAKEN);
  t.is(await taken.say('mine'), 'mine');
});

test.serial('a port of another app is refused at the push, with both files', async (t) => {
  const {exitCode, output} = await want('cache', [{port: PLAIN, service: 'db'}]);
  t.not(exitCode, 0);
  t.regex(output, new RegExp(`apps/cache/app\\.yaml:\\d+:\\d+: TCP port ${PLAIN} of apps/cache/app\\.yaml belongs to the app "store" already \\(apps/store/app\\.yaml\\)`));
});

test.serial('each connection is a line in the log of its app, also when hundreds end at once, and is counted for its replica', async (t) => {
  const lines = async (app: string, grep: string) => {
    const {exitCode, output} = await node.flynn(['logs', '--app', app, '--type', 'router', '--lines', '10000', '--grep', grep]);
    if (exitCode !== 0) throw new Error(output);
    return output.split('\n').filter((line) => line.includes('flynn[router]'));
  };
  const ended = `at=info protocol=tcp port=${PLAIN} fwd="127.0.0.1" replica=db.1 connect=.*ms duration=.*ms in=4 out=.* end=closed`;
  const clients = await Promise.all(Array.from({length: BURST}, () => connect(PLAIN)));
  await Promise.all(clients.map(async ({say}) => say('ping')));
  const before = (await lines('store', ended)).length;
  const counted = async () => {
    const {stdout} = await node.flynn(['metrics', 'store', '--json']);
    const {tcpReplicas} = JSON.parse(stdout) as NodeMetrics;
    return tcpReplicas.find(({port, replica}) => port === PLAIN && replica === 'db.1');
  };
  await until('all are open', async () => (await counted())?.open === BURST);
  for (const {socket} of clients) socket.end();
  await until('all are in the log', async () => (await lines('store', ended)).length === before + BURST);
  await until('none is open', async () => (await counted())?.open === 0);

  await want('cache', [{port: OTHER, service: 'db', allow: ['192.0.2.0/24']}, {port: PROXIED, service: 'db'}], {replicas: 0});
  await node.settled();
  await until('who may not come, and who found nobody', async () => {
    // HAProxy's worker of the ports before may still take one, finds nobody either, and tells it otherwise.
    for (const port of [OTHER, PROXIED]) await t.throwsAsync(connect(port));
    const refused = await lines('cache', `code=T43 desc="Client not allowed" protocol=tcp port=${OTHER}`);
    const alone = await lines('cache', `at=error code=T14 desc="No replicas running" protocol=tcp port=${PROXIED}`);
    return refused.length > 0 && alone.length > 0;
  });
});

test.serial('HAProxy that is killed, or whose file is changed by hand, is put right', async (t) => {
  const [before] = await node.containers('tcp');
  const {State} = await node.docker.getContainer(before?.id ?? '').inspect();
  process.kill(State.Pid, 'SIGKILL');
  // Its worker lives a moment longer.
  await until('it is another one', async () => {
    const [now] = await node.containers('tcp');
    const {Running: isRunning, Pid: pid} = (await node.docker.getContainer(now?.id ?? '').inspect()).State;
    return isRunning && pid !== State.Pid;
  });
  await using client = await served(PLAIN);
  t.is(await client.say('back'), 'back');
  const file = path.join(node.layout.haproxy, 'haproxy.cfg');
  const right = await readFile(file, 'utf8');
  await appendFile(file, '\nfrontend mine\n  bind 127.0.0.1:1\n');
  await until('the file is as it was', async () => await readFile(file, 'utf8') === right);
});

test.serial('without a port of any app there is no HAProxy', async (t) => {
  await want('store', []);
  await want('cache', []);
  await until('its container is gone', async () => (await node.containers('tcp')).length === 0);
  await t.throwsAsync(connect(PLAIN), {code: 'ECONNREFUSED'});
});

/** What a TLS client sends first when it asks for this host. */
async function clientHello(servername: string): Promise<Uint8Array> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as net.AddressInfo;
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const client = tls.connect({port, host: '127.0.0.1', servername}).on('error', () => {});
  const [socket] = await accepted;
  const [hello] = await once(socket, 'data') as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}
