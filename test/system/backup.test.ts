import {mkdir, readdir, readFile, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {DockerEngine} from '../../reconciler/adapters/docker.ts';
import {ask} from '../support/load.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// A node that is lost with all that it had comes back from one file, under another domain: apps, releases, secrets, volumes.

const SIGNAL = new AbortController().signal;
const IMAGE_MS_MAX = 120_000;

let node: TrialNode;
let engine: DockerEngine;
let folder: string;
let keys: readonly string[];
let file: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  engine = new DockerEngine(node.docker);
  file = path.join(node.home, 'node.age');
  await writeFile(path.join(node.home, 'passphrase'), 'four words are enough\n');
  keys = ['--passphrase-file', path.join(node.home, 'passphrase')];
  folder = await node.app('shop', 'quick');
  await node.want(await node.clone(), {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nservices: {web: {strategy: stop-first, volumes: {data: {path: /data}}}}\n'});
  await must(['env', 'set', '--secret', 'CANARY=tweet-4711', '-a', 'shop', '--no-wait']);
  await node.mustGit(folder, 'push', 'flynn', 'main');
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

async function must(args: readonly string[]): Promise<string> {
  const {exitCode, output} = await node.flynn(args);
  if (exitCode !== 0) throw new Error(`flynn ${args.join(' ')}: ${output}`);
  return output;
}

async function sh(script: string): Promise<string> {
  const [first] = await node.running('shop');
  const {output} = await engine.exec(first?.id ?? '', ['bash', '-c', script], SIGNAL);
  return output.trim();
}

/** Undefined: it does not answer. */
async function page(): Promise<string | undefined> {
  const {status, body} = await ask({port: node.httpPort, host: 'shop.new.localhost'});
  return status === 200 ? body : undefined;
}

/** The same but for one bit: whatever stands there, it is another. */
function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return copy;
}

const cluster = (word: string, ...args: readonly string[]) => node.flynn(['cluster', word, ...args, '--data', node.layout.root]);

test.serial('a backup is one encrypted file, made while the node runs, and can be looked at', async (t) => {
  t.timeout(120_000);
  await sh('echo first > /data/note');
  await node.commit(folder, {page: 'two'}, 'Two');
  await node.mustGit(folder, 'push', 'flynn', 'main');
  const {exitCode, output} = await cluster('backup', '--volumes', '-o', file, ...keys);
  t.is(exitCode, 0, output);
  t.is((await stat(file)).mode & 0o777, 0o600);
  t.true((await readFile(file)).subarray(0, 21).equals(Buffer.from('age-encryption.org/v1')));
  const verified = await node.flynn(['cluster', 'backup', '--verify', file, ...keys]);
  t.regex(verified.output, /^a backup of .* \(flynn\.localhost\) of .*\nwith the volumes shop\/data\nit is whole$/);
  t.regex((await cluster('backup', '-o', file, ...keys)).output, /is there already/);
  t.is((await cluster('backup')).exitCode, 2, 'nobody gets one that is not encrypted by a slip');
  t.regex((await cluster('restore', file, ...keys)).output, /is not empty: a backup is restored into a new data directory only/);
});

test.serial('a backup that is damaged, or that nothing opens, changes nothing', async (t) => {
  t.timeout(120_000);
  await node.kill('SIGTERM');
  await must(['down', '--purge', '--yes', '--data', node.layout.root]);
  const bytes = await readFile(file);
  const broken = path.join(node.home, 'broken.age');
  const tries: readonly (readonly [Buffer, readonly string[], RegExp])[] = [
    [bytes.subarray(0, bytes.length - 100), keys, /^error: /m],
    [flipped(bytes, bytes.length >> 1), keys, /^error: /m],
    [Buffer.concat([bytes, Buffer.from('x')]), keys, /^error: /m],
    [bytes, [], /the backup is encrypted with a passphrase/],
    [Buffer.from('hello'), keys, /this is no backup of a cluster/],
  ];
  for (const [content, with_, message] of tries) {
    await writeFile(broken, content);
    const {exitCode, output} = await cluster('restore', broken, ...with_);
    t.is(exitCode, 1, output);
    t.regex(output, message);
    t.deepEqual(await readdir(node.layout.root).catch(() => 'not there'), 'not there');
  }
  await mkdir(path.join(node.layout.root, 'restoring'), {recursive: true});
  await writeFile(path.join(node.layout.root, 'restoring', 'settings.yaml'), 'half of one that was killed');
  t.regex((await node.flynn(['up', '--data', node.layout.root])).output, /a restore into .* has begun and did not end/);
});

test.serial('an empty machine becomes that node again, under another domain', async (t) => {
  t.timeout(240_000);
  const {exitCode, output} = await cluster('restore', file, '--domain', 'new.localhost', ...keys);
  t.is(exitCode, 0, output);
  t.deepEqual((await readdir(node.layout.root)).filter((name) => name === 'restoring' || name === 'run'), []);
  t.regex((await cluster('restore', file, ...keys)).output, /is not empty/);
  await node.up();
  t.is(await until('the app answers', page, IMAGE_MS_MAX), 'two');
  t.is(await sh('cat /data/note; echo $CANARY'), 'first\ntweet-4711');
  t.regex((await node.flynn(['audit', '--verify', '-c', node.instance])).output, /all as they were written$/);
  t.regex(await node.manifest('cluster.yaml') ?? '', /^domain: "?new\.localhost/m);
});

test.serial('its releases can be rolled back to, and its source pushed to', async (t) => {
  t.timeout(240_000);
  t.is(await page(), 'two');
  await must(['rollback', '-a', 'shop', '-c', node.instance]);
  t.is(await page(), 'hello from quick\n');
  t.is(await sh('cat /data/note'), 'first');
  await node.mustGit(folder, 'remote', 'set-url', 'flynn', `http://git.new.localhost:${node.httpPort}/shop.git`);
  await node.commit(folder, {page: 'three'}, 'Three');
  await node.mustGit(folder, 'push', 'flynn', 'main');
  t.is(await page(), 'three');
});
