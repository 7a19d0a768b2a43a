import test from 'ava';
import {startLoad} from '../support/load.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// One node and one Node.js app, deployed as a user does it: git, through the router, by name.

let node: TrialNode;
let folder: string;

const server = (text: string) => `const {createServer} = require('node:http');
createServer((_, response) => response.end('${text}')).listen(process.env.PORT, () => console.log('listening'));
`;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

test.serial('the first push builds, serves, and shows it live in Heroku\'s words', async (t) => {
  t.timeout(120_000);
  folder = await node.app('shop', 'node-hello', {'server.js': server('one')});
  const pushed = await node.git(folder, 'push', 'flynn', 'main');
  const servedAtMs = performance.now();
  t.is((await node.ask('shop')).body, 'one');
  t.is(pushed.exitCode, 0, pushed.output);
  const at = (text: string) => pushed.lines.find((line) => line.text.includes(text))?.atMs ?? Number.NaN;
  t.regex(pushed.output, /^remote: -----> Node\.js app detected$/m);
  t.regex(pushed.output, /^remote: {8}Released v1$/m);
  t.regex(pushed.output, new RegExp(`^remote: {8}http://shop\\.flynn\\.localhost:${node.httpPort}/ deployed$`, 'm'));
  t.true(servedAtMs - at('app detected') > 500 && at('app detected') < at('Build succeeded') && at('Build succeeded') < at('deployed'), 'lines come as things happen, not all at the end');
  t.regex(await node.manifest('apps/shop/releases/v0001.yaml') ?? '', /^image: sha256:[0-9a-f]{64}$/m);
  t.like(await node.status('shop'), {release: 1, services: [{name: 'web', wanted: 1, healthy: 1}]});
});

test.serial('a push under constant load fails no request', async (t) => {
  t.timeout(120_000);
  await node.commit(folder, {'server.js': server('two')});
  await using load = startLoad(node.target('shop'));
  const pushed = await node.git(folder, 'push', 'flynn', 'main');
  await until('what was pushed serves', async () => (await node.ask('shop')).body === 'two');
  await until('the old container has stopped', async () => (await node.running('shop')).length === 1);
  const {answered, failures, bodies} = await load.stop();
  t.is(pushed.exitCode, 0, pushed.output);
  t.log(`${answered} requests, ${failures.length} failed; ${bodies.get('one')} by the old release, ${bodies.get('two')} by the new one`);
  t.deepEqual(failures, []);
  t.true((bodies.get('one') ?? 0) > 0 && (bodies.get('two') ?? 0) > 0 && answered > 200);
});

test.serial('scaling up and down under constant load fails no request', async (t) => {
  t.timeout(120_000);
  await using load = startLoad(node.target('shop'));
  for (const replicas of [4, 1, 3, 2]) {
    const {exitCode, output} = await node.flynn(['scale', `web=${replicas}`, '-a', 'shop']);
    t.is(exitCode, 0, output);
    t.true(((await node.status('shop')).services[0]?.healthy ?? 0) >= replicas);
  }
  await until('what is too much has stopped', async () => (await node.running('shop')).length === 2);
  const {answered, failures} = await load.stop();
  t.log(`${answered} requests, ${failures.length} failed`);
  t.deepEqual(failures, []);
});

test.serial('a push of two replicas under constant load fails no request and never lowers the capacity', async (t) => {
  t.timeout(120_000);
  await node.commit(folder, {'server.js': server('three')});
  await using load = startLoad(node.target('shop'));
  let fewest = Infinity;
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) fewest = Math.min(fewest, (await node.running('shop')).length);
  })();
  const pushed = await node.git(folder, 'push', 'flynn', 'main');
  await until('the old containers have stopped', async () => (await node.running('shop')).length === 2 && (await node.ask('shop')).body === 'three');
  over.abort();
  await watching;
  const {answered, failures} = await load.stop();
  t.is(pushed.exitCode, 0, pushed.output);
  t.log(`${answered} requests, ${failures.length} failed, never less than ${fewest} containers`);
  t.deepEqual(failures, []);
  t.is(fewest, 2);
});

test.serial('a commit that is deployed already is not built again', async (t) => {
  const again = await node.git(folder, 'push', 'flynn', 'main:master');
  t.is(again.exitCode, 0, again.output);
  t.regex(again.output, /is already deployed as v3: nothing is built/);
  t.is(await node.manifest('apps/shop/releases/v0004.yaml'), undefined);
});
