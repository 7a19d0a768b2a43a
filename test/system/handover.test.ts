import test from 'ava';
import {ask, startLoad} from '../support/load.ts';
import {openEcho, openEvents} from '../support/trial-client.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// What was configured changes while people are connected: another Caddy takes over, and nobody's connection is cut.

const HOST = 'shop.flynn.localhost';
/** The promise is 2 s; busy machines get more here. */
const LIVE_MS_MAX = 20_000;

let node: TrialNode;
let cluster: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  await node.deployed('shop', 'streams');
  cluster = await node.clone();
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

/** A path of its own for one more host: not to be said by names alone. */
async function want(path: string): Promise<void> {
  await node.want(cluster, {'apps/shop/app.yaml': `apiVersion: flynn/v1\nkind: App\nroutes:\n  - host: ${HOST}\n  - {host: paths.test, path: ${path}}\n`});
}

const isServed = async (path: string) => (await ask({port: node.httpPort, host: 'paths.test', path})).status === 200;

async function routers(): Promise<readonly string[]> {
  return (await node.containers('router')).filter(({state}) => state === 'running').map(({name}) => name);
}

async function connect() {
  const websocket = await openEcho(HOST, node.httpPort);
  const events = await openEvents(HOST, node.httpPort);
  return {
    areAlive: async () => (await websocket.echo('still here')) === 'still here' && await events.ticks(),
    close: () => {
      websocket.close();
      events.close();
    },
  };
}

test.serial('routes change five times under load: no request fails, websockets and event streams live on', async (t) => {
  t.timeout(180_000);
  const streams = await connect();
  await using load = startLoad({port: node.httpPort, host: HOST});
  const tookMs: number[] = [];
  for (const path of ['/one', '/two', '/three', '/four', '/five']) {
    const pushedAtMs = performance.now();
    await want(path);
    await until(`${path} is served`, () => isServed(path));
    tookMs.push(Math.round(performance.now() - pushedAtMs));
    t.true(await streams.areAlive(), path);
  }
  t.log(`live, from the beginning of the push, after ${tookMs.join(', ')} ms; ${load.count} requests meanwhile`);
  t.true(Math.max(...tookMs) < LIVE_MS_MAX);
  const {failures} = await load.stop();
  t.deepEqual(failures, []);
  await until('only those are left that somebody is connected to', async () => (await routers()).length === 2);
  t.true(await streams.areAlive());
  streams.close();
  await until('only the newest is left', async () => (await node.containers('router')).length === 1);
});

test.serial('killed in the middle of it, the node ends with one router, and nothing was cut', async (t) => {
  t.timeout(120_000);
  const streams = await connect();
  await using load = startLoad({port: node.httpPort, host: HOST});
  await want('/six');
  await until('another Caddy is there', async () => (await node.containers('router')).length > 1);
  await node.kill('SIGKILL');
  t.true(await streams.areAlive());
  await node.up();
  await until('/six is served', () => isServed('/six'));
  await node.settled();
  t.true(await streams.areAlive());
  const {failures} = await load.stop();
  t.deepEqual(failures, []);
  streams.close();
  await until('only the newest is left', async () => (await node.containers('router')).length === 1);
});

test.serial('other settings take over the same way', async (t) => {
  t.timeout(120_000);
  const streams = await connect();
  await using load = startLoad({port: node.httpPort, host: HOST});
  const before = await routers();
  await node.kill('SIGTERM');
  await node.up(['--listen', '0.0.0.0']);
  await until('another Caddy has taken over', async () => (await routers()).some((name) => !before.includes(name)) && await node.isSettled());
  t.true(await streams.areAlive());
  const {failures} = await load.stop();
  t.deepEqual(failures, []);
  streams.close();
});
