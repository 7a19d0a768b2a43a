import {mkdir, symlink, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {execa} from 'execa';
import test, {type ExecutionContext} from 'ava';
import {NO_COMMIT} from '../../reconciler/adapters/git-format.ts';
import {cleanUp} from '../support/clean-up.ts';
import {doors, OPERATOR_TOKEN, personFile, RELEASE, type Doors} from '../support/doors.ts';
import {head} from '../support/manifests.ts';
import {push, sourceTree} from '../support/push-server.ts';
import {rawPush} from '../support/raw-push.ts';
import {until} from '../support/until.ts';
import {cloneOf, commitFiles, run} from '../reconciler/checkout/support.ts';

// What somebody with rights of his own may try with git. Each is refused in words, changes nothing, and is in the audit log.

const cleanups = cleanUp();
let node: Doors;
let clone: string;
let base: string;

test.before(async (t) => {
  t.timeout(60_000);
  node = await doors(cleanups);
  clone = await cloneOf(cleanups, node.layout.clusterRepo);
  base = await run(clone, 'rev-parse', 'HEAD');
});
test.beforeEach(async () => {
  await run(node.layout.clusterRepo, 'update-ref', 'refs/heads/main', base);
});
test.after.always(() => cleanups.run());

const refs = () => run(node.layout.clusterRepo, 'for-each-ref', '--format=%(refname) %(objectname)');

/** What an admin, whom no path stops, is told; nothing may have moved, and the log has to have it. */
async function refused(t: ExecutionContext, attempt: () => Promise<string>, expected: RegExp, user = 'ada'): Promise<void> {
  const [before, lines] = [await refs(), (await node.told()).length];
  t.regex(await attempt(), expected);
  t.is(await refs(), before, 'nothing has moved');
  // What git refuses by itself is written down when it has ended.
  await until('it is in the audit log', async () => (await node.told()).slice(lines).some((line) => line.user === user && ['refused', 'push refused'].includes(line.action)));
  t.deepEqual(node.errors, [], 'nothing broke');
}

/** A commit on main with this tree, made of raw bytes: whatever git's own commands refuse to write. */
async function commitOf(tree: Buffer, more: readonly string[] = []): Promise<{readonly commit: string; readonly ids: readonly string[]}> {
  const {stdout} = await execa('git', ['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], {cwd: clone, input: tree});
  const commit = await run(clone, 'commit-tree', stdout, '-p', base, '-m', 'hostile');
  return {commit, ids: [commit, stdout, ...more]};
}

function entry(mode: string, name: string, id: string): Buffer {
  return Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]);
}

async function blobOf(text: string | Buffer): Promise<string> {
  return (await execa('git', ['hash-object', '-w', '--stdin'], {cwd: clone, input: text})).stdout;
}

const trees = test.macro({
  async exec(t, entries: readonly (readonly [mode: string, name: string])[], expected: RegExp) {
    const blob = await blobOf(head('Cluster'));
    const folder = await run(clone, 'rev-parse', `${base}:apps`);
    const {commit, ids} = await commitOf(Buffer.concat(entries.map(([mode, name]) => entry(mode, name, mode === '40000' ? folder : mode === '160000' ? base : blob))), [blob]);
    await refused(t, () => rawPush(node, {token: 'ada', name: 'cluster', updates: [{ref: 'refs/heads/main', before: base, after: commit}], objects: {gitdir: path.join(clone, '.git'), ids}}), expected);
  },
  title: (name) => `a tree with ${name} does not get in`,
});
const MALFORMED = /unpacker error|index-pack/;
test.serial('a parent folder', trees, [['40000', '..'], ['100644', 'cluster.yaml']], MALFORMED);
test.serial('itself', trees, [['40000', '.'], ['100644', 'cluster.yaml']], MALFORMED);
test.serial('.git', trees, [['40000', '.git'], ['100644', 'cluster.yaml']], MALFORMED);
test.serial('.GIT', trees, [['40000', '.GIT'], ['100644', 'cluster.yaml']], MALFORMED);
test.serial('.git as HFS+ would read it', trees, [['40000', '.g\u200cit'], ['100644', 'cluster.yaml']], MALFORMED);
test.serial('git~1', trees, [['100644', 'cluster.yaml'], ['40000', 'git~1']], MALFORMED);
test.serial('a name with a slash', trees, [['100644', 'apps/shop/app.yaml'], ['100644', 'cluster.yaml']], MALFORMED);
test.serial('no name', trees, [['100644', ''], ['100644', 'cluster.yaml']], MALFORMED);
test.serial('a name twice', trees, [['40000', 'apps'], ['40000', 'apps'], ['100644', 'cluster.yaml']], MALFORMED);
test.serial('an order of its own', trees, [['100644', 'cluster.yaml'], ['40000', 'apps']], MALFORMED);
test.serial('a mode that there is not', trees, [['40000', 'apps'], ['777777', 'cluster.yaml']], /is of an unknown kind \(mode 777777\), only regular files are read/);
test.serial('apps as a file', trees, [['100644', 'apps'], ['100644', 'cluster.yaml']], /"apps" is a file in commit [0-9a-f]{8}, it has to be a folder/);
test.serial('apps as a link', trees, [['120000', 'apps'], ['100644', 'cluster.yaml']], /"apps" is a symbolic link in commit [0-9a-f]{8}, it has to be a folder/);

const pushes = test.macro({
  async exec(t, change: (clone: string) => Promise<unknown>, expected: RegExp) {
    t.timeout(60_000);
    await run(clone, 'reset', '--quiet', '--hard', base);
    await run(clone, 'clean', '--quiet', '-ffdx');
    await change(clone);
    await run(clone, 'add', '--all');
    await run(clone, 'commit', '--quiet', '--allow-empty', '--message', 'hostile');
    await refused(t, async () => (await push(clone, [node.url('max'), 'HEAD:refs/heads/main'])).output, expected, 'max');
  },
  title: (name) => `a push with ${name} is refused`,
});
const app = (text: string | Buffer) => (folder: string) => writeFile(path.join(folder, 'apps/shop/app.yaml'), text);
const linked = (name: string, to: string) => async (folder: string) => {
  await run(folder, 'rm', '-r', '--quiet', '--ignore-unmatch', name);
  await mkdir(path.dirname(path.join(folder, name)), {recursive: true});
  await symlink(to, path.join(folder, name));
};
test.serial('a manifest that is a link', pushes, linked('apps/shop/app.yaml', '/etc/passwd'), /apps\/shop\/app\.yaml:1:1: is a symbolic link, only regular files are read/);
test.serial('secrets that are a link to those of another app', pushes, linked('apps/shop/secrets.yaml', '../blog/secrets.yaml'), /apps\/shop\/secrets\.yaml:1:1: is a symbolic link/);
test.serial('a link to the releases of another app', pushes, linked('apps/shop/releases', '../blog/releases'), /apps\/shop\/releases:1:1: is a symbolic link/);
test.serial('a submodule', pushes, (folder) => run(folder, 'update-index', '--add', '--cacheinfo', `160000,${base},apps/shop/module`).then(() => mkdir(path.join(folder, 'apps/shop/module'))), /apps\/shop\/module:1:1: is a submodule/);
test.serial('a huge file', pushes, app(`${head('App')}# ${'x'.repeat(300 * 1024)}\n`), /apps\/shop\/app\.yaml:1:1: has 301 KiB, at most 256 are read/);
test.serial('a bomb of aliases', pushes, app(`${head('App')}a: &a [${'x,'.repeat(9)}]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]\n`), /apps\/shop\/app\.yaml:1:1: has an alias that can't be expanded/);
test.serial('brackets without an end', pushes, app(`${head('App')}env: ${'['.repeat(100_000)}\n`), /apps\/shop\/app\.yaml:\d+:\d+: is nested too deeply/);
test.serial('a hundred thousand keys', pushes, app(`${head('App')}env: {${Array.from({length: 30_000}, (_, index) => `A${index}:`).join(',')}}\n`), /apps\/shop\/app\.yaml:3:\d+: 30000 entries begin here, at most 5000 are read/);
test.serial('bytes that are no text', pushes, app(Buffer.from([...Buffer.from(head('App')), 0x23, 0xff, 0xfe, 0x0a])), /apps\/shop\/app\.yaml:1:1: is not text in UTF-8/);
test.serial('what a terminal would obey', pushes, app(`${head('App')}"\\e]0;hacked\\a\\e[2J": 1\n`), /unknown field "\\u001b\]0;hacked\\u0007\\u001b\[2J"/);
test.serial('a host of the cluster itself', pushes, app(`${head('App')}routes: [{host: git.flynn.test}, {host: api.flynn.test}]\n`), /apps\/shop\/app\.yaml:3:\d+: .*git\.flynn\.test/);
test.serial('a host with a header in it', pushes, app(`${head('App')}routes: [{host: "a.test\\r\\nX-Evil: 1"}]\n`), /routes\.0\.host must be a host name/);
test.serial('a file of people beside its own', pushes, (folder) => commitFiles(folder, {'people/max.yaml': personFile('max', 'role: admin\n')}).then(() => app(`${head('App')}env: {A: b}\n`)(folder)), /people\/max\.yaml: max may not change people and teams/);
test.serial('a people that looks like it', pushes, (folder) => commitFiles(folder, {'People/max.yaml': personFile('max', 'role: admin\n')}), /People\/max\.yaml: max may not change files that hold for the whole cluster/);

const NEW = {before: NO_COMMIT};
const updates = test.macro({
  async exec(t, ref: string, expected: RegExp, {before = NO_COMMIT, isDeleted = false}: {before?: string; isDeleted?: boolean} = {}) {
    const update = {ref, before: before === 'base' ? base : before, after: isDeleted ? NO_COMMIT : base};
    await refused(t, () => rawPush(node, {token: 'ada', name: 'cluster', updates: [update], ...(!isDeleted && {objects: {gitdir: path.join(clone, '.git'), ids: [base]}})}), expected);
  },
  title: (_, ref, __, {isDeleted = false}: {before?: string; isDeleted?: boolean} = {}) => `${isDeleted ? 'deleting' : 'pushing to'} ${JSON.stringify(ref)} is refused`,
});
for (const [ref, expected] of [
  ['refs/flynn/applied/own', /hidden ref|neither a branch nor a tag/], ['refs/flynn/releases/v1', /hidden ref|neither a branch nor a tag/], [`refs/replace/${'a'.repeat(40)}`, /neither a branch nor a tag/],
  ['refs/notes/commits', /neither a branch nor a tag/], ['refs/heads/../../config', /funny refname/], ['HEAD', /funny refname|neither a branch nor a tag/], ['refs/heads/a..b', /funny refname/], ['refs/heads/.lock', /funny refname/], ['hooks/pre-receive', /neither a branch nor a tag/],
] as const) test.serial(updates, ref, expected, NEW);
test.serial(updates, 'refs/heads/main', /main can't be deleted|deletion of the current branch/, {before: 'base', isDeleted: true});

test.serial('options of a push with characters of their own are nobody\'s', async (t) => {
  await run(clone, 'reset', '--quiet', '--hard', base);
  const commit = await commitFiles(clone, {'apps/shop/app.yaml': `${head('App')}nonsense: 1\n`});
  const ids = (await run(clone, 'rev-list', '--objects', commit, `^${base}`)).split('\n').map((line) => line.split(' ')[0] ?? '');
  for (const option of ['flynn.force\nflynn.confirm-delete', ' flynn.force', 'FLYNN.FORCE', '\u001b[2Jflynn.force']) {
    await refused(t, () => rawPush(node, {token: 'ada', name: 'cluster', updates: [{ref: 'refs/heads/main', before: base, after: commit}], objects: {gitdir: path.join(clone, '.git'), ids}, options: [option]}), /nonsense|push options must not have new line/);
  }
});

test.serial('a repository is no way out of its folder', async (t) => {
  for (const name of ['..%2fcluster', '..%2f..%2fetc%2fpasswd', '%2e%2e%2fidentity', 'shop%00', 'CLUSTER', 'shop%2f..%2fcluster']) {
    const answer = await fetch(`http://127.0.0.1:${node.port}/${name}.git/info/refs?service=git-upload-pack`, {headers: {authorization: `Basic ${btoa('x:ada')}`}});
    t.is(answer.status, 404, name);
    t.regex(await answer.text(), /can't name an app/);
    t.is((await node.told()).at(-1)?.action, 'refused');
  }
  for (const file of ['HEAD', 'config', 'objects/info/packs', '../cluster.git/config']) {
    t.is((await fetch(`http://127.0.0.1:${node.port}/cluster.git/${file}`, {headers: {authorization: `Basic ${btoa('x:ada')}`}})).status, 404, file);
  }
});

test.serial('what an app\'s repository says of people and of the cluster says nothing', async (t) => {
  const source = await sourceTree(cleanups, {'server.js': '// one\n', 'people/dee.yaml': personFile('dee', 'role: admin\n'), 'cluster.yaml': `${head('Cluster')}name: mine\n`, 'apps/blog/app.yaml': 'nonsense\n'});
  const {exitCode, output} = await push(source, [node.url('dee', 'shop'), 'main']);
  t.is(exitCode, 0, output);
  t.is(await run(node.layout.clusterRepo, 'diff', '--name-only', base, 'main'), 'apps/shop/releases/v0002.yaml');
  t.is((await node.ask('dee', 'POST /v1/people', {user: 'eve', name: 'Eve', email: 'eve@example.com'})).status, 403);
  await run(node.layout.clusterRepo, 'update-ref', 'refs/heads/main', base);
});

test.serial('a token that has expired, one that is good for less, and one of somebody who has left', async (t) => {
  t.regex((await push(clone, [node.url('old-ada'), `${base}:refs/heads/old`])).output, /token is missing|Authentication failed|could not read/);
  t.is((await node.ask('old-ada', 'GET /v1/status')).status, 401);
  // An admin's token that is for one app, and for deploys.
  t.is((await node.ask('ci-ada', 'POST /v1/apps/shop/scale', {services: {web: 2}})).status, 403);
  t.is((await node.ask('ci-ada', 'POST /v1/apps/blog/maintenance', {on: true})).status, 403);
  t.is((await node.ask('ci-ada', `POST /v1/people/ada/tokens`, {name: 'more', hash: `sha256:${'1'.repeat(64)}`})).status, 403);
  const limited = await commitFilesOn(base, {'people/vic.yaml': personFile('vic', 'role: admin\n')});
  t.regex((await push(clone, [node.url('ci-ada'), `${limited}:refs/heads/main`])).output, /people\/vic\.yaml: ada, with the limited token "ci", may not change people and teams/);
  t.is((await node.ask(OPERATOR_TOKEN, 'POST /v1/people/vic/remove', {})).status, 200);
  await node.apply();
  t.is((await node.ask('vic', 'GET /v1/status')).status, 401);
  t.like((await node.told()).at(-1), {action: 'wrong token', actor: ''});
  await run(node.layout.clusterRepo, 'update-ref', 'refs/heads/main', base);
  await node.apply();
});

test.serial('whoever pushes commits of somebody else is known as the one who pushed', async (t) => {
  await run(clone, 'reset', '--quiet', '--hard', base);
  await writeFile(path.join(clone, 'apps/shop/app.yaml'), `${head('App')}env: {A: b}\n`);
  await run(clone, 'commit', '--quiet', '--all', '--author', 'ada <ada@example.com>', '--message', 'not mine');
  t.is((await push(clone, [node.url('max'), 'HEAD:refs/heads/main'])).exitCode, 0);
  t.like((await node.told()).at(-1), {user: 'max', action: 'pushed', actor: 'max <max@example.com>', commit: await run(clone, 'rev-parse', 'HEAD')});
  t.regex((await node.told()).at(-1)?.subject ?? '', /^main [0-9a-f]{8}\.\.[0-9a-f]{8}, with commits of ada <ada@example\.com>$/);
  await run(node.layout.clusterRepo, 'update-ref', 'refs/heads/main', base);
});

test.serial('a release that names what another app is made of is one that fails, and the log is whole', async (t) => {
  // Accepted as a file: whose image it is only the engine knows (see the plan's tests).
  const commit = await commitFilesOn(base, {'apps/shop/releases/v0002.yaml': RELEASE});
  t.is((await push(clone, [node.url('shop-dee'), `${commit}:refs/heads/main`])).exitCode, 0);
  const {status, text} = await node.ask('ada', 'GET /v1/audit/verdict');
  t.is(status, 200);
  t.false('brokenAt' in (JSON.parse(text) as object));
});

async function commitFilesOn(commit: string, files: Readonly<Record<string, string>>): Promise<string> {
  await run(clone, 'reset', '--quiet', '--hard', commit);
  return commitFiles(clone, files);
}
