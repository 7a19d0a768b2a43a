import test from 'ava';
import {isDeleteConfirmed} from '../../../reconciler/checkout/confirm.ts';
import {MAIN, ownRepo} from '../../../reconciler/checkout/own.ts';
import {ClusterPushes} from '../../../reconciler/receive/cluster-push.ts';
import type {CommitId} from '../../../schemas/ids.ts';
import {ADA, bareRepo, run} from '../checkout/support.ts';
import {gitDeps} from './support.ts';

const signal = AbortSignal.timeout(600_000);
const APP = 'apiVersion: flynn/v1\nkind: App\n';
const FILES = {'cluster.yaml': 'apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.test\n', 'apps/a/app.yaml': APP, 'apps/b/app.yaml': APP, 'apps/c/app.yaml': APP};

test('the deletions that a push confirms are confirmed before main moves', async (t) => {
  const gitdir = await bareRepo(t, FILES);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const before = (await repo.snapshot(signal)).commit;
  const tree = await run(gitdir, 'hash-object', '-w', '-t', 'tree', '/dev/null');
  const emptied = await run(gitdir, 'commit-tree', '-p', before, '-m', 'remove all', tree) as CommitId;
  const cluster = new ClusterPushes(await gitDeps(t, {repo}));
  const mayReceive = (options: readonly string[]) => cluster.mayReceive({
    gitdir, options, env: {}, author: ADA, updates: [{ref: MAIN, before, after: emptied}], print: () => {}, settle: () => {}, ended: Promise.resolve(),
  }, signal);
  await t.throwsAsync(mayReceive(['flynn.force']), {message: /this removes 3 of 3 apps/});
  t.false(await isDeleteConfirmed(gitdir, {commit: emptied, applied: before}, signal));
  await mayReceive(['flynn.force', 'flynn.confirm-delete']);
  t.is(await run(gitdir, 'rev-parse', 'main'), before as string);
  t.true(await isDeleteConfirmed(gitdir, {commit: emptied, applied: before}, signal));
});
