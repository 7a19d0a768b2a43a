import {readFile, stat} from 'node:fs/promises';
import test from 'ava';
import {routerFiles, shiftLayout} from '../../reconciler/router/files.ts';
import {startLoad} from '../support/load.ts';
import {ask, type Answer, type Question} from '../support/trial-client.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Options of routes from app.yaml to the answer, on a real node: what each of them does is in route-options.test.ts.

const MAIN = `${import.meta.dirname}/../../cli/main.ts`;
/** "s3cret". */
const HASH = '$2b$04$BoKFmTPJJkRQPklfa1oMNOKqMhwdCMAwFuEchG5MDU9iBjbTkOTxO';
const HEAD = 'apiVersion: flynn/v1\nkind: App\n';
const APP = 'apps/shop/app.yaml';

let node: TrialNode;
let cluster: string;
let host: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  await node.deployed('shop', 'quick');
  cluster = await node.clone();
  ({host} = node.target('shop'));
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

const get = (more: Partial<Question> = {}): Promise<Answer> => ask({port: node.httpPort, host, ...more});
/** The Caddy that has the ports; another configuration would be another one. */
const shift = async () => Math.max(...(await node.containers('router')).map(({name}) => Number(name.split('-').at(-1))));
/** Former Caddys that wait for their last client count for nothing. */
const done = () => until('nothing is to be done', async () => {
  const {actions, waiting} = await node.plan();
  return actions.length === 0 && waiting.every(({subject}) => subject !== 'router');
});
const withPassword = {Authorization: `Basic ${Buffer.from('ann:s3cret').toString('base64')}`};

test.serial('a host becomes structure and a name again, and is answered all the while', async (t) => {
  await using load = startLoad(node.target('shop'), 4);
  const answersWith = (value: string | undefined) => async () => (await get()).headers['x-from'] === value;
  await node.want(cluster, {[APP]: `${HEAD}routes: [{host: ${host}, headers: {response: {set: {X-From: the shop}}}}]\n`});
  await until('the option counts', answersWith('the shop'));
  await node.want(cluster, {[APP]: HEAD});
  await until('it is gone', answersWith(undefined));
  const {answered, failures} = await load.stop();
  t.true(answered > 100);
  t.deepEqual(failures, []);
});

test.serial('users come out of a secret, which is for the router alone', async (t) => {
  const {exitCode, output} = await node.run(['sh', '-c', 'printf %s "$VALUE" | "$@"', 'sh', process.execPath, MAIN, 'env', 'set', '--secret', 'USERS', '-a', 'shop'], {env: {VALUE: `ann:${HASH}\n`}});
  t.is(exitCode, 0, output);
  await node.want(cluster, {[APP]: `${HEAD}routes: [{host: ${host}, auth: {basic: {users: USERS}}}]\n`});
  await until('a password is asked for', async () => (await get()).status === 401);
  t.is((await get({headers: withPassword})).status, 200);

  await done();
  const [replica] = await node.running('shop');
  const {Config} = await node.docker.getContainer(replica?.id ?? '').inspect();
  t.false((Config.Env ?? []).some((line) => line.startsWith('USERS=')));
  const {caddyConfig} = routerFiles(shiftLayout(node.layout, await shift()));
  t.true((await readFile(caddyConfig, 'utf8')).includes(HASH));
  t.is((await stat(caddyConfig)).mode & 0o777, 0o600);
  const told = [await node.flynn(['plan', '--json']), await node.flynn(['status', 'shop', '--json']), await node.flynn(['logs', '-a', 'shop']), await node.flynn(['events', '--json'])];
  t.false(told.some((ended) => ended.output.includes('BoKFmTPJJk')));

  // Whoever logged in, the log has the replica and not him.
  const line = await until('the request is in the log', async () => (await node.flynn(['logs', '-a', 'shop', '-t', 'router'])).output.split('\n').findLast((one) => / status=200 /.test(one)));
  t.regex(line, /dyno=web\.1|replica=web\.1/);
});

test.serial('a secret that has no users is the app\'s mistake at its place, and what serves stays', async (t) => {
  const {output} = await node.run(['sh', '-c', 'printf %s "$VALUE" | "$@"', 'sh', process.execPath, MAIN, 'env', 'set', '--secret', 'USERS', '-a', 'shop'], {env: {VALUE: 'ann:hunter2'}});
  t.regex(output, /apps\/shop\/app\.yaml:3:\d+: the secret "USERS" has no users: line 1 is not user:hash/);
  t.false(output.includes('hunter2'));
  t.is((await get({headers: withPassword})).status, 200);
});

test.serial('going into maintenance with a page of its own changes no configuration', async (t) => {
  const pages = {'apps/shop/pages/busy.html': '<h1>Painting</h1>\n', 'apps/shop/pages/lost.html': '<h1>Lost</h1>\n'};
  const manifest = `${HEAD}routes: [{host: ${host}, path: /shop}]\nerrorPages: {maintenance: pages/busy.html, 404: pages/lost.html}\n`;
  await node.want(cluster, {...pages, [APP]: manifest});
  await until('its page is answered', async () => (await get()).body === '<h1>Lost</h1>\n');
  // For a moment the Caddy that leaves takes connections, too.
  await done();
  t.is((await get({path: '/shop'})).status, 200);
  const before = await shift();
  t.is((await node.flynn(['maintenance', 'on', '-a', 'shop'])).exitCode, 0);
  await until('the page is answered', async () => {
    const {status, body} = await get({path: '/shop'});
    return status === 503 && body === '<h1>Painting</h1>\n';
  });
  t.is(await shift(), before);
  t.is((await node.flynn(['maintenance', 'off', '-a', 'shop'])).exitCode, 0);
});

test.serial('a proxy that cluster.yaml trusts is believed', async (t) => {
  const yaml = await node.manifest('cluster.yaml') ?? '';
  await node.want(cluster, {[APP]: `${HEAD}routes: [{host: ${host}, deny: [198.51.100.0/24]}]\n`, 'cluster.yaml': `${yaml}\nrouter: {trustedProxies: [127.0.0.9/32]}\n`});
  const seen = async (from: string) => (await get({from, headers: {'X-Forwarded-For': '198.51.100.7'}})).status;
  await until('its word counts, and nobody else\'s', async () => await seen('127.0.0.9') === 403 && await seen('127.0.0.1') === 200);
  await done();
  t.deepEqual([await seen('127.0.0.9'), await seen('127.0.0.1')], [403, 200]);
});
