import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {HistoryRewritten} from '../../../reconciler/checkout/repo.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {bareRepo, change, cloneOf, commitFiles, filesOf, run} from './support.ts';

const signal = AbortSignal.timeout(600_000);
const SHOP = {'cluster.yaml': 'domain: a\n', 'nodes/one.yaml': 'n\n', 'apps/shop/app.yaml': 'shop\n', 'apps/shop/releases/v0001.yaml': 'v1\n', 'apps/blog/app.yaml': 'blog\n'};

test('a snapshot cuts a commit into apps and the files outside of apps', async (t) => {
  const repo = ownRepo({gitdir: await bareRepo(t, SHOP)});
  t.teardown(() => repo.close());
  const {apps, shared, committedAtMs} = await repo.snapshot(signal);
  t.deepEqual(apps.map(({name}) => String(name)), ['blog', 'shop']);
  t.deepEqual(await filesOf(shared), ['cluster.yaml: domain: a', 'nodes/one.yaml: n']);
  t.deepEqual(await filesOf(apps[1]!), ['apps/shop/app.yaml: shop', 'apps/shop/releases/v0001.yaml: v1']);
  t.true(Math.abs(Date.now() - committedAtMs) < 60_000);
});

test('tree and blob ids are the ones that git shows', async (t) => {
  const gitdir = await bareRepo(t, SHOP);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const {apps, commit} = await repo.snapshot(signal);
  const [file] = await apps[1]!.files(signal);
  t.is(String(commit), await run(gitdir, 'rev-parse', 'main'));
  t.is(String(apps[1]!.treeId), await run(gitdir, 'rev-parse', 'main:apps/shop'));
  t.is(file?.kind === 'text' ? String(file.blobId) : '', await run(gitdir, 'rev-parse', 'main:apps/shop/app.yaml'));
  t.is(await run(gitdir, 'fsck', '--strict'), '');
});

test('a commit to one app leaves the pieces of all others as they are', async (t) => {
  const repo = ownRepo({gitdir: await bareRepo(t, SHOP)});
  t.teardown(() => repo.close());
  const before = await repo.snapshot(signal);
  t.is(await repo.snapshot(signal), before);
  await repo.commit(change(() => ({'apps/shop/app.yaml': 'changed\n'}), 'one'), signal);
  const after = await repo.snapshot(signal);
  t.is(after.apps[0], before.apps[0]);
  t.is(after.shared, before.shared);
  t.not(after.apps[1]!.treeId, before.apps[1]!.treeId);
  t.deepEqual((await filesOf(after.apps[1]!))[0], 'apps/shop/app.yaml: changed');
});

test('of an app that has changed only the files that did are read again', async (t) => {
  const repo = ownRepo({gitdir: await bareRepo(t, {...SHOP, 'apps/shop/odd.yaml': '\0'})});
  t.teardown(() => repo.close());
  const filesOfShop = async () => (await repo.snapshot(signal)).apps[1]!.files(signal);
  const [app, odd, release] = await filesOfShop();
  await repo.commit(change(() => ({'apps/shop/releases/v0002.yaml': 'v1\n'}), 'one'), signal);
  await repo.snapshot(signal);
  await repo.commit(change(() => ({'apps/shop/app.yaml': 'changed\n'}), 'two'), signal);
  const [changed, again, same, added] = await filesOfShop();
  t.is(same, release);
  t.not(changed, app);
  t.deepEqual(again, odd);
  t.deepEqual([changed, added].map((file) => file?.kind === 'text' && `${file.path}: ${file.text}`), ['apps/shop/app.yaml: changed\n', 'apps/shop/releases/v0002.yaml: v1\n']);
});

test('a snapshot of 1,000 apps costs nothing when nothing moved, and little after one change', async (t) => {
  const files = Object.fromEntries(Array.from({length: 1000}, (_, number) => [`apps/app-${number}/app.yaml`, `number: ${number}\n`]));
  const repo = ownRepo({gitdir: await bareRepo(t, {...files, 'cluster.yaml': 'c\n'})});
  t.teardown(() => repo.close());
  const before = await repo.snapshot(signal);
  t.is(before.apps.length, 1000);
  const look = async () => {
    const startedAtMs = performance.now();
    const seen = await repo.snapshot(signal);
    return {seen, tookMs: performance.now() - startedAtMs};
  };
  // Of five, the one that other tests disturbed least.
  const [movedMs, sameMs]: [number[], number[]] = [[], []];
  for (let number = 1; number <= 5; number += 1) {
    await repo.commit(change(() => ({'apps/app-7/app.yaml': `number: ${-number}\n`}), `change-${number}`), signal);
    const moved = await look();
    t.is(moved.seen.apps.filter((app, index) => app !== before.apps[index]).length, 1);
    movedMs.push(moved.tookMs);
    sameMs.push((await look()).tookMs);
  }
  t.log(`after one change ${Math.min(...movedMs).toFixed(1)} ms, unchanged ${Math.min(...sameMs).toFixed(2)} ms`);
  // Ten times what it takes on an idle machine.
  t.true(Math.min(...sameMs) < 20 && Math.min(...movedMs) < 200);
});

test('links, submodules, large files, binaries and odd names are refused, not followed', async (t) => {
  const gitdir = await bareRepo(t, SHOP);
  const clone = await cloneOf(t, gitdir);
  const shop = path.join(clone, 'apps', 'shop');
  await fs.symlink('/etc/passwd', path.join(shop, 'link.yaml'));
  await fs.writeFile(path.join(shop, 'large.yaml'), 'x'.repeat(300 * 1024));
  await fs.writeFile(path.join(shop, 'binary.yaml'), Buffer.from([0xff, 0xfe, 0]));
  await fs.writeFile(path.join(shop, 'a\nb.yaml'), 'x');
  await fs.mkdir(path.join(shop, 'a/b/c/d/e'), {recursive: true});
  await fs.writeFile(path.join(shop, 'a/b/c/d/e/deep.yaml'), 'x');
  const head = await run(clone, 'rev-parse', 'HEAD');
  await run(clone, 'update-index', '--add', '--cacheinfo', `160000,${head},apps/shop/module`);
  await run(clone, 'update-index', '--add', '--cacheinfo', `160000,${head},apps/lent`);
  await run(clone, 'add', 'apps/shop/link.yaml', 'apps/shop/large.yaml', 'apps/shop/binary.yaml', 'apps/shop/a\nb.yaml', 'apps/shop/a');
  await run(clone, 'commit', '--quiet', '--message', 'odd');
  await run(clone, 'push', '--quiet', 'origin', 'main');

  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const {apps} = await repo.snapshot(signal);
  t.deepEqual(apps.map(({name}) => String(name)), ['blog', 'lent', 'shop']);
  t.deepEqual(await filesOf(apps[1]!), ['apps/lent! is a submodule, only regular files are read']);
  t.deepEqual(await filesOf(apps[2]!), [
    'apps/shop/a\nb.yaml! has a name that not every system can write',
    'apps/shop/a/b/c/d/e! is a folder too deep, at most 4 are read',
    'apps/shop/app.yaml: shop',
    'apps/shop/binary.yaml! is not text in UTF-8',
    'apps/shop/large.yaml! has 300 KiB, at most 256 are read',
    'apps/shop/link.yaml! is a symbolic link, only regular files are read',
    'apps/shop/module! is a submodule, only regular files are read',
    'apps/shop/releases/v0001.yaml: v1',
  ]);
});

test('apps that is not a folder is an error, never no apps', async (t) => {
  const gitdir = await bareRepo(t, SHOP);
  const clone = await cloneOf(t, gitdir);
  await run(clone, 'rm', '-r', '--quiet', 'apps');
  await commitFiles(clone, {apps: 'oops'});
  await run(clone, 'push', '--quiet', 'origin', 'main');
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  await t.throwsAsync(repo.snapshot(signal), {message: /"apps" is a file/});
});

test('a missing object is an error, never fewer files', async (t) => {
  const gitdir = await bareRepo(t, SHOP);
  const blob = await run(gitdir, 'rev-parse', 'main:apps/shop/app.yaml');
  await fs.rm(path.join(gitdir, 'objects', blob.slice(0, 2), blob.slice(2)));
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const {apps} = await repo.snapshot(signal);
  await t.throwsAsync(apps[1]!.files(signal), {message: /is missing: the repository is damaged/});
  t.is((await apps[0]!.files(signal)).length, 1);
});

test('a branch that no longer contains the applied commit is not followed until told so', async (t) => {
  const gitdir = await bareRepo(t, SHOP);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const first = await repo.snapshot(signal);
  await repo.markApplied(first.commit, signal);
  const orphan = await run(gitdir, 'commit-tree', '-m', 'rewritten', 'main^{tree}');
  await run(gitdir, 'update-ref', 'refs/heads/main', orphan);
  const error = await t.throwsAsync(repo.snapshot(signal), {instanceOf: HistoryRewritten});
  t.is(error?.tip as string, orphan);
  // The applied commit stays readable even when git clears away what no branch has.
  await run(gitdir, 'reflog', 'expire', '--expire=now', '--all');
  await run(gitdir, 'gc', '--quiet', '--prune=now');
  t.is((await repo.snapshotAt(first.commit, signal)).apps.length, 2);
  await repo.markApplied(error!.tip, signal);
  t.is((await repo.snapshot(signal)).commit as string, orphan);
  t.is(await repo.lastApplied(signal) as string, orphan);
});

test('a push, and packed refs, wake the one who watches', async (t) => {
  const gitdir = await bareRepo(t, SHOP);
  const clone = await cloneOf(t, gitdir);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const watching = new AbortController();
  t.teardown(() => watching.abort());
  const moved = new Promise<number>((resolve) => repo.watch(() => resolve(performance.now()), watching.signal));
  await commitFiles(clone, {'apps/shop/app.yaml': 'again\n'});
  await run(clone, 'push', '--quiet', 'origin', 'main');
  await moved;
  const before = (await repo.snapshot(signal)).commit;
  await run(gitdir, 'pack-refs', '--all');
  t.is((await repo.snapshot(signal)).commit, before);
});

test('release numbers that were reverted are not forgotten', async (t) => {
  const repo = ownRepo({gitdir: await bareRepo(t, SHOP)});
  t.teardown(() => repo.close());
  const shop = 'shop' as AppName;
  t.is(await repo.nextReleaseFloor(shop, signal), 1);
  await repo.commit(change(() => ({'apps/shop/releases/v0007.yaml': 'v7\n'}), 'one'), signal);
  await repo.commit(change(() => ({'apps/shop/releases/v0007.yaml': undefined}), 'two'), signal);
  t.is(await repo.nextReleaseFloor(shop, signal), 7);
  t.is(await repo.nextReleaseFloor('blog' as AppName, signal), 0);
});

test('a release that comes in the commit that prunes a similar one counts', async (t) => {
  const text = 'apiVersion: flynn/v1\nkind: Release\nimage: the same\n'.repeat(5);
  const repo = ownRepo({gitdir: await bareRepo(t, {'apps/shop/releases/v0001.yaml': text})});
  t.teardown(() => repo.close());
  await repo.commit(change(() => ({'apps/shop/releases/v0001.yaml': undefined, 'apps/shop/releases/v0002.yaml': `${text}# v2\n`}), 'one'), signal);
  t.is(await repo.nextReleaseFloor('shop' as AppName, signal), 2);
});
