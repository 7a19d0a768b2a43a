import {once} from 'node:events';
import {connect} from 'node:net';
import test from 'ava';
import {buildDockerfile} from '../../reconciler/adapters/docker-build.ts';
import {textEntry, tarStream} from '../../reconciler/build/image/tar.ts';
import type {ReleaseDetails, ReleaseList} from '../../reconciler/release/releases.ts';
import {ask, startLoad} from '../support/load.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Releases by commands: going back, images that were built elsewhere, maintenance, and the end of an app.

let node: TrialNode;
let folder: string;
let cluster: string;

/** Says its text and its GREETING. With `needs` it crashes without that variable. */
const server = (text: string, needs?: string) => `${needs === undefined ? '' : `if (!process.env.${needs}) { console.error('no ${needs}'); process.exit(3); }\n`}const {createServer} = require('node:http');
const web = createServer((_, response) => response.end('${text} ' + process.env.GREETING)).listen(process.env.PORT);
web.on('upgrade', (_, socket) => socket.pipe(socket.on('error', () => {}))
  && socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n'));
process.on('SIGTERM', () => process.exit(0));
`;
const manifest = (env: string, replicas: number) => `apiVersion: flynn/v1\nkind: App\n# what it says\nenv:\n${env}\nservices:\n  web:\n    replicas: ${replicas}\n`;

async function configure(text: string): Promise<void> {
  await node.git(cluster, 'pull', '--quiet', '--rebase');
  await node.commit(cluster, {'apps/shop/app.yaml': text}, 'shop: configure');
  const {exitCode, output} = await node.git(cluster, 'push', '--quiet');
  if (exitCode !== 0) throw new Error(output);
}

async function releases(): Promise<ReleaseList> {
  return JSON.parse((await node.flynn(['releases', '-a', 'shop', '--json'])).stdout) as ReleaseList;
}

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  folder = await node.app('shop', 'node-hello', {'server.js': server('one', 'NEEDED')});
  cluster = await node.clone();
  await configure(manifest('  GREETING: hello\n  NEEDED: "1"', 1));
  const first = await node.git(folder, 'push', 'flynn', 'main');
  if (first.exitCode !== 0) throw new Error(first.output);
  await node.commit(folder, {'server.js': server('two')});
  await configure(manifest('  GREETING: hello # changed below\n  NEEDED: "1"', 2));
  const second = await node.git(folder, 'push', 'flynn', 'main');
  if (second.exitCode !== 0) throw new Error(second.output);
  await configure(manifest('  GREETING: goodbye # changed below\n  EXTRA: x', 2));
  await until('the new configuration serves', async () => (await node.ask('shop')).body === 'two goodbye');
});
test.after.always(async (t) => {
  t.timeout(240_000);
  await node[Symbol.asyncDispose]();
});

test.serial('a rollback under constant load takes code and configuration back, not the scale, and fails no request', async (t) => {
  t.timeout(120_000);
  await using load = startLoad(node.target('shop'));
  const {exitCode, output} = await node.flynn(['rollback', '-a', 'shop']);
  t.is(exitCode, 0, output);
  await until('what was there before serves', async () => (await node.ask('shop')).body === 'one hello');
  await until('the old containers have stopped', async () => (await node.running('shop')).length === 2);
  const {answered, failures} = await load.stop();
  t.log(`${answered} requests, ${failures.length} failed`, output);
  t.deepEqual(failures, []);
  t.is(await node.manifest('apps/shop/app.yaml'), manifest('  GREETING: hello # changed below\n  NEEDED: "1"', 2).trim());
  t.regex(await node.manifest('apps/shop/releases/v0003.yaml') ?? '', /^rollbackOf: 1$/m);
  t.regex(output, /^Rolling back ⬢ shop from v2 to v1 \(Deploy [0-9a-f]{8}\)\n {2}env\.EXTRA removed\n {2}env\.GREETING changed\n {2}env\.NEEDED added\n/);
  t.regex(output, /Rolling back ⬢ shop to v1\.\.\. done, v3\n.*\nTo undo, run: flynn rollback v2$/);
  t.is((await node.git(node.home, `--git-dir=${node.layout.clusterRepo}`, 'log', '-1', '--format=%an: %s', 'main')).stdout, 'Ada: shop: release v3 (rollback to v1)');
});

test.serial('undoing a rollback is a rollback', async (t) => {
  t.timeout(120_000);
  const {exitCode, output} = await node.flynn(['rollback', 'v2', '-a', 'shop']);
  t.is(exitCode, 0, output);
  await until('what was there after it serves', async () => (await node.ask('shop')).body === 'two goodbye');
  t.is(await node.manifest('apps/shop/app.yaml'), manifest('  GREETING: goodbye # changed below\n  EXTRA: x', 2).trim());
});

test.serial('a rollback that does not become healthy is taken back, and says why', async (t) => {
  t.timeout(120_000);
  const before = await node.manifest('apps/shop/app.yaml');
  const {exitCode, output} = await node.flynn(['rollback', 'v1', '--code-only', '-a', 'shop']);
  t.is(exitCode, 1);
  t.regex(output, /Last lines of shop v5\n[^]* {7}no NEEDED\n/);
  t.regex(output, /^error: release v5 failed: web\.\d exited with code 3/m);
  t.is((await node.ask('shop')).body, 'two goodbye');
  t.is(await node.manifest('apps/shop/releases/v0005.yaml'), undefined);
  t.is(await node.manifest('apps/shop/app.yaml'), before);
  t.like(await releases(), {current: 4, releases: [{number: 5, state: 'failed'}, {number: 4, state: 'current', rollbackOf: 2}, {number: 3, state: 'kept', rollbackOf: 1}]});
});

test.serial('a rollback whose reconciler is killed, and that fails after its start, is taken back', async (t) => {
  t.timeout(120_000);
  const before = await node.manifest('apps/shop/app.yaml');
  const ended = node.flynn(['rollback', 'v1', '--code-only', '-a', 'shop']);
  await until('it is in git', async () => await node.manifest('apps/shop/releases/v0006.yaml') !== undefined);
  await node.kill('SIGKILL');
  await node.up();
  await until('it is taken back', async () => await node.manifest('apps/shop/releases/v0006.yaml') === undefined, 60_000);
  t.is((await ended).exitCode, 1);
  t.is(await node.manifest('apps/shop/app.yaml'), before);
  t.like((await releases()).releases.find(({number}) => number === 6), {state: 'failed'});
  await until('nothing is left to do', async () => (await node.plan()).text === '');
  t.is((await node.ask('shop')).body, 'two goodbye');
});

test.serial('a rollback that makes no sense is refused, and changes nothing', async (t) => {
  const tip = () => node.git(node.home, `--git-dir=${node.layout.clusterRepo}`, 'rev-parse', 'main').then(({stdout}) => stdout);
  const before = await tip();
  t.regex((await node.flynn(['rollback', 'v4', '-a', 'shop'])).output, /^error: v4 is the current release already$/m);
  t.regex((await node.flynn(['rollback', 'v5', '-a', 'shop'])).output, /^error: v5 never served: web\.\d exited with code 3/m);
  t.regex((await node.flynn(['rollback', 'v9', '-a', 'shop'])).output, /^error: there never was a release v9$/m);
  t.regex((await node.flynn(['rollback', 'back', '-a', 'shop'])).output, /^"back" is no release; it has to be like v41$/m);
  const dry = await node.flynn(['rollback', 'v1', '--dry-run', '-a', 'shop']);
  t.is(dry.exitCode, 0, dry.output);
  t.is(await tip(), before);
});

test.serial('an image of the local engine is deployed without a registry, with the port that it exposes', async (t) => {
  t.timeout(180_000);
  const {image} = JSON.parse((await node.flynn(['releases', 'info', 'v1', '-a', 'shop', '--json'])).stdout) as ReleaseDetails;
  const tag = `${node.instance}-trial:dev`;
  const context = tarStream([textEntry('Dockerfile', `FROM ${image}\nENV GREETING=image NEEDED=1\nEXPOSE 9000\nLABEL flynn.instance= flynn.app= trial=${node.instance}\n`)]);
  await buildDockerfile(node.docker, {context, tag, arguments: {}, labels: {}, network: 'bridge', memoryBytes: 0, cpus: 0, onLine: () => {}}, AbortSignal.timeout(60_000));
  try {
    await node.flynn(['create', 'ready', '-r', '']);
    const {exitCode, output} = await node.flynn(['deploy', '--image', tag, '-a', 'ready']);
    t.log(output);
    t.is(exitCode, 0, output);
    t.is((await node.ask('ready')).body, 'one image');
    const text = await node.manifest('apps/ready/releases/v0001.yaml') ?? '';
    t.regex(text, /^ {4}port: 9000$/m);
    t.regex(text, new RegExp(`^ {2}image: ${tag}$`, 'm'));
    // The name may go: what was released stays.
    await node.docker.getImage(tag).remove({force: true});
    await node.docker.pruneImages({filters: {label: [`trial=${node.instance}`]}});
    const again = await node.flynn(['deploy', '--image', tag, '-a', 'ready']);
    t.is(again.exitCode, 1);
    t.regex(again.output, new RegExp(`^error: "${tag}" is not on this node and can't be pulled: .+`, 'm'));
    t.is((await node.ask('ready')).body, 'one image');
  } finally {
    await node.docker.getImage(tag).remove({force: true}).catch(() => {});
  }
});

/** An upgraded connection through the router to an app that echoes: what a change of Caddy's configuration would close. */
async function socketTo(app: string) {
  const socket = connect(node.httpPort, '127.0.0.1').setEncoding('utf8');
  let heard = '';
  socket.on('data', (text: string) => (heard += text));
  socket.write(`GET / HTTP/1.1\r\nHost: ${app}.flynn.localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  await until('the connection is upgraded', async () => heard.includes('101 Switching'));
  return {
    echoes: async (text: string) => {
      socket.write(text);
      await until(`the connection echoes "${text}"`, async () => heard.endsWith(text));
    },
    close: async () => {
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
    },
  };
}

test.serial('maintenance answers 503 with a page on all hosts of the app, closes nobody\'s websockets, and ends at once', async (t) => {
  t.timeout(180_000);
  await node.git(cluster, 'pull', '--quiet', '--rebase');
  const routes = 'routes:\n  - host: ready.flynn.localhost\n  - host: paths.test\n    path: /api\n  - host: paths.test\n';
  await node.commit(cluster, {'apps/ready/app.yaml': `apiVersion: flynn/v1\nkind: App\n${routes}`}, 'ready: routes');
  await node.git(cluster, 'push', '--quiet');
  const paths = (path: string) => ask({port: node.httpPort, host: 'paths.test', path});
  await until('the host with paths answers', async () => (await paths('/api')).status === 200);

  const other = await socketTo('shop');
  const on = await node.flynn(['maintenance', 'on', '-a', 'ready']);
  t.is(on.exitCode, 0, on.output);
  await until('the page is there', async () => (await node.ask('ready')).status === 503);
  for (const {status, body} of [await node.ask('ready'), await paths('/'), await paths('/api')]) {
    t.is(status, 503);
    t.regex(body, /<h1>Maintenance<\/h1>/);
  }
  t.is((await node.running('ready')).length, 1);
  t.is((await node.flynn(['maintenance', '-a', 'ready'])).stdout, 'on');
  t.regex((await node.flynn(['info', '-a', 'ready'])).stdout, /^Maintenance: {2}on$/m);
  t.is((await node.ask('shop')).body, 'two goodbye');

  const off = await node.flynn(['maintenance', 'off', '-a', 'ready', '--no-wait']);
  const committedAtMs = performance.now();
  t.is(off.exitCode, 0, off.output);
  await until('the app is back', async () => (await node.ask('ready')).status === 200 && (await paths('/api')).status === 200);
  t.log(`back ${Math.round(performance.now() - committedAtMs)} ms after the command`);
  await other.echoes('still here');
  await other.close();
});

test.serial('a destroyed app is gone but for its data, and a revert brings it back', async (t) => {
  t.timeout(180_000);
  t.is((await node.flynn(['destroy', 'ready'])).exitCode, 1);
  t.is((await node.ask('ready')).status, 200);
  const {exitCode, output} = await node.flynn(['destroy', 'ready', '--confirm', 'ready']);
  t.log(output);
  t.is(exitCode, 0, output);
  await until('its host is gone', async () => (await node.ask('ready')).status === 404);
  t.deepEqual(await node.running('ready'), []);
  t.is(await node.manifest('apps/ready/app.yaml'), undefined);
  t.is((await node.ask('shop')).body, 'two goodbye');
  await node.mustGit(cluster, 'pull', '--quiet', '--rebase');
  await node.mustGit(cluster, 'revert', '--no-edit', 'HEAD');
  await node.mustGit(cluster, 'push', '--quiet');
  await until('the revert brings it back', async () => (await node.ask('ready')).body === 'one image');
});
