import {readdir, stat, utimes} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {execa} from 'execa';
import {objectWriter} from '../../../reconciler/adapters/git-write.ts';
import {bareRepo, run} from '../checkout/support.ts';

test('objects are the ones that git makes of the same', async (t) => {
  const gitdir = await bareRepo(t, {'cluster.yaml': 'c\n'});
  const write = objectWriter(gitdir);
  const large = 'ü'.repeat(300_000);
  const [blob, empty, binary] = [await write.blob(large), await write.blob(''), await write.blob(Buffer.from([0, 255, 10]))];
  t.is((await execa('git', ['hash-object', '--stdin'], {input: large})).stdout, blob);
  t.is((await execa('git', ['cat-file', 'blob', blob], {cwd: gitdir})).stdout, large);
  t.is(await run(gitdir, 'cat-file', '-s', binary), '3');

  // Folders sort as if they ended in a slash, names by their bytes.
  const folder = await write.tree([{mode: '100644', name: 'x', id: empty}]);
  const entries = [['40000', 'a', folder], ['100644', 'a.b', empty], ['100644', 'a0', empty], ['100755', 'Z', empty], ['120000', 'ü', binary], ['100644', '\u{1F600}', blob], ['100644', '\uFF5E', blob], ['160000', 'module', '1'.repeat(40)]] as const;
  const tree = await write.tree(entries.map(([mode, name, id]) => ({mode, name, id})));
  const lines = entries.map(([mode, name, id]) => `${mode} ${mode === '40000' ? 'tree' : mode === '160000' ? 'commit' : 'blob'} ${id}\t${name}\0`);
  t.is((await execa('git', ['mktree', '-z', '--missing'], {cwd: gitdir, input: lines.join('')})).stdout, tree);

  const by = {name: 'Ann', email: 'a@example.com'};
  const commit = await write.commit({tree, parents: [await run(gitdir, 'rev-parse', 'main')], message: 'say\n', author: by, committer: by, atMs: 1_700_000_000_000});
  t.is(await run(gitdir, 'show', '--no-patch', '--format=%T %an %s %ct', commit), `${tree} Ann say 1700000000`);
  t.is(await run(gitdir, 'fsck', '--strict', '--no-dangling'), '');
});

test('what is there already is not written again, and becomes new, so that nobody collects it', async (t) => {
  const gitdir = await bareRepo(t, {'cluster.yaml': 'c\n'});
  const write = objectWriter(gitdir);
  const ids = await Promise.all(Array.from({length: 20}, () => write.blob('same\n')));
  t.is(new Set(ids).size, 1);
  const folder = path.join(gitdir, 'objects', ids[0]?.slice(0, 2) ?? '');
  t.deepEqual(await readdir(folder), [ids[0]?.slice(2)]);
  const file = path.join(folder, ids[0]?.slice(2) ?? '');
  const {ino} = await stat(file);
  await utimes(file, 1000, 1000);
  await write.blob('same\n');
  t.is((await stat(file)).ino, ino);
  t.true((await stat(file)).mtimeMs > 1_000_000);
});
