import {createHmac} from 'node:crypto';
import {readdir} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {parse} from 'yaml';
import type {BuildRecord} from '../../reconciler/builds/builds.ts';
import type {SourceStatus} from '../../reconciler/source/status.ts';
import type {ReleaseManifest} from '../../schemas/release.ts';
import {startGitServer, type GitServer} from '../support/git-server.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// An app whose source is followed on a git host: a real node, and a real git server that asks for a token.

const TOKEN = 'canary-of-the-source-token';

let node: TrialNode;
let host: GitServer;
let work: string;
let cluster: string;

const server = (text: string) => `require('node:http').createServer((_, response) => response.end('${text} ' + Object.keys(process.env).filter((name) => name.startsWith('SOURCE_')).join())).listen(process.env.PORT);\nprocess.on('SIGTERM', () => process.exit(0));\n`;
const PACKAGE = JSON.stringify({name: 'shop', version: '1.0.0', private: true, engines: {node: '24.x'}, scripts: {start: 'node server.js'}});

/** Commits at the git host; resolves to the commit. */
async function commit(text: string, file = 'services/shop/server.js'): Promise<string> {
  const id = await node.commit(work, {[file]: text}, 'change');
  const {exitCode, output} = await node.git(work, 'push', '--quiet', 'origin', 'main');
  if (exitCode !== 0) throw new Error(output);
  return id;
}

async function source(): Promise<SourceStatus> {
  return JSON.parse((await node.flynn(['source', '-a', 'shop', '--json'])).stdout) as SourceStatus;
}

async function events(): Promise<string> {
  return (await node.flynn(['events', '-a', 'shop'])).stdout;
}

async function builds(): Promise<readonly BuildRecord[]> {
  const answer = await fetch(`${node.apiUrl}/v1/apps/shop/builds?limit=100`, {headers: {authorization: `Bearer ${await node.token()}`}});
  return await answer.json() as readonly BuildRecord[];
}

async function post(body: string, headers: Readonly<Record<string, string>>): Promise<{status: number; body: string}> {
  const answer = await fetch(`${node.apiUrl}/v1/hooks/shop`, {method: 'POST', headers: {'content-type': 'application/json', ...headers}, body});
  return {status: answer.status, body: await answer.text()};
}

async function configure(yaml: string): Promise<void> {
  await node.git(cluster, 'pull', '--quiet', '--rebase');
  await node.commit(cluster, {'apps/shop/app.yaml': `apiVersion: flynn/v1\nkind: App\n${yaml}`}, 'shop: configure');
  const {exitCode, output} = await node.git(cluster, 'push', '--quiet');
  if (exitCode !== 0) throw new Error(output);
}

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  const bare = path.join(node.home, 'host.git');
  work = path.join(node.home, 'work');
  await node.git(node.home, 'init', '--quiet', '--bare', '--initial-branch=main', bare);
  await node.git(node.home, 'clone', '--quiet', bare, work);
  await commit(PACKAGE, 'services/shop/package.json');
  await commit(server('one'));
  host = await startGitServer(bare);
  host.credentials = `ada:${TOKEN}`;
  const created = await node.flynn(['create', 'shop', '-r', '']);
  if (created.exitCode !== 0) throw new Error(created.output);
  const secret = await node.flynn(['env', 'set', '--secret', `SOURCE_TOKEN=ada:${TOKEN}`, '-a', 'shop', '--no-wait']);
  if (secret.exitCode !== 0) throw new Error(secret.output);
  cluster = await node.clone();
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
});

test.serial('a source that is named in app.yaml is built and deployed, by the name of who made the commit', async (t) => {
  t.timeout(180_000);
  await configure(`source:\n  git: ${host.url}\n  path: services/shop\n  tokenSecret: SOURCE_TOKEN\n  intervalSeconds: 3600\n`);
  await until('the app answers', async () => (await node.ask('shop')).body.startsWith('one'), 90_000);
  await until('it is noted', async () => (await source()).state === 'deployed');
  const release = parse(await node.manifest('apps/shop/releases/v0001.yaml') ?? '') as ReleaseManifest;
  t.like(release, {pushedBy: 'Ada', source: {path: 'services/shop', builder: 'Node.js'}});
  t.is((await node.ask('shop')).body, 'one ', 'the token is not in the app\'s environment');
  const status = await node.flynn(['status', 'shop']);
  t.regex(status.output, /^ {2}source {4}http:\/\/127\.0\.0\.1:\d+\/shop\.git main services\/shop: [0-9a-f]{8} is deployed as v1$/m);
  t.log((await node.flynn(['source', '-a', 'shop'])).output, status.output);
});

test.serial('a webhook makes it look at once, and is believed only with the secret', async (t) => {
  t.timeout(120_000);
  const made = await node.flynn(['source', 'hook', '-a', 'shop', '--json']);
  t.is(made.exitCode, 0, made.output);
  const {url, secret} = JSON.parse(made.stdout) as {url: string; secret: string};
  t.is(url, `http://api.flynn.localhost:${node.httpPort}/v1/hooks/shop`);
  t.false((await node.manifest('apps/shop/secrets.yaml') ?? '').includes(secret));
  await until('the node knows of it', async () => (await source()).hasHook);
  await commit(server('two'));
  const body = JSON.stringify({ref: 'refs/heads/main'});
  const other = JSON.stringify({ref: 'refs/heads/other'});
  const sign = (text: string, key = secret) => createHmac('sha256', key).update(text).digest('hex');
  t.is((await post(body, {})).status, 401);
  t.is((await post(body, {'x-hub-signature-256': `sha256=${sign(body, 'guessed')}`})).status, 401);
  t.is((await post(other, {'x-hub-signature-256': `sha256=${sign(body)}`})).status, 401);
  t.like(await post(other, {'x-gitea-signature': sign(other)}), {status: 200, body: '{"looking":false,"why":"branch other is not deployed, main is"}'});
  t.is((await node.ask('shop')).body, 'one ');
  t.is((await post(body, {'x-hub-signature-256': `sha256=${sign(body)}`})).status, 202);
  await until('the app answers', async () => (await node.ask('shop')).body.startsWith('two'), 90_000);
  t.is((await post(body, {'x-gitlab-token': secret})).status, 202);
  t.is((await fetch(`${node.apiUrl}/v1/hooks/nobody`, {method: 'POST', body})).status, 404);
});

test.serial('a commit that fails is not tried again by itself, but when somebody asks, and the newer one is', async (t) => {
  t.timeout(120_000);
  await until('what came before is noted', async () => (await source()).state === 'deployed');
  await commit('throw new Error("not today");');
  const failed = await node.flynn(['source', 'sync', '-a', 'shop']);
  t.log(failed.output);
  t.is(failed.exitCode, 1);
  t.regex(failed.output, /^ {7}.*Error: not today$/m);
  t.regex(failed.output, /^error: release v3 failed: web\.1 exited with code 1/m);
  t.is((await node.ask('shop')).body, 'two ');
  t.like(await source(), {state: 'failed'});
  const before = (await builds()).length;
  // A new process looks at once.
  await node.kill('SIGKILL');
  await node.up();
  await until('it has looked', async () => (await source()).lookedAt !== undefined);
  t.like(await source(), {state: 'failed'});
  t.is((await builds()).length, before);
  await commit(server('three'));
  const synced = await node.flynn(['source', 'sync', '-a', 'shop']);
  t.is(synced.exitCode, 0, synced.output);
  t.regex(synced.output, /^main [0-9a-f]{8} is deployed as v4$/m);
  t.is((await node.ask('shop')).body, 'three ');
});

test.serial('a push to such an app is refused, and says where to push', async (t) => {
  const {exitCode, output} = await node.git(work, 'push', `http://git.flynn.localhost:${node.httpPort}/shop.git`, 'main');
  t.not(exitCode, 0);
  t.regex(output, /^remote: {2}! {5}Push rejected, shop is deployed from http:\/\/127\.0\.0\.1:\d+\/shop\.git \(branch main\): push there\. To deploy pushes again, take `source:` out of its app\.yaml/m);
});

test.serial('a host that does not answer, or lets us not in, is told, and the app runs on', async (t) => {
  t.timeout(120_000);
  host.isDown = true;
  const down = await node.flynn(['source', 'sync', '-a', 'shop']);
  t.is(down.exitCode, 1);
  t.regex(down.output, /^error: git ls-remote failed .*503/m);
  t.like(await source(), {state: 'unreachable'});
  host.isDown = false;
  host.credentials = 'ada:another';
  const refused = await node.flynn(['source', 'sync', '-a', 'shop']);
  t.regex(refused.output, /^error: .*Authentication failed/m);
  t.is((await node.ask('shop')).body, 'three ');
  host.credentials = `ada:${TOKEN}`;
  t.is((await node.flynn(['source', 'sync', '-a', 'shop'])).exitCode, 0);
  t.regex(await events(), /is followed again/);
});

test.serial('the token is in no log, event, plan, build or file that was left', async (t) => {
  const told = [node.log, await events(), (await node.plan()).text, JSON.stringify(await builds()), (await node.flynn(['logs', '-a', 'shop', '-n', '5000'])).output, (await node.flynn(['info', 'shop', '--json'])).output];
  t.deepEqual(told.filter((text) => text.includes(TOKEN)), []);
  t.deepEqual((await readdir(node.layout.run)).filter((name) => name.startsWith('source-')), []);
  t.not((await node.run(['grep', '-rqF', TOKEN, node.layout.root])).exitCode, 0, 'it is in a file of the node');
});

test.serial('a release from a followed source is built again as the same image when that is gone', async (t) => {
  t.timeout(240_000);
  const {image} = parse(await node.manifest('apps/shop/releases/v0004.yaml') ?? '') as ReleaseManifest;
  await node.kill('SIGKILL');
  for (const {id} of await node.containers('app')) await node.docker.getContainer(id).remove({force: true});
  await node.docker.getImage(image).remove({force: true});
  await node.up();
  await until('the app answers', async () => (await node.ask('shop')).body.startsWith('three'), 90_000);
  t.is((await node.docker.getImage(image).inspect()).Id, image);
});
