import {mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {TrialNode} from '../support/trial-node.ts';
import {TrialPeople} from '../support/trial-people.ts';
import {until} from '../support/until.ts';

// Several people with different rights, by a real git and the real command line, on one node.

let node: TrialNode;
let cluster: string;
let people: TrialPeople;

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  await node.app('shop', 'quick');
  await node.flynn(['create', 'blog'], {cwd: node.home});
  cluster = await node.clone();
  people = await TrialPeople.add(node, {vic: ['--role', 'viewer'], dee: ['shop=deployer'], max: ['shop=maintainer'], ada: ['--role', 'admin']});
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

/** A commit of one changed file on top of main, as nobody has it yet. */
async function changed(file: string, change: (text: string) => string): Promise<void> {
  await node.mustGit(cluster, 'fetch', '--quiet');
  await node.mustGit(cluster, 'reset', '--quiet', '--hard', 'origin/main');
  const place = path.join(cluster, file);
  await mkdir(path.dirname(place), {recursive: true});
  await writeFile(place, change(await readFile(place, 'utf8').catch(() => '')));
  await node.mustGit(cluster, 'add', '--all');
  await node.mustGit(cluster, 'commit', '--quiet', '--message', `change ${file}`);
}

test.serial('the first admin is made by flynn up, whose token is shown once', async (t) => {
  const up = ['up', '--data', node.layout.root, '--admin', 'eve'];
  const made = await node.flynn(up, {cwd: node.home});
  t.is(made.exitCode, 0, made.output);
  const [, token = ''] = /^ +(flynn_\S+)$/m.exec(made.output) ?? [];
  people.give('eve', token);
  await until('eve is known', async () => (await people.as('eve', 'whoami')).stdout.startsWith('eve '));
  t.is((await people.as('eve', 'people', 'add', 'fay', '--name', 'Fay', '--email', 'fay@example.com')).exitCode, 0);
  const again = await node.flynn(up, {cwd: node.home});
  t.regex(again.output, /eve is there already; another token: flynn token add <name> -u eve/);
  t.notRegex(again.output, /flynn_/);
});

test.serial('over HTTPS, command line and git trust the cluster\'s own authority by its certificate', async (t) => {
  const url = `https://api.flynn.localhost:${node.httpsPort}`;
  const login = (...args: readonly string[]) => node.flynn(['login', url, '--name', 'secure', ...args], {cwd: node.home, env: {FLYNN_TOKEN: people.token('ada')}});
  t.regex((await login()).output, /is signed by nobody whom this machine trusts .*\n.*flynn cert trust --print/);
  await writeFile(path.join(node.home, 'ca.pem'), (await node.must('cert', 'trust', '--print')).stdout);
  const secure = await login('--ca', 'ca.pem');
  t.is(secure.exitCode, 0, secure.output);
  t.regex((await node.must('-c', 'secure', 'whoami')).stdout, /^ada /);
  // Goes before git's own settings.
  const heads = await node.run(['env', '-u', 'GIT_SSL_CAINFO', 'git', 'ls-remote', `https://x:${people.token('ada')}@git.flynn.localhost:${node.httpsPort}/cluster.git`]);
  t.is(heads.exitCode, 0, heads.output);
});

test.serial('who somebody is, his token says', async (t) => {
  t.is((await people.as('dee', 'whoami')).stdout.trim(), 'dee  dee <dee@example.com>  token test');
  t.regex((await node.must('whoami')).stdout, /^operator /);
});

test.serial('an app is pushed by its deployers, and by nobody else', async (t) => {
  const app = path.join(node.home, 'apps', 'shop');
  const refused = await people.push('vic', app, 'shop', 'main');
  t.not(refused.exitCode, 0);
  t.regex(refused.output, /vic may not push its source \(shop\): that takes the role deployer for the app or the cluster/);
  const accepted = await people.push('dee', app, 'shop', 'main');
  t.is(accepted.exitCode, 0, accepted.output);
  await node.mustGit(cluster, 'pull', '--quiet', '--rebase');
  t.regex(await readFile(path.join(cluster, 'apps/shop/releases/v0001.yaml'), 'utf8'), /pushedBy: .*dee/);
});

test.serial('each path of a push to the cluster repository takes its own right', async (t) => {
  await changed('apps/shop/app.yaml', (text) => `${text}\nenv: {A: b}\n`);
  const byDeployer = await people.push('dee', cluster, 'cluster', 'main');
  t.regex(byDeployer.output, /apps\/shop\/app\.yaml: dee may not change its app\.yaml \(shop\): that takes the role maintainer for the app or the cluster/);
  t.is((await people.push('max', cluster, 'cluster', 'main')).exitCode, 0);

  await changed('people/max.yaml', (text) => text.replace('apps:', 'role: admin\napps:'));
  const byMaintainer = await people.push('max', cluster, 'cluster', 'main');
  t.not(byMaintainer.exitCode, 0);
  t.regex(byMaintainer.output, /people\/max\.yaml: max may not change people and teams: that takes the role admin for the cluster/);
  t.is((await people.push('max', cluster, 'cluster', 'main:refs/heads/proposal')).exitCode, 0, 'to a branch, for others to take over');
  t.not((await people.push('vic', cluster, 'cluster', 'main:refs/heads/other')).exitCode, 0);

  await changed('apps/new/app.yaml', () => 'apiVersion: flynn/v1\nkind: App\n');
  t.regex((await people.push('max', cluster, 'cluster', 'main')).output, /apps\/new\/app\.yaml: max may not create apps/);
  t.is((await people.push('ada', cluster, 'cluster', 'main')).exitCode, 0);
});

test.serial('the command line may what its token may', async (t) => {
  const refused = await people.as('vic', 'scale', '-a', 'shop', 'web=2');
  t.is(refused.exitCode, 1);
  t.regex(refused.output, /vic may not scale it \(shop\): that takes the role deployer for the app or the cluster/);
  t.regex((await people.as('dee', 'run', '-a', 'shop', 'true')).output, /dee may not run commands in it \(shop\)/);
  t.is((await people.as('dee', 'scale', '-a', 'shop', 'web=2')).exitCode, 0);
  t.deepEqual((JSON.parse((await people.as('dee', 'apps', '--json')).stdout) as readonly {name: string}[]).map(({name}) => name), ['shop']);
});

test.serial('a person who leaves is out at once, and so is a token', async (t) => {
  t.is((await people.as('dee', 'token', 'remove', 'test')).exitCode, 0);
  await until('the token is nobody\'s', async () => (await people.as('dee', 'whoami')).exitCode !== 0);
  await node.must('people', 'remove', 'max');
  await until('max is nobody', async () => (await people.as('max', 'whoami')).exitCode !== 0);
});

test.serial('a wrong file of a person is refused with its place', async (t) => {
  await changed('people/vic.yaml', (text) => text.replace('role: viewer', 'role: king'));
  const refused = await people.push('ada', cluster, 'cluster', 'main');
  t.not(refused.exitCode, 0);
  t.regex(refused.output, /people\/vic\.yaml:\d+:7: role must be a role: viewer, deployer, maintainer, admin, not "king"/);
});
