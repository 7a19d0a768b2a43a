import test from 'ava';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {bareRepo, change, cloneOf, commitFiles, run} from './support.ts';

const signal = AbortSignal.timeout(600_000);

test('a commit says which apps it changed, and how far it has come', async (t) => {
  const gitdir = await bareRepo(t, {'cluster.yaml': 'c\n', 'apps/shop/app.yaml': 's\n', 'apps/blog/app.yaml': 'b\n'});
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const {commit: first} = await repo.snapshot(signal);
  const {commit: second} = await repo.commit(change(() => ({'apps/shop/app.yaml': 't\n', 'apps/blog': undefined, 'cluster.yaml': 'd\n'}), 'two'), signal);
  const {commit: third} = await repo.commit(change(() => ({'apps/docs/app.yaml': 'd\n'}), 'three'), signal);
  t.deepEqual(await repo.facts(second.slice(0, 8), second, signal), {commit: second, apps: ['blog', 'shop'], isShared: true, isMerged: true, isApplied: true});
  t.deepEqual(await repo.facts(third, second, signal), {commit: third, apps: ['docs'], isShared: false, isMerged: true, isApplied: false});
  t.deepEqual(await repo.facts(first, third, signal), {commit: first, apps: ['blog', 'shop'], isShared: true, isMerged: true, isApplied: true});
  t.is(await repo.facts('f'.repeat(40), third, signal), undefined);
  t.is(await repo.facts(await run(gitdir, 'rev-parse', 'main:apps'), third, signal), undefined, 'a tree is no commit');

  const clone = await cloneOf(t, gitdir);
  await run(clone, 'switch', '--quiet', '--create', 'proposal');
  await commitFiles(clone, {'apps/shop/app.yaml': 'u\n'});
  await run(clone, 'push', '--quiet', 'origin', 'proposal');
  t.like(await repo.facts(await run(clone, 'rev-parse', 'HEAD'), third, signal), {apps: ['shop'], isMerged: false, isApplied: false});
});
