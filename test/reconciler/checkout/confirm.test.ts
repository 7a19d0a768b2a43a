import test from 'ava';
import {confirmDelete, isDeleteConfirmed} from '../../../reconciler/checkout/confirm.ts';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {bareRepo, change, cloneOf, commitFiles, run} from './support.ts';

const signal = AbortSignal.timeout(600_000);

test('a confirmation counts until it was applied, and for nothing before it', async (t) => {
  const gitdir = await bareRepo(t, {'cluster.yaml': 'c\n'});
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const commits = [(await repo.snapshot(signal)).commit];
  for (const number of [1, 2, 3]) commits.push((await repo.commit(change(() => ({'cluster.yaml': `${number}\n`}), `c-${number}`), signal)).commit);
  const [first, second, third, fourth] = commits as [typeof commits[0], typeof commits[0], typeof commits[0], typeof commits[0]];
  const isConfirmed = (commit: typeof first, applied: typeof first) => isDeleteConfirmed(gitdir, {commit: commit!, applied}, signal);
  t.false(await isConfirmed(second, first));
  await confirmDelete(gitdir, second!, signal);
  t.true(await isConfirmed(second, first));
  // Somebody committed before the node had looked.
  t.true(await isConfirmed(third, first));
  t.false(await isConfirmed(fourth, second));
  t.false(await isConfirmed(fourth, third));
  t.false(await isConfirmed(first, first));
});

test('a commit can be confirmed before it is in the repository, and counts for nothing else if it never comes', async (t) => {
  const gitdir = await bareRepo(t, {'cluster.yaml': 'c\n'});
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const clone = await cloneOf(t, gitdir);
  const applied = (await repo.snapshot(signal)).commit;
  const coming = await commitFiles(clone, {'cluster.yaml': 'coming\n'}) as typeof applied;
  await confirmDelete(gitdir, coming, signal);
  t.false(await isDeleteConfirmed(gitdir, {commit: applied, applied: undefined}, signal));
  t.true(await isDeleteConfirmed(gitdir, {commit: coming, applied}, signal));
  await run(clone, 'push', '--quiet', 'origin', 'main');
  const next = (await repo.commit(change(() => ({'cluster.yaml': 'next\n'}), 'next'), signal)).commit;
  t.true(await isDeleteConfirmed(gitdir, {commit: next, applied}, signal));
  t.false(await isDeleteConfirmed(gitdir, {commit: next, applied: coming}, signal));
});
