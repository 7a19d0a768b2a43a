import {mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {makeBackup} from '../../../cli/backup/make.ts';
import {restoreBackup, verifyBackup} from '../../../cli/backup/restore.ts';
import {writeSettings} from '../../../cli/setup/settings-file.ts';
import {git} from '../../../reconciler/adapters/git.ts';
import {createOwnRepo, initBare} from '../../../reconciler/checkout/own.ts';
import {layout as layoutOf, type Layout} from '../../../reconciler/layout.ts';
import {Keyring} from '../../../reconciler/secrets/keyring.ts';
import {head} from '../../support/manifests.ts';

// On the disk and with git, without an engine: volumes are in test/system/backup.test.ts.

const SIGNAL = new AbortController().signal;
const RELEASE = 'refs/flynn/releases/v1';

async function folder(t: ExecutionContext): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'flynn-restore-'));
  t.teardown(() => rm(made, {recursive: true}));
  return made;
}

/** A data directory with a cluster repository and an app's source, whose release is known by a ref of ours alone. */
async function node(root: string): Promise<Layout> {
  const layout = layoutOf(root);
  const author = {name: 'ann', email: 'ann@example.com'};
  await createOwnRepo({gitdir: layout.clusterRepo, files: {'cluster.yaml': `${head('Cluster')}name: home # sweet\ndomain: flynn.localhost\n`}, author}, SIGNAL);
  const source = path.join(layout.sources, 'shop.git');
  await createOwnRepo({gitdir: source, files: {Procfile: 'web: node .\n'}, author}, SIGNAL);
  await git(['update-ref', RELEASE, 'refs/heads/main'], {gitdir: source}, SIGNAL);
  await initBare(path.join(layout.sources, 'empty.git'), SIGNAL);
  await new Keyring(layout.age).ensure();
  await writeFile(layout.token, 'the-token\n', {mode: 0o600});
  await writeFile(layout.audit, '{"whole":1}\n{"half');
  await mkdir(layout.journal);
  await writeFile(path.join(layout.journal, 'shop.json'), '{}');
  await writeFile(path.join(layout.journal, 'shop.json.next'), 'half');
  await mkdir(layout.logs);
  await writeFile(path.join(layout.logs, 'line'), 'the past');
  await writeSettings(layout.settings, {data: root, node: 'vm', domain: 'flynn.localhost', listen: '127.0.0.1', httpPort: 80, httpsPort: 443, apiPort: 3580, dnsPort: 3553, sshPort: 2222, cluster: {kind: 'own'}});
  return layout;
}

async function backupOf(layout: Layout): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of makeBackup({layout, flynn: '1', nowMs: 0, print: () => {}}, SIGNAL)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

function restore(root: string, open: () => AsyncIterable<Uint8Array>, domain?: string) {
  const engine = async () => Promise.reject(new Error('no volumes, so no engine'));
  return restoreBackup({layout: layoutOf(root), open: async () => open(), engine, print: () => {}, ...(domain !== undefined && {domain})}, SIGNAL);
}

const refs = (gitdir: string) => git(['for-each-ref', '--format=%(refname) %(objectname)'], {gitdir}, SIGNAL);

test('a node comes back with all refs, its key and its notes, and without the past', async (t) => {
  const home = await folder(t);
  const before = await node(path.join(home, 'old'));
  const bytes = await backupOf(before);
  const {about} = await restore(path.join(home, 'new', 'deep'), () => pieces(bytes));
  const after = layoutOf(path.join(home, 'new', 'deep'));
  t.like(about, {node: 'vm', domain: 'flynn.localhost', volumes: []});
  t.is(await refs(after.clusterRepo), await refs(before.clusterRepo));
  t.is(await refs(path.join(after.sources, 'shop.git')), await refs(path.join(before.sources, 'shop.git')));
  t.true((await refs(path.join(after.sources, 'shop.git'))).includes(RELEASE));
  t.deepEqual(await new Keyring(after.age).recipients(), await new Keyring(before.age).recipients());
  t.is((await stat(path.join(after.age, 'identity'))).mode & 0o777, 0o600);
  t.is(await readFile(after.token, 'utf8'), 'the-token\n');
  t.is(await readFile(after.audit, 'utf8'), '{"whole":1}\n', 'a line that is being written is not in it');
  t.deepEqual(await readdir(after.journal), ['shop.json']);
  t.deepEqual((await readdir(after.root)).toSorted(), ['age', 'audit.log', 'cluster.git', 'journal', 'settings.yaml', 'sources', 'token']);
  t.is(await git(['fsck', '--no-progress'], {gitdir: after.clusterRepo}, SIGNAL), '');
});

test('another domain is a commit, and a setting', async (t) => {
  const home = await folder(t);
  const bytes = await backupOf(await node(path.join(home, 'old')));
  await restore(path.join(home, 'new'), () => pieces(bytes), 'apps.example.org');
  const {clusterRepo, settings} = layoutOf(path.join(home, 'new'));
  t.is(await git(['log', '--format=%an: %s', '-1', 'main'], {gitdir: clusterRepo}, SIGNAL), 'flynn cluster restore: cluster: move to apps.example.org');
  t.regex(await git(['show', 'main:cluster.yaml'], {gitdir: clusterRepo}, SIGNAL), /^name: home # sweet\ndomain: "?apps\.example\.org/m);
  t.regex(await readFile(settings, 'utf8'), /^domain: apps\.example\.org\nlisten: 0\.0\.0\.0$/m);
});

test('a folder with anything in it stays as it is', async (t) => {
  const home = await folder(t);
  const bytes = await backupOf(await node(path.join(home, 'old')));
  await mkdir(path.join(home, 'taken'));
  await writeFile(path.join(home, 'taken', 'mine'), 'x');
  for (const name of ['taken', 'old']) await t.throwsAsync(() => restore(path.join(home, name), () => pieces(bytes)), {message: /is not empty: a backup is restored into a new data directory only/});
  t.deepEqual(await readdir(path.join(home, 'taken')), ['mine']);
});

test('what fails half-way leaves nothing, and a restore that was killed is begun anew', async (t) => {
  const home = await folder(t);
  const bytes = await backupOf(await node(path.join(home, 'old')));
  const root = path.join(home, 'new');
  let opened = 0;
  // Whole when it is looked at, and gone in the middle when it is taken.
  const open = () => (opened++ === 0 ? pieces(bytes) : (async function* () {
    yield* pieces(bytes.subarray(0, bytes.indexOf('shop.bundle') + 600));
    throw new Error('the disk is gone');
  })());
  await t.throwsAsync(() => restore(root, open), {message: 'the disk is gone'});
  t.is(opened, 2);
  t.deepEqual((await readdir(home)).toSorted(), ['old']);

  const {restoring, token} = layoutOf(root);
  await mkdir(path.join(restoring, 'cluster.git'), {recursive: true});
  await writeFile(token, 'half of a restore that was killed while it moved things in');
  await restore(root, () => pieces(bytes));
  t.is(await readFile(token, 'utf8'), 'the-token\n');
  t.false((await readdir(root)).includes('restoring'));
});

test('a backup is looked at without any place for it', async (t) => {
  const bytes = await backupOf(await node(path.join(await folder(t), 'old')));
  const {members, about} = await verifyBackup(pieces(bytes));
  t.is(members, 9);
  t.regex(about.commit ?? '', /^[0-9a-f]{40}$/);
  await t.throwsAsync(() => verifyBackup(pieces(bytes.subarray(0, -3000))), {message: /cut off|not whole/});
});
