import {readFile} from 'node:fs/promises';
import {get, type IncomingHttpHeaders} from 'node:http';
import test from 'ava';
import type {FlynnEvent} from '../../reconciler/status/status.ts';
import type {DrainStatus, LogLine} from '../../reconciler/node.ts';
import {startLoad} from '../support/load.ts';
import {syslogReceiver, type SyslogMessage} from '../support/receivers.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

const CRASHING = 'FROM flynn/run\nUSER app\nCMD ["sh", "-c", "echo to stdout; echo to stderr >&2; exit 3"]\n';

/** Prints 1, 2, 3 …, a hundred lines at a time, twenty times a second. */
const COUNT = ['perl', '-e', '$|=1; while (1) { print map { ++$n . "\\n" } 1..100; select undef, undef, undef, 0.05 }'];

/** The same without a pause, about a hundred bytes a line. */
const FLOOD = ['perl', '-e', 'while (1) { print ++$n, " ", "x" x 90, "\\n" }'];

let node: TrialNode;
let folder: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  folder = await node.deployed('shop', 'quick');
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

async function logs(...args: readonly string[]): Promise<readonly LogLine[]> {
  const {stdout, output} = await node.flynn(['logs', 'shop', '--json', ...args]);
  if (stdout === '' && output !== '') throw new Error(output);
  return stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as LogLine);
}

test.serial('a release that crashed is in the log when its containers are long gone: what it wrote, and how it ended', async (t) => {
  await node.commit(folder, {Dockerfile: CRASHING});
  t.is((await node.git(folder, 'push', 'flynn', 'main')).exitCode, 1);
  await until('its containers are stopped', async () => (await node.running('shop')).length === 1);
  // The node removes them itself when it has read all that they wrote; here somebody is quicker, but no sooner.
  await until('what they wrote is kept', async () => (await logs('-n', '1000')).filter(({release, text}) => release === 2 && text === 'to stderr').length >= 3);
  for (const {id, state} of await node.containers('app', 'shop')) if (state !== 'running') await node.docker.getContainer(id).remove({force: true}).catch(() => undefined);
  await until('its containers are gone', async () => (await node.containers('app', 'shop')).length === 1);
  const lines = await logs('-n', '1000');
  const ofV2 = lines.filter(({release}) => release === 2);
  t.true(ofV2.some(({source, name, stream, text}) => source === 'app' && name === 'web.1' && stream === 'stdout' && text === 'to stdout'));
  t.true(ofV2.some(({source, stream, text}) => source === 'app' && stream === 'stderr' && text === 'to stderr'));
  t.true(ofV2.some(({source, name, text}) => source === 'flynn' && name === 'platform' && text === 'web.1 exited with code 3'), JSON.stringify(lines));
  t.true(lines.some(({name, text}) => name === 'build' && text.startsWith('-----> ')));
  t.true(lines.some(({release, text}) => release === 1 && text === 'listening on 8080'));
  const times = lines.map(({at}) => at);
  t.deepEqual(times, times.toSorted());
  const {output} = await node.flynn(['logs', 'shop', '-t', 'platform', '--grep', 'code 3']);
  t.regex(output, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 flynn\[platform\]: web\.1 exited with code 3$/m);
});

test.serial('killed while lines come, the reconciler goes on where it was: none is lost, none comes twice', async (t) => {
  const counter = await node.app('counter', 'quick');
  const cluster = await node.clone('cluster-counter');
  await node.want(cluster, {'apps/counter/app.yaml': `apiVersion: flynn/v1\nkind: App\nservices:\n  web: {replicas: 0}\n  count:\n    replicas: 1\n    command: ${JSON.stringify(COUNT)}\n`});
  await node.mustGit(counter, 'push', 'flynn', 'main');
  const count = async () => {
    const {stdout} = await node.flynn(['logs', 'counter', '-t', 'count', '--since', '1h', '--json']);
    return stdout.split('\n').filter((line) => line !== '').map((line) => Number((JSON.parse(line) as LogLine).text));
  };
  await until('it counts', async () => (await count()).length > 1000);
  await node.kill('SIGKILL');
  await node.up();
  const before = (await count()).length;
  await until('it counts on', async () => (await count()).length > before + 500);
  const numbers = await count();
  t.log(`${numbers.length} lines over a kill`);
  t.deepEqual(numbers, numbers.map((_, index) => index + 1));
});

test.serial('events are there after a restart, with commit and actor', async (t) => {
  const read = async () => (await node.flynn(['events', '--json', '-a', 'shop', '-n', '10000'])).stdout.split('\n').map((line) => JSON.parse(line) as FlynnEvent);
  const before = await read();
  t.true(before.some(({kind, message, release, commit}) => kind === 'exited' && message === 'web.1 exited with code 3' && release === 2 && commit !== undefined));
  await node.kill('SIGKILL');
  await node.up();
  t.deepEqual((await read()).slice(0, before.length), before);
  const {stdout} = await node.flynn(['events', '--json']);
  const commits = stdout.split('\n').map((line) => JSON.parse(line) as FlynnEvent).filter(({kind}) => kind === 'commit');
  t.true(commits.some(({actor, reason}) => actor === 'Ada' && reason === 'shop: create'), JSON.stringify(commits));
});

test.serial('each request is a line of the router, with the replica that answered, and its client learns nothing of it', async (t) => {
  const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    get({host: '127.0.0.1', port: node.httpPort, path: '/cart?id="7"', headers: {host: 'shop.flynn.localhost', 'x-request-id': 'my-own-request-id-0001'}}, (response) => {
      response.resume().on('end', () => resolve(response.headers));
    }).on('error', reject);
  });
  t.false(/web\.1|_ip|10\.\d+\.\d+\.\d+/.test(JSON.stringify(headers)), JSON.stringify(headers));
  const line = await until('the line is there', async () => (await logs('-t', 'router', '--grep', 'my-own-request-id-0001'))[0]);
  t.regex(line.text, /^at=info method=GET path="\/cart\?id=\\"7\\"" host=shop\.flynn\.localhost request_id=my-own-request-id-0001 fwd="127\.0\.0\.1" replica=web\.1 connect=\d+ms service=\d+ms status=200 bytes=\d+ protocol=http$/);
  t.like(line, {source: 'flynn', name: 'router', release: 1});
});

test.serial('a container that writes as fast as it can loses no follower, grows no memory and slows no other app', async (t) => {
  t.timeout(200_000);
  const cluster = await node.clone('cluster-flood');
  await node.want(cluster, {'apps/counter/app.yaml': `apiVersion: flynn/v1\nkind: App\nservices:\n  web: {replicas: 0}\n  count:\n    replicas: 1\n    command: ${JSON.stringify(FLOOD)}\n`});
  const following = new AbortController();
  let seen = 0;
  const follower = node.flynn(['logs', 'counter', '-f', '-t', 'count'], {signal: following.signal, onLine: () => (seen += 1)});
  await until('the flood comes', () => seen > 50_000, 60_000);
  const before = await memoryOf(node.pid ?? 0);
  const seenBefore = seen;
  await using load = startLoad(node.target('shop'));
  await until('it goes on', () => seen > seenBefore + 150_000, 60_000);
  const {answered, failures} = await load.stop();
  following.abort();
  await follower;
  const after = await memoryOf(node.pid ?? 0);
  t.log(`${seen} lines followed; ${answered} requests of another app, ${failures.length} failed; reconciler ${before} → ${after} MiB`);
  t.deepEqual(failures, []);
  t.true(after < before + 100, `${before} → ${after} MiB`);
});

async function memoryOf(pid: number): Promise<number> {
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
}

test.serial('a drain in app.yaml gets the lines, waits for a receiver that is away, and catches up', async (t) => {
  const got: SyslogMessage[] = [];
  const receiver = await syslogReceiver(got).start();
  const cluster = await node.clone('cluster-drain');
  await node.want(cluster, {'apps/shop/app.yaml': `apiVersion: flynn/v1\nkind: App\ndrains:\n  - url: syslog+tcp://127.0.0.1:${receiver.port}\n`});
  const drains = async () => JSON.parse((await node.flynn(['drains', '-a', 'shop', '--json'])).stdout) as readonly DrainStatus[];
  await until('the drain is there', async () => (await drains()).length === 1);
  await node.ask('shop', '/log/one');
  await until('it came', () => got.some(({text}) => text === 'GET /log/one'));
  t.true(await until('the request too', () => got.some(({process, text}) => process === 'router' && text.includes('path="/log/one"'))));
  await receiver.kill();
  await node.ask('shop', '/log/two');
  await until('it is told', async () => (await drains())[0]?.state === 'failing');
  // Now: what happens in the last moments before a kill may not be on the disk.
  t.regex((await node.flynn(['events', '-a', 'shop'])).output, /shop\[drain-failing\]: drain syslog\+tcp:\/\/127\.0\.0\.1:\d+ fails: /);
  await node.kill('SIGKILL');
  await receiver.start();
  await node.up();
  await until('it came later', () => got.some(({text}) => text === 'GET /log/two'));
  await until('all has arrived', async () => (await drains())[0]?.behind === 0);
  t.like((await drains())[0], {app: 'shop', dropped: 0});
  await receiver[Symbol.asyncDispose]();
});
