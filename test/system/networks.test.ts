import {randomBytes} from 'node:crypto';
import {writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {inParallel} from '../../cli/setup/in-parallel.ts';
import {DockerEngine} from '../../reconciler/adapters/docker.ts';
import {hostSubnets} from '../../reconciler/adapters/host-routes.ts';
import {appNetwork, LABEL_APP, LABEL_INSTANCE, sharedNetwork} from '../../reconciler/labels.ts';
import {planNetworks} from '../../reconciler/plan/networks.ts';
import type {AppName} from '../../schemas/ids.ts';
import {app, desired, observed} from '../support/make.ts';
import {TrialNode} from '../support/trial-node.ts';
import {LIMIT_MS, until} from '../support/until.ts';

// Each app has a network of its own: who is on it finds the others by name, who is not can't reach them.

const SIGNAL = new AbortController().signal;
const PORT = 8080;
/** More than the engine's own pools have (31). 200 were tried too: 19 s to make, and containers in them start some 20 ms later than with one (2026-11). */
const APPS = 40;
const PARALLEL = 4;
/** What is cut off does not answer at all. What is not answers at once, when the machine has time for it: that is waited for. */
const CONNECT_SECONDS_MAX = 2;

let node: TrialNode;
let engine: DockerEngine;
let clone: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  engine = new DockerEngine(node.docker);
  for (const name of ['shop', 'blog']) {
    await node.deployed(name, 'quick');
  }
  clone = await node.clone();
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

interface Placed {
  readonly id: string;
  readonly addresses: Readonly<Record<string, string>>;
}

async function replicaOf(name: string): Promise<Placed> {
  const [first] = await node.running(name);
  const record = await engine.container(first?.id ?? '', SIGNAL);
  if (record?.status !== 'running') throw new Error(`no replica of ${name} runs`);
  return record;
}

async function connects(from: Placed, host: string): Promise<void> {
  await until(`a connection to ${host}`, () => canConnect(from, host));
}

/** Whether a connection to host and port can be made from within a container. */
async function canConnect(from: Placed, host: string, port = PORT): Promise<boolean> {
  const {exitCode} = await engine.exec(from.id, ['timeout', `${CONNECT_SECONDS_MAX}`, 'bash', '-c', `</dev/tcp/${host}/${port}`], SIGNAL);
  return exitCode === 0;
}

test.serial('each app has a network of its own, out of the address plan', async (t) => {
  const [shop, blog] = await Promise.all([replicaOf('shop'), replicaOf('blog')]);
  t.deepEqual([Object.keys(shop.addresses), Object.keys(blog.addresses)], [[appNetwork(node.instance, 'shop')], [appNetwork(node.instance, 'blog')]]);
  for (const {addresses} of [shop, blog]) t.regex(Object.values(addresses)[0] ?? '', /^10\.213\./);
});

test.serial('an app can\'t connect to another one\'s address, in neither direction, nor find it by name', async (t) => {
  const [shop, blog] = await Promise.all([replicaOf('shop'), replicaOf('blog')]);
  const [shopAddress = '', blogAddress = ''] = [shop, blog].map(({addresses}) => Object.values(addresses)[0]);
  // To itself it can.
  await connects(shop, shopAddress);
  t.false(await canConnect(shop, blogAddress));
  t.false(await canConnect(blog, shopAddress));
  t.false(await canConnect(shop, 'web.blog.internal'));
});

test.serial('services of one app find each other by name', async (t) => {
  const shop = await replicaOf('shop');
  for (const name of ['web', 'web.shop.internal']) await t.notThrowsAsync(connects(shop, name));
});

test.serial('the API and the DNS server of the node can\'t be reached from an app', async (t) => {
  const shop = await replicaOf('shop');
  const [, gateway = ''] = /default via (\S+)/.exec((await engine.exec(shop.id, ['bash', '-c', 'read -r _ < /proc/net/route; while read -r _ destination hex _; do [ "$destination" = 00000000 ] && printf "default via %d.%d.%d.%d" 0x${hex:6:2} 0x${hex:4:2} 0x${hex:2:2} 0x${hex:0:2}; done < /proc/net/route'], SIGNAL)).output) ?? [];
  t.regex(gateway, /^10\.213\.\d+\.\d+$/);
  const apiPort = Number(new URL(node.apiUrl).port);
  for (const host of [gateway, '127.0.0.1']) t.false(await canConnect(shop, host, apiPort), host);
});

/** Makes this line all that an app's manifest says. Resolves to what the push printed. */
async function say(name: string, line: string): Promise<string> {
  await node.git(clone, 'pull', '-q', '--rebase');
  await writeFile(path.join(clone, 'apps', name, 'app.yaml'), `apiVersion: flynn/v1\nkind: App\n${line}\n`);
  await node.git(clone, 'commit', '-qam', `${name}: ${line}`);
  return node.mustGit(clone, 'push', '-q');
}

async function ids(): Promise<readonly string[]> {
  return (await Promise.all([replicaOf('shop'), replicaOf('blog')])).map(({id}) => id);
}

test.serial('two apps whose manifests both say so reach each other by name, until one of them does not; no container is replaced', async (t) => {
  const [shop, blog] = await Promise.all([replicaOf('shop'), replicaOf('blog')]);
  const network = sharedNetwork(node.instance, ['blog', 'shop']);
  t.regex(await say('shop', 'reach: [blog]'), /apps\/shop\/app\.yaml:3:9: "blog" can't be reached before apps\/blog\/app\.yaml says: allowFrom: \[shop\]/);
  const waits = await until('it waits for the other', async () => (await node.plan()).waiting.find(({subject}) => subject === 'its way to blog'));
  t.is(waits.on, 'blog to allow it: "allowFrom: [shop]" in apps/blog/app.yaml');
  t.false(await canConnect(shop, 'web.blog.internal'), 'the wish of one opens nothing');

  await say('blog', 'allowFrom: [shop]');
  await until('shop reaches blog', () => canConnect(shop, 'web.blog.internal'));
  // Its own services have their short names.
  await connects(shop, 'web');
  t.false(Object.values(blog.addresses).includes((await engine.exec(shop.id, ['getent', 'hosts', 'web'], SIGNAL)).output.split(' ')[0] ?? ''), 'which are not the other app\'s');
  const {exitCode, output} = await node.flynn(['run', '-a', 'shop', '--', 'bash', '-c', '</dev/tcp/web.blog.internal/8080']);
  t.is(exitCode, 0, `a one-off command is connected from its start: ${output}`);

  await node.docker.getNetwork(network).disconnect({Container: blog.id});
  await until('what was disconnected by hand is connected again', () => canConnect(shop, 'web.blog.internal'));
  await until('nothing is to be done', async () => (await node.plan()).actions.length === 0);
  t.deepEqual(await ids(), [shop.id, blog.id]);

  await say('blog', '# closed');
  await until('shop does not reach blog any more', async () => !(await canConnect(shop, 'web.blog.internal')));
  await until('the network is gone', async () => !(await engine.networks(SIGNAL)).some(({name}) => name === network));
  t.deepEqual(await ids(), [shop.id, blog.id]);
  await connects(shop, 'web.shop.internal');
});

test.serial('a container on the network that all apps once shared is replaced, its requests answered meanwhile', async (t) => {
  const shop = await replicaOf('shop');
  await engine.ensureNetwork({name: node.instance, labels: {[LABEL_INSTANCE]: node.instance}, subnet: '10.98.1.0/26'}, SIGNAL);
  await node.docker.getNetwork(node.instance).connect({Container: shop.id});
  await node.docker.getNetwork(appNetwork(node.instance, 'shop')).disconnect({Container: shop.id, Force: true});
  const answers: number[] = [];
  await until('another one has its place', async () => {
    answers.push((await node.ask('shop')).status);
    const ids = (await node.running('shop')).map(({id}) => id);
    return ids.length === 1 && ids[0] !== shop.id;
  });
  t.deepEqual(answers.filter((status) => status !== 200), []);
  t.deepEqual(Object.keys((await replicaOf('shop')).addresses), [appNetwork(node.instance, 'shop')]);
});

test.serial('a network goes with its app', async (t) => {
  await node.git(clone, 'pull', '-q', '--rebase');
  await node.git(clone, 'rm', '-rq', 'apps/blog');
  await node.git(clone, 'commit', '-qm', 'blog: close');
  const {exitCode, output} = await node.git(clone, 'push', '-q');
  t.is(exitCode, 0, output);
  const names = async () => (await engine.networks(SIGNAL)).map(({name}) => name);
  await until('the network is gone', async () => !(await names()).includes(appNetwork(node.instance, 'blog')), 2 * LIMIT_MS);
  t.true((await names()).includes(appNetwork(node.instance, 'shop')));
});

test.serial(`${APPS} apps have ${APPS} networks, and containers start in the last one`, async (t) => {
  const instance = `flynn-contract-${randomBytes(4).toString('hex')}`;
  const apps = Array.from({length: APPS}, (_, index) => ({...app('v1', 1), name: `app-${index}` as AppName}));
  const taken = [...(await engine.networks(SIGNAL)).flatMap(({subnets}) => subnets), ...await hostSubnets()];
  const {actions} = planNetworks({...desired(...apps), networks: {range: '10.98.0.0/16', prefix: 25}}, observed({networks: [], taken}));
  const wanted = actions.flatMap((action) => (action.kind === 'make-network' ? [action] : []));
  try {
    const startedAtMs = performance.now();
    await inParallel(wanted, PARALLEL, async ({app: name, subnet}) => engine.ensureNetwork({name: appNetwork(instance, name), labels: {[LABEL_INSTANCE]: instance, [LABEL_APP]: name}, subnet}, SIGNAL));
    t.log(`${wanted.length} networks in ${Math.round(performance.now() - startedAtMs)} ms`);
    const ours = (await engine.networks(SIGNAL)).filter(({labels}) => labels[LABEL_INSTANCE] === instance);
    t.is(ours.length, APPS);
    const shop = await engine.container((await replicaOf('shop')).id, SIGNAL);
    const network = ours.at(-1)?.name ?? '';
    const [id, other] = await Promise.all(['a', 'b'].map((name) => engine.run({
      name: `${instance}-${name}`, image: shop?.image ?? '', command: [], env: {}, labels: {[LABEL_INSTANCE]: instance}, network, aliases: ['web'], mounts: [],
      memoryBytes: 0, cpus: 0, pidsMax: 100, capabilities: [], restart: 'never', logBytesMax: 1024 * 1024,
    }, SIGNAL)));
    await until('one reaches the other by name', () => canConnect({id: id ?? '', addresses: {}}, 'web'));
    for (const one of [id, other]) await engine.remove(one ?? '', SIGNAL);
  } finally {
    const left = (await engine.networks(SIGNAL)).filter(({labels}) => labels[LABEL_INSTANCE] === instance);
    await inParallel(left, PARALLEL, (network) => engine.removeNetwork(network.id, SIGNAL));
  }
});
