import {spawn, type ChildProcess} from 'node:child_process';
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {parse, stringify} from 'yaml';
import {aptInstall} from '../../cli/setup/apt.ts';
import {isOnPath} from '../../cli/setup/exec.ts';
import type {ReleaseManifest} from '../../schemas/release.ts';
import {freePorts} from '../support/free-ports.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// A registry that asks for a password (Debian's docker-registry): images of releases go there, come back from there, and are removed there.

const PASSWORD = 'canary-of-the-registry-password';
/** Of that password, bcrypt with a cost of 4. */
const HTPASSWD = 'ada:$2b$04$2n342hor71AmHgbW29DYde785rCsvlp4Adj8ljhA90VVhaOhUT95i';

let node: TrialNode;
let folder: string;
let port: number;
let registry: ChildProcess | undefined;

const server = (text: string) => `require('node:http').createServer((_, response) => response.end('${text}')).listen(process.env.PORT);\nprocess.on('SIGTERM', () => process.exit(0));\n`;

async function startRegistry(): Promise<void> {
  const home = path.join(node.home, 'registry');
  await mkdir(home, {recursive: true});
  await writeFile(path.join(home, 'htpasswd'), `${HTPASSWD}\n`);
  await writeFile(path.join(home, 'config.yml'), stringify({
    version: 0.1,
    storage: {filesystem: {rootdirectory: path.join(home, 'data')}, delete: {enabled: true}},
    http: {addr: `127.0.0.1:${port}`},
    auth: {htpasswd: {realm: 'test', path: path.join(home, 'htpasswd')}},
  }));
  registry = spawn('docker-registry', ['serve', path.join(home, 'config.yml')], {stdio: 'ignore', env: {PATH: process.env.PATH, OTEL_TRACES_EXPORTER: 'none'}});
  await until('the registry answers', () => fetch(`http://127.0.0.1:${port}/v2/`).then(({status}) => status === 401, () => false));
}

async function stopRegistry(): Promise<void> {
  const child = registry;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** What it is set to is the node's once this has resolved. */
async function setRegistry(password: string): Promise<void> {
  const set = await node.run(['sh', '-c', `printf %s "$REGISTRY_PASSWORD" | "${process.execPath}" "${path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts')}" registry set 127.0.0.1:${port}/team -u ada`], {env: {REGISTRY_PASSWORD: password}});
  if (set.exitCode !== 0) throw new Error(set.output);
  await until('the node knows of it', async () => (await node.flynn(['status'])).output.includes(set.output.trim().slice(-8)));
}

async function told(): Promise<string> {
  return (await node.flynn(['registry'])).stdout;
}

/** Whether the registry itself has it. */
async function hasInRegistry(image: string): Promise<boolean> {
  const authorization = `Basic ${Buffer.from(`ada:${PASSWORD}`).toString('base64')}`;
  const {status} = await fetch(`http://127.0.0.1:${port}/v2/team/shop/manifests/${image.slice(7, 19)}`, {headers: {authorization, accept: 'application/vnd.docker.distribution.manifest.v2+json'}});
  return status === 200;
}

async function push(text: string): Promise<string> {
  await node.commit(folder, {'server.js': server(text)});
  const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
  if (exitCode !== 0) throw new Error(output);
  return output;
}

async function releaseOf(number: number): Promise<ReleaseManifest> {
  return parse(await node.manifest(`apps/shop/releases/v000${number}.yaml`) ?? '') as ReleaseManifest;
}

/** The engine loses the app: nothing runs, and the image is nowhere on this machine. */
async function lose(image: string): Promise<void> {
  await node.kill('SIGKILL');
  for (const {id} of await node.containers('app')) await node.docker.getContainer(id).remove({force: true});
  await node.docker.getImage(image).remove({force: true});
}

async function events(): Promise<string> {
  return (await node.flynn(['events', '-a', 'shop'])).stdout;
}

test.before(async (t) => {
  t.timeout(600_000);
  if (!await isOnPath('docker-registry', AbortSignal.timeout(10_000))) await aptInstall({packages: ['docker-registry'], because: 'the tests of registries need docker-registry'}, (line) => t.log(line), AbortSignal.timeout(360_000));
  node = await TrialNode.start();
  [port = 0] = await freePorts(1);
  await startRegistry();
  folder = await node.app('shop', 'node-hello', {'server.js': server('one')});
  await setRegistry(PASSWORD);
});
test.after.always(async (t) => {
  t.timeout(240_000);
  await stopRegistry();
  await node[Symbol.asyncDispose]();
});

test.serial('the image of a release is pushed to the registry, and the release says where it is', async (t) => {
  t.timeout(240_000);
  const output = await push('one');
  t.log(output);
  t.regex(output, new RegExp(`^remote: -----> Pushing to 127\\.0\\.0\\.1:${port}/team/shop\\s*\\nremote: {8}sha256:[0-9a-f]{64}`, 'm'));
  const release = await releaseOf(1);
  t.regex(release.registry ?? '', new RegExp(`^127\\.0\\.0\\.1:${port}/team/shop@sha256:[0-9a-f]{64}$`));
  const {RepoTags: tags, RepoDigests: digests} = await node.docker.getImage(release.image).inspect();
  t.deepEqual([...tags ?? [], ...digests ?? []].filter((name) => name.startsWith('127.0.0.1')), [], 'nothing but our own name keeps the image');
  t.is(await told(), `127.0.0.1:${port}/team  as ada\n  1 image of 1 app`);
  t.true(await hasInRegistry(release.image));
});

test.serial('an image that the node has lost is pulled from the registry, and not built', async (t) => {
  t.timeout(240_000);
  const {image} = await releaseOf(1);
  await lose(image);
  await node.up();
  await until('the app answers', async () => (await node.ask('shop')).body === 'one', 120_000);
  t.regex(await events(), new RegExp(`pull image ${image.slice(7, 19)} of shop \\(the image of v1 is not on this node\\)`));
  t.notRegex(await events(), /build image/);
  t.is((await node.docker.getImage(image).inspect()).Id, image);
  await node.flynn(['gc']);
  await until('nothing is to be done', async () => (await node.plan()).actions.length === 0);
});

test.serial('when the registry does not have it any more either, it is built from its source', async (t) => {
  t.timeout(240_000);
  const {image} = await releaseOf(1);
  await stopRegistry();
  await lose(image);
  await node.up();
  await until('the app answers', async () => (await node.ask('shop')).body === 'one', 120_000);
  t.regex(await events(), /pull image [0-9a-f]{12} of shop failed: .*connect/);
  t.regex(await events(), /build image [0-9a-f]{12} of shop again \(the image of v1 is not on this node, nor to be had from its registry/);
});

test.serial('a push while the registry does not answer is deployed all the same, and says so', async (t) => {
  t.timeout(240_000);
  const output = await push('two');
  t.regex(output, new RegExp(`^remote: {2}! {5}The image is on this node only, 127\\.0\\.0\\.1:${port}/team/shop did not take it: .*refused`, 'm'));
  t.is((await node.ask('shop')).body, 'two');
  const {image, registry: name} = await releaseOf(2);
  t.is(name, undefined);
  await until('it waits to be tried again', async () => (await node.flynn(['status', 'shop'])).stdout.includes(`the registry  # on 127.0.0.1:${port}/team/shop taking image ${image.slice(7, 19)}, tried `));
  t.regex(await told(), new RegExp(`${image.slice(7, 19)} of ⬢ shop is still to be pushed: .*refused \\(tried (once|\\d times), again at 20`));
});

test.serial('a wrong password is told, without it', async (t) => {
  t.timeout(240_000);
  await startRegistry();
  await setRegistry('another-password-of-nobody');
  const output = await push('three');
  t.regex(output, /The image is on this node only, .* did not take it: .*(unauthorized|no basic auth|authentication required|denied)/);
  t.false(output.includes('another-password'));
});

test.serial('what could not be pushed is there once the registry takes it, and comes back from there', async (t) => {
  t.timeout(240_000);
  await setRegistry(PASSWORD);
  await until('all are there', async () => await told() === `127.0.0.1:${port}/team  as ada\n  3 images of 1 app`);
  const {image, registry: name} = await releaseOf(3);
  t.is(name, undefined, 'release files never change');
  t.true(await hasInRegistry(image));
  await lose(image);
  await node.up();
  await until('the app answers', async () => (await node.ask('shop')).body === 'three', 120_000);
  t.regex(await events(), new RegExp(`pull image ${image.slice(7, 19)} of shop \\(`));
});

test.serial('an image that was built elsewhere is pulled with the login of the registry where it is there, and pushed, too', async (t) => {
  t.timeout(240_000);
  const {image} = await releaseOf(1);
  const {exitCode, output} = await node.flynn(['deploy', '--image', `127.0.0.1:${port}/team/shop:${image.slice(7, 19)}`, '--pull', '-a', 'shop']);
  t.is(exitCode, 0, output);
  t.regex(output, /-----> Pushing to 127\.0\.0\.1:\d+\/team\/shop\n {7}sha256:/);
  const released = await releaseOf(4);
  t.is(released.image, image);
  t.is(released.registry, (await releaseOf(1)).registry);
  t.is((await node.ask('shop')).body, 'one');
});

test.serial('what no release needs any more is removed from the registry, and nothing else', async (t) => {
  t.timeout(240_000);
  const [first, second, third] = await Promise.all([1, 2, 3].map(async (number) => (await releaseOf(number)).image)) as [string, string, string];
  await node.want(await node.clone(), {'cluster.yaml': (await node.manifest('cluster.yaml') ?? '').replace(/releases: 10/, 'releases: 2')});
  await node.kill('SIGKILL');
  // Ten minutes later.
  const book = path.join(node.layout.root, 'pushed.json');
  await writeFile(book, (await readFile(book, 'utf8')).replaceAll(/"pushedAtMs":\d+/g, '"pushedAtMs":0'));
  await node.up();
  await push('five');
  await until('they are gone', async () => await told() === `127.0.0.1:${port}/team  as ada\n  2 images of 1 app`);
  t.deepEqual(await Promise.all([first, second, third, (await releaseOf(5)).image].map(hasInRegistry)), [true, false, false, true]);
  t.regex(await events(), new RegExp(`remove image ${second.slice(7, 19)} from 127\\.0\\.0\\.1:${port}/team/shop \\(no kept release of shop has it\\)`));
});

test.serial('the password is in no log, event, plan, build or file that was left', async (t) => {
  const texts = [node.log, await events(), (await node.plan()).text, (await node.flynn(['builds', '-a', 'shop', '--json'])).output, (await node.flynn(['registry', '--json'])).output];
  t.deepEqual(texts.filter((text) => text.includes(PASSWORD)), []);
  t.not((await node.run(['grep', '-rqF', PASSWORD, node.layout.root])).exitCode, 0, 'it is in a file of the node');
});
