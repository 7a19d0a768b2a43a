import test from 'ava';
import {submodulesOf} from '../../../reconciler/receive/submodules.ts';
import {subtreeCommit} from '../../../reconciler/receive/subtree.ts';
import {appSource} from '../../support/app-source.ts';

const signal = AbortSignal.timeout(600_000);
const LINKED = 'd'.repeat(40);

test('the commits of submodules are told, by their folders', async (t) => {
  await using app = await appSource('no-buildpack', {'.gitmodules': '[submodule "lib"]\n\tpath = deep/my lib\n\turl = https://example.com/lib.git\n'}, {'deep/my lib': LINKED});
  t.deepEqual(await submodulesOf({commit: await app.commit(), gitdir: `${app.folder}/.git`, env: {}}, signal), {'deep/my lib': LINKED});
});

test('of a folder of a repository they are told, too, though .gitmodules is above it', async (t) => {
  await using app = await appSource('no-buildpack', {'.gitmodules': '[submodule "lib"]\n\tpath = deep/lib\n\turl = https://example.com/lib.git\n', 'deep/file': ''}, {'deep/lib': LINKED});
  const source = {commit: await app.commit(), gitdir: `${app.folder}/.git`, env: {}};
  const commit = await subtreeCommit(source, {name: 'PROJECT_PATH', folder: 'deep'}, signal);
  t.deepEqual(await submodulesOf({...source, commit, root: source.commit}, signal), {lib: LINKED});
});

test('most sources have none', async (t) => {
  await using app = await appSource('no-buildpack');
  t.is(await submodulesOf({commit: await app.commit(), gitdir: `${app.folder}/.git`, env: {}}, signal), undefined);
});
