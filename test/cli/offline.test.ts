import {mkdir, rename, symlink, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {keyring} from '../support/sealed.ts';
import {terminal, text, type Terminal} from './terminal.ts';

// A clone of the cluster repository, and no cluster.

const FILES: Readonly<Record<string, string>> = {
  'cluster.yaml': 'apiVersion: flynn/v1\nkind: Cluster\nname: home\ndomain: flynn.example.com\n',
  'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nservices:\n  web: {command: node server.js, replicas: 1}\n',
  'apps/shop/releases/v0001.yaml': `apiVersion: flynn/v1\nkind: Release\nimage: sha256:${'a'.repeat(64)}\nsource: {commit: ${'b'.repeat(40)}, builder: Node.js}\nservices: {web: {command: [node server.js]}}\npushedBy: ann\ncreatedAt: 2026-11-23T09:30:00Z\n`,
  'README.md': 'ours\n',
  '.gitignore': 'scratch/\n',
};

async function clone(t: Parameters<typeof terminal>[0]): Promise<Terminal & {write(name: string, text: string): Promise<void>}> {
  const one = await terminal(t);
  const write = async (name: string, content: string) => {
    await mkdir(path.dirname(path.join(one.folder, name)), {recursive: true});
    await writeFile(path.join(one.folder, name), content);
  };
  for (const [name, content] of Object.entries(FILES)) await write(name, content);
  one.git('add', '--all');
  one.git('commit', '-qm', 'first');
  return {...one, write};
}

const NOWHERE = {env: {FLYNN_CONFIG: '/nonexistent'}};

test('validate finds nothing wrong with what is right', async (t) => {
  const {type, write} = await clone(t);
  await write('scratch/apps.yaml', 'apiVersion: flynn/v1\nkind: App\n'); // ignored by git, so by us
  t.is(await type('validate', NOWHERE), '$ flynn validate\n! 5 files are right\nexit 0');
});

test('validate tells all problems at their places, of files that are not committed as well', async (t) => {
  const {type, write, folder} = await clone(t);
  await write('apps/shop/app.yaml', 'apiVersion: flynn/v1\nkind: App\nservices:\n  web: {replicas: many}\nrotues: []\n');
  await write('apps/blog/app.yaml', 'apiVersion: flynn/v1\nkind: App\nroutes: [{host: shop.example.com}, {host: shop.example.com}]\n');
  await symlink('/etc/passwd', path.join(folder, 'apps/blog/more.yaml'));
  const shown = await type('validate', NOWHERE);
  t.regex(shown, /^apps\/blog\/app\.yaml:3:36: route "shop\.example\.com\/" is there twice$/m);
  t.regex(shown, /^apps\/blog\/more\.yaml:1:1: is not a regular file$/m);
  t.regex(shown, /^apps\/shop\/app\.yaml:4:19: services\.web\.replicas must be a whole number/m);
  t.regex(shown, /^apps\/shop\/app\.yaml:5:1: unknown field "rotues"; did you mean "routes"\?$/m);
  t.regex(shown, /! 4 problems in the manifests\nexit 1$/);
  t.is((JSON.parse((await type('validate --json', NOWHERE)).split('\n').slice(1, -2).join('\n')) as readonly unknown[]).length, 4);
});

test('validate takes a folder that is no repository of git, and says when it is none of a cluster', async (t) => {
  const {type, folder} = await clone(t);
  t.regex(await type('validate apps', NOWHERE), /files are right\nexit 0$/); // it is in the clone
  t.regex(await type(`validate ${path.dirname(folder)}`, NOWHERE), /^! error: '.*' has no cluster\.yaml: it is no cluster repository$/m);
});

test('diff says in words what would change, and its status whether something would', async (t) => {
  const {type, write, git} = await clone(t);
  t.is(await type('diff HEAD', NOWHERE), '$ flynn diff HEAD\n! no change against HEAD\nexit 0');
  await write('apps/shop/app.yaml', FILES['apps/shop/app.yaml']!.replace('replicas: 1', 'replicas: 3')); // it is there
  t.is(await type('diff HEAD', NOWHERE), text`
    $ flynn diff HEAD
    ~ shop
        services.web.replicas  1 → 3
        web: 3 replicas instead of 1
    all replicas together may use at most: memory 512Mi → 1.5Gi, cores 1 → 3
    exit 1
  `);
  git('commit', '-qam', 'scale');
  t.regex(await type('plan --against HEAD', NOWHERE), /no change against HEAD\nexit 0$/);
  await write('apps/shop/app.yaml', `${FILES['apps/shop/app.yaml']!.replace('replicas: 1', 'replicas: 3')}# for the sale\n`); // it is there
  t.is(await type('diff HEAD', NOWHERE), '$ flynn diff HEAD\n! no change to what runs (comments, formatting, or files that no node reads), against HEAD\nexit 0');
  t.regex(await type('plan --against HEAD~1 --markdown', NOWHERE), /^<!-- flynn plan of \S+ -->\n\n### Plan: 1 app changes; 2 replicas start; [\s\S]*\nservices\.web\.replicas {2}1 → 3\n[\s\S]* against `[0-9a-f]{8}`\. Values of secrets are never shown\.<\/sub>\nexit 1$/m);
  t.regex(await type('plan --against HEAD~1 --json', NOWHERE), /"field": "services\.web\.replicas",\n {10}"from": 1,\n {10}"to": 3/);
});

test('what is wrong can be compared with nothing', async (t) => {
  const {type, write} = await clone(t);
  t.regex(await type('diff nope', NOWHERE), /^! error: there is no commit "nope" in .*$[\s\S]*exit 2$/m);
  t.regex(await type('diff', NOWHERE), /there is no commit "origin\/main"[\s\S]*exit 2$/);
  await write('apps/shop/app.yaml', 'kind: App\n');
  t.regex(await type('diff HEAD', NOWHERE), /^! error: a push of this would be rejected, 1 problem in the manifests\n! {8}apps\/shop\/app\.yaml:1:1: apiVersion is missing.*\nexit 2$/m);
});

// Commands with --clone: the same words, and commits of the clone.

test('a change is a commit of the clone, with the words that a cluster would use', async (t) => {
  const {type, git, folder} = await clone(t);
  t.regex(await type(`--clone ${folder} -a shop scale web=3`, NOWHERE), /Committed "shop: scale web 1 → 3" [0-9a-f]{8}\n! it is a commit of this clone; the cluster gets it with: git push\nexit 0$/);
  t.is(git('show', '--format=%an <%ae> %s', '--unified=0', 'HEAD').split('\n').filter((line) => /^(Ann|[-+] )/.test(line)).join('\n'), text`
    Ann Lee <ann@example.com> shop: scale web 1 → 3
    -  web: {command: node server.js, replicas: 1}
    +  web: {command: node server.js, replicas: 3}
  `);
  t.regex(git('log', '-1', '--format=%b'), /^Flynn-Tool: flynn\/\d\S* on a clone\nFlynn-Operation: \S+$/);
});

test('each of these is a commit that leaves nothing behind', async (t) => {
  const {type, git} = await clone(t);
  const here = {env: {...NOWHERE.env, FLYNN_CLONE: '.', FLYNN_APP: 'shop'}};
  for (const line of ['env set LOG_LEVEL=debug', 'route add http shop.test --sticky', 'route update shop.test --max-body 1Mi', 'domains:add www.test', 'maintenance on', 'suspend', 'resume', 'create blog', 'drains add https://logs.test/in']) {
    t.regex(await type(line, here), /exit 0$/, line);
    t.is(git('status', '--porcelain'), '', line);
  }
  t.is(git('log', '--format=%s', '--reverse'), text`
    first
    shop: set env LOG_LEVEL
    shop: route add shop.test
    shop: route update shop.test (maxBody)
    shop: domain add www.test
    shop: maintenance on
    shop: suspend
    shop: resume
    blog: create
    shop: add a drain to https://logs.test/in
  `);
  t.is(await type('validate', NOWHERE), '$ flynn validate\n! 6 files are right\nexit 0');
  t.regex(await type('route', here), /^http:shop\.test\/ +web +--sticky --max-body 1Mi$/m);
  const made = (message: string) => new RegExp(`Committed "${message}" [0-9a-f]{8}\\n! it is a commit of this clone; the cluster gets it with: git push\\nexit 0$`);
  t.regex(await type('create zoo', here), made('zoo: create'));
  t.regex(await type('rename zoo park', here), made('zoo: rename to park'));
  t.regex(await type('destroy park --confirm park', here), made('park: destroy'));
  t.regex(await type('destroy --confirm shop', here), made('shop: destroy'));
  t.is(git('ls-files', 'apps/shop'), '');
});

test('a secret is sealed to the recipients of cluster.yaml, without a key', async (t) => {
  const {type, write, folder, git} = await clone(t);
  const here = {env: {...NOWHERE.env, FLYNN_CLONE: '.', FLYNN_APP: 'shop'}, input: 'swordfish\n'};
  t.regex(await type('env set --secret TOKEN', here), /cluster\.yaml has no recipients to encrypt secrets to/);
  const {recipient} = await keyring(t);
  await write('cluster.yaml', `${FILES['cluster.yaml']}recipients: [${recipient}]\n`);
  for (const message of ['shop: set secret TOKEN', 'shop: set secret TOKEN']) t.true((await type('env set --secret TOKEN', here)).includes(`Committed "${message}"`));
  t.regex(git('show', 'HEAD:apps/shop/secrets.yaml'), /TOKEN: \|\n {4}-----BEGIN AGE ENCRYPTED FILE-----/);
  t.false(git('log', '-p').includes('swordfish'));
  t.regex(await type(`--clone ${folder} -a shop env`, NOWHERE), /^# TOKEN is a secret$/m);
});

test('what is not committed yet stays as it is, and what is so already is no commit', async (t) => {
  const {type, git, write, folder} = await clone(t);
  await write('README.md', 'mine\n');
  await write('notes.txt', 'mine\n');
  t.regex(await type(`--clone ${folder} -a shop scale web=2`, NOWHERE), /exit 0$/);
  t.is(git('status', '--porcelain'), ' M README.md\n?? notes.txt');
  t.regex(await type(`--clone ${folder} -a shop scale web=2`, NOWHERE), /^! Already in git: "shop: scale web 2 → 2" [0-9a-f]{8}\nexit 0$/m);
});

test('what a push would reject is written nowhere', async (t) => {
  const {type, git, write, folder} = await clone(t);
  t.regex(await type(`--clone ${folder} -a shop route add http shop.test -s api`, NOWHERE), /^! error: apps\/shop\/app\.yaml:8:14: route "shop\.test\/" leads to the service "api", which the app doesn't have: known are web$/m);
  t.is(git('status', '--porcelain'), '');
  await write('apps/blog/app.yaml', 'kind: Blog\n'); // somebody else's mistake stops nobody
  t.regex(await type(`--clone ${folder} -a shop scale web=2`, NOWHERE), /exit 0$/);
});

test('what only a cluster knows is told so', async (t) => {
  const {type, folder} = await clone(t);
  for (const line of ['ps', 'logs', 'restart', 'releases', 'plan', 'run ls']) {
    t.regex(await type(`--clone ${folder} -a shop ${line}`, NOWHERE), /^! error: this needs a cluster, and can't be done on a clone/m, line);
  }
  t.regex(await type('--clone /nonexistent -a shop scale web=2', NOWHERE), /has no cluster\.yaml: it is no cluster repository/);
});

test('a symbolic link leads nowhere', async (t) => {
  const {type, folder, git} = await clone(t);
  await rename(path.join(folder, 'apps/shop'), path.join(folder, '../elsewhere'));
  await symlink('../../elsewhere', path.join(folder, 'apps/shop'));
  git('add', '--all');
  git('commit', '-qm', 'a trick');
  t.regex(await type(`--clone ${folder} -a shop scale web=2`, NOWHERE), /^! error: "apps\/shop\/app\.yaml" is behind a symbolic link$/m);
});

test('of commands that run at once each sees what those before it have written: none is lost', async (t) => {
  const {type, git} = await clone(t);
  const names = ['A', 'B', 'C', 'D', 'E', 'F'];
  const shown = await Promise.all(names.map((name) => type(`--clone . -a shop env set ${name}=1`, NOWHERE)));
  for (const one of shown) t.regex(one, /exit 0$/);
  const lines = (commit: string) => git('show', `${commit}:apps/shop/app.yaml`).split('\n').filter((line) => /^  [A-F]: "1"$/.test(line)).length;
  t.deepEqual(names.map((_, index) => lines(`HEAD~${index}`)), [6, 5, 4, 3, 2, 1]);
  t.is(git('status', '--porcelain').trim(), '');
});

test('a change is proposed on a branch of the clone, also of what takes a review, and what is not committed comes along', async (t) => {
  const {type, write, git} = await clone(t);
  await write('cluster.yaml', `${FILES['cluster.yaml']}review: {paths: ["apps/**"]}\n`);
  git('commit', '-qam', 'review');
  await write('README.md', 'not yet\n');
  t.is(await type('--clone . -a shop scale web=2', NOWHERE), text`
    $ flynn --clone . -a shop scale web=2
    ! error: apps/shop/app.yaml takes a review: propose it instead, with --propose
    exit 1
  `);
  const shown = await type('--clone . -a shop scale web=2 --propose', NOWHERE);
  t.regex(shown, /^! Committed "shop: scale web 1 → 2" [0-9a-f]{8}\n! it is on a branch of this clone; the cluster gets the proposal with: flynn propose\nexit 0$/m);
  t.is(git('symbolic-ref', '--short', 'HEAD'), 'proposals/shop-scale-web-1-2');
  t.is(git('log', '-1', '--format=%s'), 'shop: scale web 1 → 2');
  t.is(git('status', '--porcelain').trim(), 'M README.md');
  t.is(git('log', '-1', '--format=%s', 'main'), 'review');
  await write('nodes/vm.yaml', 'apiVersion: flynn/v1\nkind: Node\n');
  git('add', 'nodes');
  git('commit', '-qm', 'a node');
  t.regex(await type('--clone . node cordon --propose', NOWHERE), /Committed "node vm: cordon" [0-9a-f]{8}\n! it is on a branch of this clone; the cluster gets the proposal with: flynn propose\n/, 'what is asked first is no change');
});
