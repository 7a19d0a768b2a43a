import test from 'ava';
import {execa} from 'execa';
import type {CommitId} from '../../../schemas/ids.ts';
import {hasLfsFromAbove, PROJECT_PATH as name, subtreeCommit} from '../../../reconciler/receive/subtree.ts';
import {appSource} from '../../support/app-source.ts';

const signal = AbortSignal.timeout(600_000);

test('a folder of a commit becomes a commit of its own, always the same one, with the time of the first', async (t) => {
  await using app = await appSource('no-buildpack', {'apps/shop/Procfile': 'web: true\n', 'apps/shop/lib/x': '1'});
  const source = {commit: await app.commit(), gitdir: `${app.folder}/.git`, env: {}};
  const commit = await subtreeCommit(source, {name, folder: './apps//shop/'}, signal) as CommitId;
  t.is(await subtreeCommit(source, {name, folder: 'apps/shop'}, signal), commit);
  const {stdout} = await execa('tar', ['--list', '--verbose', '--full-time', '--utc'], {input: await app.archive(commit)(signal).toArray().then((chunks) => Buffer.concat(chunks as Buffer[]))});
  t.deepEqual(stdout.split('\n').map((line) => line.replace(/^\S+ \S+ +\d+ /, '')), ['2026-01-02 03:04:05 Procfile', '2026-01-02 03:04:05 lib/', '2026-01-02 03:04:05 lib/x']);
});

for (const [folder, message] of [
  ['nowhere', /^PROJECT_PATH is "nowhere", and commit [0-9a-f]{8} has no such folder$/],
  ['notes.txt', /^PROJECT_PATH is "notes\.txt", and commit [0-9a-f]{8} has no such folder$/],
  ['../x', /^PROJECT_PATH is "\.\.\/x", which is no folder of the app's repository$/],
  ['--help', /has no such folder$/],
] as const) {
  test(`"${folder}" is refused`, async (t) => {
    await using app = await appSource('no-buildpack');
    await t.throwsAsync(subtreeCommit({commit: await app.commit(), gitdir: `${app.folder}/.git`, env: {}}, {name, folder}, signal), {name: 'ReleaseRefused', message});
  });
}

test('the root is the commit itself', async (t) => {
  await using app = await appSource('no-buildpack');
  const commit = await app.commit();
  t.is(await subtreeCommit({commit, gitdir: `${app.folder}/.git`, env: {}}, {name, folder: './'}, signal), commit);
});

test('Git LFS is in use in a folder when a folder above it says so', async (t) => {
  await using app = await appSource('no-buildpack', {'.gitattributes': '*.txt text\n', 'apps/.gitattributes': '*.bin filter=lfs -text\n', 'apps/shop/Procfile': 'web: true\n', 'lib/.gitattributes': '*.x filter=lfs2\n', 'lib/shop/x': ''});
  const source = {commit: await app.commit(), gitdir: `${app.folder}/.git`, env: {}};
  t.true(await hasLfsFromAbove(source, '/apps/shop', signal));
  t.false(await hasLfsFromAbove(source, './apps', signal));
  t.false(await hasLfsFromAbove(source, 'lib/shop', signal));
  t.false(await hasLfsFromAbove(source, '/', signal));
});
