import test from 'ava';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {bareRepo, cloneOf, commitFiles, run} from './support.ts';

const signal = AbortSignal.timeout(600_000);
const SHOP = 'shop' as AppName;
const file = (number: number) => `apps/shop/releases/v000${number}.yaml`;

test('the history of an app says which release was current after each commit, merges and reverts included', async (t) => {
  const gitdir = await bareRepo(t, {'apps/shop/app.yaml': 'one\n', 'apps/blog/app.yaml': 'blog\n'});
  const clone = await cloneOf(t, gitdir);
  await commitFiles(clone, {[file(1)]: 'v1\n'});
  await commitFiles(clone, {'apps/blog/app.yaml': 'other\n'});
  await commitFiles(clone, {'apps/shop/app.yaml': 'two\n'});
  await run(clone, 'switch', '--quiet', '--create', 'proposal');
  await commitFiles(clone, {[file(2)]: 'v2\n'});
  await commitFiles(clone, {[file(3)]: 'v3\n'});
  await run(clone, 'switch', '--quiet', 'main');
  await run(clone, 'merge', '--quiet', '--no-ff', '--message', 'merge the proposal', 'proposal');
  await run(clone, 'rm', '--quiet', file(3));
  await run(clone, 'commit', '--quiet', '--message', 'go back\n\nbecause');
  await run(clone, 'push', '--quiet', 'origin', 'main');

  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const history = await repo.history(SHOP, signal);
  const shown = history.map(({message, added, removed, current}) => `${message.split('\n')[0]} +${added} -${removed} =${current ?? 'none'}`);
  t.deepEqual(shown, [
    'go back + -3 =2',
    'merge the proposal +2,3 - =3',
    'change apps/shop/app.yaml + - =1',
    `change ${file(1)} +1 - =1`,
    'create the cluster repository + - =none',
  ]);
  t.deepEqual(history[0]?.author, {name: 'Bob', email: 'bob@example.com'});
  t.is(String(history[0]?.commit), await run(gitdir, 'rev-parse', 'main'));
  t.is(await repo.textAt(history[1]!.commit, file(3), signal), 'v3\n');
  t.is(await repo.textAt(history[0]!.commit, file(3), signal), undefined);
});

test('a file whose name looks like a commit is no commit of the history', async (t) => {
  const gitdir = await bareRepo(t, {'apps/shop/app.yaml': 'one\n'});
  const clone = await cloneOf(t, gitdir);
  await commitFiles(clone, {[`apps/shop/releases/\x01${'a'.repeat(40)}`]: 'odd\n', [file(1)]: 'v1\n'});
  await run(clone, 'push', '--quiet', 'origin', 'main');
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  t.deepEqual((await repo.history(SHOP, signal)).map(({added}) => added), [[1], []]);
});

test('an app that there never was has no history', async (t) => {
  const repo = ownRepo({gitdir: await bareRepo(t, {'apps/shop/app.yaml': 'one\n'})});
  t.teardown(() => repo.close());
  t.deepEqual(await repo.history('nobody' as AppName, signal), []);
});

test('an app that was renamed has the history of all its names, and its numbers are not used again', async (t) => {
  const gitdir = await bareRepo(t, {'apps/shop/app.yaml': 'kind: App\n', 'apps/store/app.yaml': 'kind: App\nenv: {A: another}\n'});
  const clone = await cloneOf(t, gitdir);
  const rename = async (from: string, to: string, id?: string) => {
    await run(clone, 'mv', `apps/${from}`, `apps/${to}`);
    await commitFiles(clone, {[`apps/${to}/app.yaml`]: `kind: App\n${id === undefined ? '' : `id: ${id}\n`}`});
  };
  await run(clone, 'rm', '--quiet', '-r', 'apps/store');
  await commitFiles(clone, {[file(1)]: 'v1\n', [file(2)]: 'v2\n'});
  await run(clone, 'rm', '--quiet', file(2));
  await run(clone, 'commit', '--quiet', '--message', 'take v2 back');
  await rename('shop', 'store', 'shop');
  await commitFiles(clone, {'apps/shop/app.yaml': 'kind: App\nid: shop-2\n'});
  await rename('store', 'mall', 'shop');
  await run(clone, 'push', '--quiet', 'origin', 'main');

  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const shown = (await repo.history('mall' as AppName, signal)).map(({called, added, removed, current}) => `${called ?? 'mall'} +${added} -${removed} =${current ?? 'none'}`);
  t.deepEqual(shown, ['mall + - =1', 'store + - =1', 'shop + -2 =1', 'shop +1,2 - =2', 'shop + - =none']);
  t.is(await repo.nextReleaseFloor('mall' as AppName, signal), 2);
});
