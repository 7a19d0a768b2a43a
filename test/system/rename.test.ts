import test from 'ava';
import type {BuildRecord} from '../../reconciler/builds/builds.ts';
import type {ReleaseList} from '../../reconciler/release/releases.ts';
import {head} from '../support/manifests.ts';
import {ask, startLoad} from '../support/load.ts';
import {TrialNode} from '../support/trial-node.ts';
import {TrialPeople} from '../support/trial-people.ts';
import {until} from '../support/until.ts';

// An app gets another name, and keeps all that it has: who had it before, and who has its old name now.

const CUSTOM = 'custom.example.com';
const server = (text: string) => `const {createServer} = require('node:http');
createServer((_, response) => response.end(['${text}', process.env.GREETING, process.env.FLYNN_APP].join(' '))).listen(process.env.PORT, () => console.log('serving ${text}'));
`;
/** Its first start writes down what every later one finds. */
const APP = `${head('App')}services:
  keeper: {replicas: 1, command: "test -e /data/note || echo $HOSTNAME > /data/note; exec sleep infinity", volumes: {data: {path: /data}}, strategy: stop-first, stopGraceSeconds: 0}
cron: {nightly: {schedule: "0 3 * * *", command: echo at night}}
`;

let node: TrialNode;
let people: TrialPeople;
let folder: string;
let clone: string;
/** What the first container has written. */
let written: string;

test.before(async (t) => {
  t.timeout(300_000);
  node = await TrialNode.start();
  folder = await node.app('shop', 'node-hello', {'server.js': server('one')});
  clone = await node.clone();
  await node.want(clone, {'apps/shop/app.yaml': APP});
  await node.must('env', 'set', '--secret', 'GREETING=hello', '-a', 'shop');
  people = await TrialPeople.add(node, {max: ['--role', 'maintainer'], dee: ['shop=deployer']});
  await node.mustGit(folder, 'push', 'flynn', 'main');
});
test.after.always(async (t) => {
  t.timeout(240_000);
  await node[Symbol.asyncDispose]();
});

const custom = () => ({port: node.httpPort, host: CUSTOM});
const note = async (app: string) => (await node.must('exec', '-a', app, 'keeper.1', '--', 'cat', '/data/note')).stdout.trim();
const json = async <Value>(...args: readonly string[]): Promise<Value> => JSON.parse((await node.must(...args, '--json')).stdout) as Value;

test.serial('who may make and remove apps renames one, and nobody else', async (t) => {
  const {exitCode, output} = await people.as('dee', 'rename', 'store', '-a', 'shop');
  t.is(exitCode, 1);
  t.regex(output, /dee may not destroy apps \(shop\)/);
  t.regex((await people.as('max', 'rename', 'api', '-a', 'shop')).output, /"api" can't name an app/);
});

test.serial('it serves under its new name, with its secret and its volume, and the old host answers nothing', async (t) => {
  t.timeout(120_000);
  t.is((await node.ask('shop')).body, 'one hello shop');
  written = await note('shop');
  t.not(written, '');
  const {exitCode, output} = await node.flynn(['apps', 'rename', 'store'], {cwd: folder});
  t.is(exitCode, 0, output);
  t.regex(output, /^Committed "shop: rename to store" [0-9a-f]{8}$/m);
  t.regex(output, /^Renaming ⬢ shop to store\.\.\. done$/m);
  t.regex(output, /^The git remote "flynn" is now http:\/\/git\.flynn\.localhost:\d+\/store\.git$/m);
  await node.settled();
  t.is((await node.ask('store')).body, 'one hello store');
  t.is(await note('store'), written);
  t.is((await node.ask('shop')).status, 404);
  t.deepEqual([(await node.running('store')).length, (await node.running('shop')).length], [2, 0]);
});

test.serial('releases, builds, logs, schedules and rights are still its own', async (t) => {
  t.timeout(120_000);
  t.deepEqual((await json<ReleaseList>('releases', '-a', 'store')).releases.map(({number, state}) => `v${number} ${state}`), ['v1 current']);
  t.deepEqual((await json<readonly BuildRecord[]>('builds', '-a', 'store')).map(({app, number, release}) => `${app} ${number} v${release}`), ['store 1 v1']);
  t.regex((await node.must('logs', 'store')).stdout, /app\[web\.1\]: serving one$[^]*app\[web\.1\]: serving one$/m);
  t.regex((await node.must('cron', '-a', 'store')).stdout, /nightly/);
  const {exitCode, output} = await people.as('dee', 'scale', 'web=2', '-a', 'store');
  t.is(exitCode, 0, output);
  t.regex(await node.manifest('people/dee.yaml') ?? '', /store: "?deployer/);
});

test.serial('a push to it is its next release, and a rollback goes back to one of before', async (t) => {
  t.timeout(120_000);
  await node.commit(folder, {'server.js': server('two')});
  t.regex(await node.mustGit(folder, 'push', 'flynn', 'main'), /Released v2$/m);
  t.is((await node.ask('store')).body, 'two hello store');
  const {exitCode, output} = await node.flynn(['rollback', 'v1', '-a', 'store']);
  t.is(exitCode, 0, output);
  t.is((await node.ask('store')).body, 'one hello store');
});

test.serial('another app with the old name gets nothing of it', async (t) => {
  t.timeout(120_000);
  await node.must('create', 'shop', '-r', '');
  t.regex(await node.manifest('apps/shop/app.yaml') ?? '', /^id: shop-2$/m);
  await node.want(clone, {'apps/shop/app.yaml': `${APP}id: shop-2\n`});
  await node.mustGit(folder, 'push', `http://git.flynn.localhost:${node.httpPort}/shop.git`, 'main');
  t.is((await node.ask('shop')).body, 'two  shop');
  t.is((await node.ask('store')).body, 'one hello store');
  t.not(await note('shop'), written);
  t.is(await note('store'), written);
  t.deepEqual((await json<readonly {app: string; name: string}[]>('volume')).map(({app, name}) => `${app}/${name}`), ['shop/data', 'store/data']);
  await node.must('destroy', 'shop', '--confirm', 'shop');
});

test.serial('a host of its own answers all the time, also when the reconciler is killed in the middle', async (t) => {
  t.timeout(120_000);
  await node.must('route', 'add', 'http', CUSTOM, '-a', 'store');
  await until('the host leads to it', async () => (await node.ask('store')).status === 200 && (await ask(custom())).status === 200);
  await node.settled();
  await using load = startLoad(custom());
  await node.must('rename', 'mall', '-a', 'store', '--no-wait');
  await node.kill('SIGKILL');
  await node.up();
  await until('its containers have the new name', async () => (await node.running('mall')).length === 3 && (await node.running('store')).length === 0);
  await node.settled();
  const {answered, failures} = await load.stop();
  t.log(`${answered} requests, ${failures.length} failed`);
  t.deepEqual(failures, []);
});

test.serial('a revert of the commit gives it back its name before', async (t) => {
  t.timeout(120_000);
  await node.mustGit(clone, 'pull', '--quiet', '--rebase');
  const renamed = (await node.git(clone, 'log', '--format=%H', '--grep=^store: rename to mall', '-1')).stdout;
  await using load = startLoad(custom());
  await node.mustGit(clone, 'revert', '--no-edit', renamed);
  await node.mustGit(clone, 'push', '--quiet');
  await until('its containers have the name', async () => (await node.running('store')).length === 3 && (await node.running('mall')).length === 0);
  await node.settled();
  t.deepEqual((await load.stop()).failures, []);
  t.is((await ask(custom())).body, 'one hello store');
  t.is(await note('store'), written);
});

test.serial('an app that has left its own host says where it is', async (t) => {
  t.timeout(120_000);
  await node.must('route', 'remove', 'store.flynn.localhost', '-a', 'store');
  const {output} = await node.must('rename', 'mall', '-a', 'store');
  t.regex(output, /^http:\/\/custom\.example\.com:\d+\/ \| http:\/\/git\.flynn\.localhost:\d+\/mall\.git$/m);
});
