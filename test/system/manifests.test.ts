import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Edits of the cluster repository, right and wrong: to our own server, to a remote repository, and to a plain folder.

const MAIN = `${import.meta.dirname}/../../cli/main.ts`;
const head = (kind: string) => `apiVersion: flynn/v1\nkind: ${kind}\n`;
/** The promise is 1 s; busy machines get more. */
const ACTED_MS_MAX = 10_000;

let node: TrialNode;
let cluster: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  for (const name of ['shop', 'blog']) {
    const folder = await node.app(name, 'quick');
    const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
    if (exitCode !== 0) throw new Error(output);
  }
  cluster = await node.clone();
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await node[Symbol.asyncDispose]();
});

const greeting = (text: string) => `${head('App')}env:\n  GREETING: ${text}\n`;
/** Right YAML with two mistakes in it, and where they are. */
const WRONG = `${head('App')}services:\n  web:\n    replicas: many\n    memory: 1\n`;

test.serial('a pushed edit is acted on within a second of the push', async (t) => {
  for (const text of ['one', 'two', 'three']) {
    await node.commit(cluster, {'apps/shop/app.yaml': greeting(text)});
    const before = (await node.running('shop'))[0]?.id;
    const {exitCode, output} = await node.git(cluster, 'push');
    const answeredAtMs = performance.now();
    t.is(exitCode, 0, output);
    await until('a new container runs', async () => (await node.running('shop')).some(({id}) => id !== before));
    const startedMs = Math.round(performance.now() - answeredAtMs);
    await until('it serves', async () => (await node.ask('shop')).body.endsWith(text));
    t.log(`new container after ${startedMs} ms, serving after ${Math.round(performance.now() - answeredAtMs)} ms`);
    t.true(startedMs < ACTED_MS_MAX);
    await until('the old one is gone', async () => (await node.running('shop')).length === 1);
  }
});

test.serial('an invalid manifest is refused at the push, with every problem and its place', async (t) => {
  const before = await node.manifest('apps/shop/app.yaml');
  await node.commit(cluster, {'apps/shop/app.yaml': WRONG});
  const {exitCode, output} = await node.git(cluster, 'push');
  t.is(exitCode, 1);
  t.regex(output, /^remote: apps\/shop\/app\.yaml:5:15: /m);
  t.regex(output, /^remote: apps\/shop\/app\.yaml:6:5: .*"?memory"?/m);
  t.is(await node.manifest('apps/shop/app.yaml'), before);
});

test.serial('forced, it makes its app Stalled and leaves it serving, while the others go on', async (t) => {
  await node.commit(cluster, {'apps/blog/app.yaml': greeting('still going')});
  const {exitCode, output} = await node.git(cluster, 'push', '-o', 'flynn.force');
  t.is(exitCode, 0, output);
  await until('the other app has the edit', async () => (await node.ask('blog')).body.endsWith('still going'));
  const {conditions} = await node.status('shop');
  const stalled = conditions.find(({type}) => type === 'Stalled');
  t.like(stalled, {status: true, reason: 'InvalidManifest'});
  t.regex(stalled?.message ?? '', /apps\/shop\/app\.yaml:5:15: /);
  t.regex((await node.ask('shop')).body, /three$/);
  await node.commit(cluster, {'apps/shop/app.yaml': greeting('right again')});
  t.is((await node.git(cluster, 'push')).exitCode, 0);
  await until('it follows again', async () => (await node.ask('shop')).body.endsWith('right again'));
  t.false((await node.status('shop')).conditions.some(({type, status}) => type === 'Stalled' && status));
});

test.serial('removing an app from git removes its containers, and only those', async (t) => {
  await node.git(cluster, 'rm', '-r', '--quiet', 'apps/blog');
  await node.commit(cluster);
  const {exitCode, output} = await node.git(cluster, 'push');
  t.is(exitCode, 0, output);
  await until('its containers are gone', async () => (await node.containers('app', 'blog')).length === 0);
  t.is((await node.ask('blog')).status, 404);
  t.is((await node.ask('shop')).status, 200);
  await node.git(cluster, 'revert', '--no-edit', 'HEAD');
  t.is((await node.git(cluster, 'push')).exitCode, 0);
  await until('a revert brings it back', async () => (await node.ask('blog')).status === 200);
});

test.serial('a bare repository on the same disk is followed as it changes; an invalid app in it is Stalled, the others go on', async (t) => {
  const bare = path.join(node.home, 'remote.git');
  await node.git(node.home, 'clone', '--quiet', '--bare', cluster, bare);
  await node.git(cluster, 'remote', 'add', 'elsewhere', bare);
  await restart(['--cluster-repo', bare]);
  await node.settled();
  const before = (await node.running('shop')).map(({id}) => id);
  t.is(before.length, 1);
  await node.commit(cluster, {'apps/shop/app.yaml': WRONG, 'apps/blog/app.yaml': greeting('from elsewhere')});
  t.is((await node.git(cluster, 'push', 'elsewhere', 'main')).exitCode, 0);
  await until('the other app has the edit', async () => (await node.ask('blog')).body.endsWith('from elsewhere'));
  t.like((await node.status('shop')).conditions.find(({type}) => type === 'Stalled'), {reason: 'InvalidManifest'});
  t.deepEqual((await node.running('shop')).map(({id}) => id), before);
  await node.commit(cluster, {'apps/shop/app.yaml': greeting('right again')});
  await node.git(cluster, 'push', 'elsewhere', 'main');
  await until('it follows again', async () => !(await node.status('shop')).conditions.some(({type, status}) => type === 'Stalled' && status));
});

test.serial('a plain folder is reconciled as it is saved', async (t) => {
  await restart(['--watch', cluster]);
  const savedAtMs = performance.now();
  await writeFile(path.join(cluster, 'apps/blog/app.yaml'), greeting('saved'));
  await until('the app has the edit', async () => (await node.ask('blog')).body.endsWith('saved'));
  t.log(`serving after ${Math.round(performance.now() - savedAtMs)} ms`);
  await writeFile(path.join(cluster, 'apps/blog/app.yaml'), 'kind: [');
  await until('it is Stalled', async () => (await node.status('blog')).conditions.some(({type}) => type === 'Stalled'));
  await mkdir(path.join(cluster, 'apps/third'), {recursive: true});
  await writeFile(path.join(cluster, 'apps/third/app.yaml'), head('App'));
  await until('a new app is known', async () => (await node.flynn(['apps'])).output.includes('third'));
  t.regex((await node.ask('blog')).body, /saved$/);
});

async function restart(flags: readonly string[]): Promise<void> {
  await node.kill('SIGINT');
  await node.up(flags);
}

test.serial('back to a repository of our own', async (t) => {
  await restart(['--cluster-repo', 'own']);
  const {exitCode, output} = await node.run([process.execPath, MAIN, 'status']);
  t.is(exitCode, 0, output);
});
