import fs from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {folderRepo} from '../../../reconciler/checkout/folder.ts';
import {change, filesOf, run, temporaryFolder} from './support.ts';

const signal = AbortSignal.timeout(600_000);

async function followFolder(t: ExecutionContext) {
  const root = await temporaryFolder(t);
  const folder = path.join(root, 'manifests');
  const gitdir = path.join(root, 'cluster.git');
  await fs.mkdir(path.join(folder, 'apps/shop'), {recursive: true});
  await fs.writeFile(path.join(folder, 'apps/shop/app.yaml'), 'count: 0\n');
  await fs.writeFile(path.join(folder, 'cluster.yaml'), 'c\n');
  const repo = folderRepo({gitdir, folder});
  t.teardown(() => repo.close());
  return {repo, folder, gitdir};
}

test('a folder is followed as it is saved, with the ids that git would give', async (t) => {
  const {repo, folder, gitdir} = await followFolder(t);
  const before = await repo.snapshot(signal);
  t.is(before.apps[0]!.treeId as string, await run(gitdir, 'rev-parse', `${before.commit}:apps/shop`));
  t.is((await repo.snapshot(signal)), before);
  const watching = new AbortController();
  t.teardown(() => watching.abort());
  const moved = new Promise<void>((resolve) => repo.watch(() => resolve(), watching.signal));
  // An editor saves again and again while its user types; one event is enough, and watching begins some time after it was asked for.
  // The last save has ended before anybody reads: in the middle of it a file is empty.
  const typing = new AbortController();
  const saving = (async () => {
    for (; !typing.signal.aborted; await pause(50)) await fs.writeFile(path.join(folder, 'apps/shop/app.yaml'), 'count: 5\n');
  })();
  await moved;
  typing.abort();
  await saving;
  const after = await repo.snapshot(signal);
  t.not(after.commit, before.commit);
  t.deepEqual(await filesOf(after.apps[0]!), ['apps/shop/app.yaml: count: 5']);
});

test('a commit writes the folder\'s files and leaves others as they are', async (t) => {
  const {repo, folder} = await followFolder(t);
  await fs.writeFile(path.join(folder, '.app.yaml.swp'), 'editor');
  const {isNew} = await repo.commit(change((read) => ({'apps/shop/app.yaml': `${read('apps/shop/app.yaml')}# more\n`, 'apps/shop/releases/v0001.yaml': 'r\n', 'cluster.yaml': undefined}), 'one'), signal);
  t.true(isNew);
  t.is(await fs.readFile(path.join(folder, 'apps/shop/app.yaml'), 'utf8'), 'count: 0\n# more\n');
  t.deepEqual((await fs.readdir(folder)).sort(), ['.app.yaml.swp', 'apps']);
  t.false((await repo.commit(change(() => ({'apps/shop/app.yaml': 'x'}), 'one'), signal)).isNew);
});

test('a folder that is away is an error, never an empty repository', async (t) => {
  const {repo, folder} = await followFolder(t);
  await repo.snapshot(signal);
  await fs.rename(folder, `${folder}.away`);
  await t.throwsAsync(repo.snapshot(signal), {code: 'ENOENT'});
});

test('links in a folder are refused, not followed', async (t) => {
  const {repo, folder} = await followFolder(t);
  await fs.symlink('/etc/passwd', path.join(folder, 'apps/shop/link.yaml'));
  t.deepEqual(await filesOf((await repo.snapshot(signal)).apps[0]!), ['apps/shop/app.yaml: count: 0', 'apps/shop/link.yaml! is a symbolic link, only regular files are read']);
});
