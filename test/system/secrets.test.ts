import {copyFile, readdir, readFile, rename} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {execa} from 'execa';
import {parse} from 'yaml';
import {aptInstall} from '../../cli/setup/apt.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Secrets on a real node: they reach the app and nothing else, keys get lost and are rotated, and age itself can open them.

const MAIN = `${import.meta.dirname}/../../cli/main.ts`;
const SECRETS = 'apps/shop/secrets.yaml';
const CANARY = `canary-${process.pid}-5d0f3c7b`;
const IN_COMMAND_LINE = `canary-${process.pid}-in-argv`;

let node: TrialNode;
let cluster: string;
let source: string;
/** All that was printed for people. */
const printed: string[] = [];

test.before(async (t) => {
  t.timeout(480_000);
  // Debian's age 1.1, which shares no code with the package that we encrypt with.
  await execa('age', ['--version'], {reject: false}).then(async ({exitCode}) => {
    if (exitCode !== 0) await aptInstall({packages: ['age'], because: 'the tests of secrets need age'}, (line) => t.log(line), AbortSignal.timeout(300_000));
  });
  node = await TrialNode.start();
  source = await node.app('shop', 'quick', {Dockerfile: 'FROM flynn/run\nCOPY server.pl page /srv/\nRUN env\nUSER app\nCMD ["perl", "/srv/server.pl"]\n'});
  for (const folder of [source, await node.app('blog', 'quick')]) {
    const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
    if (exitCode !== 0) throw new Error(output);
  }
  cluster = await node.clone();
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

test.serial('a secret is set from stdin and reaches the app by a rolling deploy', async (t) => {
  const before = (await node.running('shop'))[0]?.id;
  const {exitCode, output} = await setSecret('GREETING', CANARY);
  t.is(exitCode, 0, output);
  t.regex(output, /"shop: set secret GREETING"/);
  t.is((await node.ask('shop')).body, `hello from quick\n${CANARY}`);
  t.not((await node.running('shop'))[0]?.id, before);
});

test.serial('a value in the command line is not seen in the list of processes while its deploy is waited for', async (t) => {
  let isWaiting = true;
  const setting = flynn(['env', 'set', '--secret', `TOKEN=${IN_COMMAND_LINE}`, '-a', 'shop']).finally(() => (isWaiting = false));
  const hidden = await until('the command has begun', async () => {
    const lines = (await processes()).split('\n');
    return lines.some((line) => line.trim() === 'flynn env') && !lines.some((line) => line.includes(IN_COMMAND_LINE)) ? isWaiting : undefined;
  });
  t.true(hidden);
  t.is((await setting).exitCode, 0);
});

test.serial('a failed deploy, a build, plans and questions tell nothing of it', async (t) => {
  const failing = await flynn(['env', 'set', 'PERL5OPT=-Mnonsense', '-a', 'shop']);
  t.is(failing.exitCode, 1, failing.output);
  t.is((await flynn(['env', 'unset', 'PERL5OPT', '-a', 'shop'])).exitCode, 0);
  await node.commit(source, {page: 'built again '});
  const pushed = await node.git(source, 'push', 'flynn', 'main');
  printed.push(pushed.output);
  t.is(pushed.exitCode, 0, pushed.output);
  t.regex(pushed.output, /^remote: .*PATH=/m);
  t.is((await node.ask('shop')).body, `built again ${CANARY}`);
  for (const args of [['status', 'shop', '--json'], ['events', '--json'], ['env', '-a', 'shop', '--json'], ['secrets', '--json'], ['ps', '-a', 'shop', '--json'], ['logs', '-a', 'shop'], ['plan'], ['releases', '-a', 'shop']]) await flynn(args);
  for (const route of ['status', 'apps', 'apps/shop', 'apps/shop/env', 'secrets', 'plan', 'events']) {
    const answer = await fetch(`${node.apiUrl}/v1/${route}`, {headers: {authorization: `Bearer ${await node.token()}`}});
    printed.push(await answer.text());
  }
});

test.serial('a planted canary is nowhere but in the container', async (t) => {
  await node.settled();
  const [container] = await node.running('shop');
  const inspected = await node.docker.getContainer(container?.id ?? '').inspect();
  t.true(inspected.Config.Env.includes(`GREETING=${CANARY}`), 'what is looked for is there to be found');
  const image = node.docker.getImage(inspected.Image);
  const places: Record<string, AsyncIterable<Buffer> | string> = {
    'what was printed': printed.join('\n'),
    'the log of the reconciler': node.log,
    'the list of processes': await processes(),
    'the image': JSON.stringify([await image.inspect(), await image.history()]),
    'layers of the image': await image.get() as unknown as AsyncIterable<Buffer>,
    'labels of the container': JSON.stringify([inspected.Config.Labels, inspected.Name, inspected.Args]),
  };
  for (const repository of [node.layout.clusterRepo, path.join(node.layout.sources, 'shop.git'), cluster, source]) {
    places[`git objects of ${path.basename(repository)}`] = await gitObjects(repository);
  }
  for (const entry of await readdir(node.home, {recursive: true, withFileTypes: true})) {
    // What is only there for a moment is gone.
    if (entry.isFile()) places[path.join(entry.parentPath, entry.name)] = await readFile(path.join(entry.parentPath, entry.name), 'latin1').catch(() => '');
  }
  t.true(await has(places['git objects of cluster.git'] ?? '', 'GREETING'), 'objects are searched as they are');
  t.true(await has(places[path.join(node.layout.journal, 'shop.json')] ?? '', 'BEGIN AGE'), 'the journal has it sealed');
  const leaks: string[] = [];
  for (const [place, content] of Object.entries(places)) if (await has(content, 'canary-')) leaks.push(place);
  t.deepEqual(leaks, []);
});

test.serial('age itself opens it with the node\'s identity, whose files are for nobody else', async (t) => {
  const sealed = await sealedGreeting();
  const {stdout} = await execa('age', ['-d', '-i', path.join(node.layout.age, 'identity')], {input: sealed});
  t.is(stdout, CANARY);
  const {stdout: modes} = await execa('stat', ['-c', '%a %n', node.layout.age, ...(await readdir(node.layout.age)).map((name) => path.join(node.layout.age, name))]);
  t.deepEqual(modes.split('\n').map((line) => line.split(' ')[0]), ['700', '600', '600']);
});

test.serial('a value that age itself encrypts to the cluster\'s recipient is a secret like any other', async (t) => {
  const {recipients} = parse(await node.manifest('cluster.yaml') ?? '') as {recipients: string[]};
  const {stdout} = await execa('age', ['-a', '-r', recipients[0] ?? ''], {input: 'from age'});
  await node.git(cluster, 'pull', '--quiet');
  await node.commit(cluster, {'apps/blog/secrets.yaml': `apiVersion: flynn/v1\nkind: Secrets\nenv:\n  GREETING: |\n${stdout.split('\n').map((line) => `    ${line}\n`).join('')}`});
  const {exitCode, output} = await node.git(cluster, 'push');
  t.is(exitCode, 0, output);
  await until('the other app has it', async () => (await node.ask('blog')).body.endsWith('from age'));
});

test.serial('without its identity a node keeps what runs and says why, and the other apps go on', async (t) => {
  const identity = path.join(node.layout.age, 'identity');
  const before = (await node.running('shop')).map(({id}) => id);
  await rename(identity, `${identity}.aside`);
  const stalled = await until('it is Stalled', async () => (await node.status('shop')).conditions.find(({type, status}) => type === 'Stalled' && status));
  t.is(stalled.reason, 'SecretsUnreadable');
  t.regex(stalled.message, /^apps\/shop\/secrets\.yaml:\d+:\d+: env\.GREETING can't be decrypted: this node has no identity/);
  await execa('age-keygen', ['-o', identity]);
  await until('another key is no better', async () => (await node.status('shop')).conditions.some(({message}) => message.includes('encrypted for other keys than this node has')));
  await node.git(cluster, 'pull', '--quiet');
  await node.git(cluster, 'rm', '--quiet', 'apps/blog/secrets.yaml');
  await node.commit(cluster, {'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv: {GREETING: still going}\n'});
  t.is((await node.git(cluster, 'push')).exitCode, 0);
  await until('an app without secrets follows', async () => (await node.ask('blog')).body.endsWith('still going'));
  await node.kill('SIGKILL');
  await node.up();
  t.regex((await node.ask('shop')).body, new RegExp(`${CANARY}$`));
  await rename(`${identity}.aside`, identity);
  await until('it is well again by itself', async () => !(await node.status('shop')).conditions.some(({type, status}) => type === 'Stalled' && status));
  t.deepEqual((await node.running('shop')).map(({id}) => id), before);
});

test.serial('a damaged value is refused at the push; forced, it stalls its app alone', async (t) => {
  await node.git(cluster, 'pull', '--quiet');
  const right = await readFile(path.join(cluster, SECRETS), 'utf8');
  const lines = right.split('\n');
  const line = lines.findIndex((one) => one.includes('BEGIN AGE')) + 2;
  lines[line] = (lines[line] ?? '').replace(/\w{4}$/, 'AAAA');
  await node.commit(cluster, {[SECRETS]: lines.join('\n')});
  const refused = await node.git(cluster, 'push');
  t.is(refused.exitCode, 1);
  t.regex(refused.output, /^remote: apps\/shop\/secrets\.yaml:\d+:\d+: env\.\w+ can't be decrypted: it is damaged/m);
  t.is((await node.git(cluster, 'push', '-o', 'flynn.force')).exitCode, 0);
  await until('it is Stalled', async () => (await node.status('shop')).conditions.some(({reason}) => reason === 'SecretsUnreadable'));
  t.regex((await node.ask('shop')).body, new RegExp(`${CANARY}$`));
  await node.commit(cluster, {[SECRETS]: right});
  t.is((await node.git(cluster, 'push')).exitCode, 0);
  await until('it is well again', async () => !(await node.status('shop')).conditions.some(({type, status}) => type === 'Stalled' && status));
});

test.serial('a pushed plain value that looks like a secret is warned of', async (t) => {
  await node.commit(cluster, {'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\nenv:\n  GREETING: still going\n  DATABASE_URL: postgres://blog:hunter2@db/blog\n'});
  const {exitCode, output} = await node.git(cluster, 'push');
  t.is(exitCode, 0, output);
  t.regex(output, /^remote:  !     apps\/blog\/app\.yaml:5:17: env\.DATABASE_URL looks like a secret \(a URL with a password\)/m);
  t.false(output.includes('hunter2'));
});

test.serial('a rotation deploys nothing, and afterwards only the new key counts', async (t) => {
  const identity = path.join(node.layout.age, 'identity');
  await copyFile(identity, path.join(node.home, 'old-identity'));
  const before = (await node.running('shop')).map(({id}) => id);
  const rotated = await flynn(['secrets', 'rotate']);
  t.is(rotated.exitCode, 0, rotated.output);
  const sealed = await sealedGreeting();
  t.is((await execa('age', ['-d', '-i', identity], {input: sealed})).stdout, CANARY);
  t.not((await execa('age', ['-d', '-i', path.join(node.home, 'old-identity')], {input: sealed, reject: false})).exitCode, 0);
  await until('old keys can be forgotten once the rotation is applied', async () => (await flynn(['secrets', 'forget', '--yes'])).exitCode === 0);
  t.deepEqual((await node.running('shop')).map(({id}) => id), before);
  t.is((await readFile(identity, 'utf8')).match(/AGE-SECRET-KEY-1/g)?.length, 1);
  await node.docker.getContainer(before[0] ?? '').remove({force: true});
  await until('a new replica is made with the new key', async () => (await node.ask('shop').catch(() => undefined))?.body.endsWith(CANARY));
});

test.serial('a repository of our own that says nothing of recipients gets this node\'s at the next start', async (t) => {
  await node.git(cluster, 'pull', '--quiet');
  const text = await readFile(path.join(cluster, 'cluster.yaml'), 'utf8');
  await node.commit(cluster, {'cluster.yaml': text.replace(/recipients:\n.*\n/, '')});
  t.is((await node.git(cluster, 'push')).exitCode, 0);
  t.regex((await flynn(['env', 'set', '--secret', 'A=b', '-a', 'blog'])).output, /no recipients to encrypt secrets to; with this node's key it would have\nrecipients:\n {2}- age1/);
  await node.kill('SIGINT');
  await node.up();
  t.is((await flynn(['env', 'set', '--secret', 'A=b', '-a', 'blog'])).exitCode, 0);
});

async function setSecret(name: string, value: string) {
  const ended = await node.run(['sh', '-c', 'printf %s "$VALUE" | "$@"', 'sh', process.execPath, MAIN, 'env', 'set', '--secret', name, '-a', 'shop'], {env: {VALUE: value}});
  printed.push(ended.output);
  return ended;
}

async function flynn(args: readonly string[]) {
  const ended = await node.flynn(args);
  printed.push(ended.output);
  return ended;
}

async function sealedGreeting(): Promise<string> {
  const {env} = parse(await node.manifest(SECRETS) ?? '') as {env: Record<string, string>};
  return env['GREETING'] ?? '';
}

/** Command lines of all processes of this machine, those in containers too. */
async function processes(): Promise<string> {
  return (await execa('ps', ['-eww', '-o', 'args='])).stdout;
}

/** Every object there is, reachable or not, as it is. */
async function gitObjects(repository: string): Promise<string> {
  const {stdout} = await execa('git', ['-C', repository, 'cat-file', '--batch-all-objects', '--batch', '--unordered'], {encoding: 'buffer'});
  return Buffer.from(stdout).toString('latin1');
}

async function has(content: AsyncIterable<Buffer> | string, text: string): Promise<boolean> {
  if (typeof content === 'string') return content.includes(text);
  let tail = '';
  for await (const chunk of content) {
    const part = tail + chunk.toString('latin1');
    if (part.includes(text)) return true;
    tail = part.slice(-text.length);
  }
  return false;
}
