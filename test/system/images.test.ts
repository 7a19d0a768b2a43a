import test from 'ava';
import {parse, stringify} from 'yaml';
import type {ReleaseManifest} from '../../schemas/release.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Images that are gone from the engine: built again from the sources of their releases.

let node: TrialNode;
let folder: string;

const server = (text: string) => `require('node:http').createServer((_, response) => response.end('${text}')).listen(process.env.PORT);\nprocess.on('SIGTERM', () => process.exit(0));\n`;

async function releaseOf(number: number): Promise<ReleaseManifest> {
  return parse(await node.manifest(`apps/shop/releases/v000${number}.yaml`) ?? '') as ReleaseManifest;
}

async function push(text: string): Promise<string> {
  const commit = await node.commit(folder, {'server.js': server(text)});
  const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
  if (exitCode !== 0) throw new Error(output);
  return commit;
}

/** A release that somebody writes by hand, like the newest one but for what is given. */
async function commitRelease(number: number, like: number, change: Partial<ReleaseManifest>): Promise<void> {
  const cluster = await node.clone(`cluster-${number}`);
  await node.commit(cluster, {[`apps/shop/releases/v000${number}.yaml`]: stringify({...await releaseOf(like), ...change})});
  const {exitCode, output} = await node.git(cluster, 'push', '--quiet');
  if (exitCode !== 0) throw new Error(output);
}

async function isHere(image: string): Promise<boolean> {
  return node.docker.getImage(image).inspect().then(() => true, () => false);
}

async function events(): Promise<string> {
  return (await node.flynn(['events', '-a', 'shop'])).stdout;
}

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  folder = await node.app('shop', 'node-hello', {'server.js': server('one')});
  await push('one');
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

test.serial('after the engine has lost everything, the app comes back from its repositories as the very same image', async (t) => {
  t.timeout(120_000);
  const {image} = await releaseOf(1);
  await node.kill('SIGKILL');
  for (const {id} of await node.containers('app')) await node.docker.getContainer(id).remove({force: true});
  await node.docker.getImage(image).remove({force: true});
  t.false(await isHere(image));
  await node.up();
  await until('the app answers', async () => (await node.ask('shop')).body === 'one', 60_000);
  t.true(await isHere(image));
  t.regex(await events(), new RegExp(`build image ${image.slice(7, 19)} of shop again \\(the image of v1 is not on this node, its source [0-9a-f]{8} is in its repository\\)`));
  await until('nothing is to be done', async () => (await node.plan()).actions.length === 0);
});

test.serial('a rollback to a release whose image is gone builds it again first', async (t) => {
  t.timeout(180_000);
  await push('two');
  const {image} = await releaseOf(1);
  await until('the old release has stopped', async () => (await node.running('shop')).length === 1);
  await node.docker.getImage(image).remove({force: true});
  const {exitCode, output} = await node.flynn(['rollback', '-a', 'shop']);
  t.log(output);
  t.is(exitCode, 0, output);
  t.regex(output, /^ {2}its image is not on this node any more, and is brought back first$/m);
  t.regex(output, /waiting on image [0-9a-f]{12} of v3 being built again from its source/);
  t.is((await node.ask('shop')).body, 'one');
  t.true(await isHere(image));
});

test.serial('an image that comes out as another one runs in the place of the one that is gone, and stays', async (t) => {
  t.timeout(180_000);
  const image = `sha256:${'a'.repeat(64)}`;
  await commitRelease(4, 2, {image, createdAt: new Date().toISOString()});
  await until('the app answers', async () => (await node.ask('shop')).body === 'two', 60_000);
  t.regex(await events(), new RegExp(`image ${'a'.repeat(12)} was built again as [0-9a-f]{12}, which runs in its place`));
  const collected = await node.flynn(['gc']);
  t.is(collected.exitCode, 0, collected.output);
  await until('nothing is to be done', async () => (await node.plan()).actions.length === 0);
  const run = await node.flynn(['run', '-a', 'shop', '--', 'echo', 'from the same image']);
  t.regex(run.output, /^from the same image$/m);
});

test.serial('what can\'t be built again is told, and not tried for ever', async (t) => {
  t.timeout(120_000);
  const commit = 'b'.repeat(40);
  await commitRelease(5, 2, {image: `sha256:${'b'.repeat(64)}`, source: {commit, builder: 'Node.js'}, createdAt: new Date().toISOString()});
  const cause = 'could not be built again from its source bbbbbbbb: commit bbbbbbbb is not in the app\'s repository on this node: push it';
  await until('the release has failed', async () => (await node.flynn(['status', 'shop'])).output.includes(cause));
  t.is((await node.ask('shop')).body, 'two');
  await until('nothing is to be done', async () => (await node.plan()).actions.length === 0);
  const tries = (await events()).split('\n').filter((line) => line.includes(`build image ${'b'.repeat(12)}`));
  t.is(tries.length, 1, tries.join('\n'));
});

test.serial('what could not be built because the disk was full is tried again, and serves once it is not', async (t) => {
  t.timeout(120_000);
  const before = await node.manifest('cluster.yaml') ?? '';
  const cluster = await node.clone('cluster-disk');
  await node.want(cluster, {'cluster.yaml': before.replace(/minFreeDisk: .*/, 'minFreeDisk: 900Ti')}, 'the disk is full');
  await commitRelease(6, 2, {image: `sha256:${'c'.repeat(64)}`, createdAt: new Date().toISOString()});
  await until('the next try is waited for', async () => /another try \(after one\): image sha256:cccccccccccc is not on this node, .*900Ti/.test((await node.flynn(['status', 'shop'])).output));
  t.is((await node.ask('shop')).body, 'two');
  await node.mustGit(cluster, 'pull', '--quiet');
  await node.want(cluster, {'cluster.yaml': before}, 'there is room again');
  await until('the release serves', async () => (await node.status('shop')).release === 6 && (await node.isSettled()), 90_000);
});
