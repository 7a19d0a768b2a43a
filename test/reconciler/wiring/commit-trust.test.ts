import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {remoteRepo} from '../../../reconciler/checkout/remote.ts';
import {ensureNodeKey} from '../../../reconciler/signatures/node-key.ts';
import {CommitTrust} from '../../../reconciler/wiring/commit-trust.ts';
import {head} from '../../support/manifests.ts';
import {change, run, temporaryFolder} from '../checkout/support.ts';
import {publicKey, SigningTrial} from '../signatures/support.ts';

const signal = AbortSignal.timeout(600_000);

/** A node that follows a repository elsewhere, whose first commit it has applied. */
async function followed(t: ExecutionContext) {
  const folder = await temporaryFolder(t);
  const key = await ensureNodeKey(path.join(folder, 'key'));
  const trial = await SigningTrial.start(t, {'nodes/one.yaml': `${head('Node')}signingKey: ${key.publicKey}\n`});
  const url = await run(trial.clone, 'remote', 'get-url', 'origin');
  const gitdir = path.join(folder, 'mirror.git');
  const repo = remoteRepo({gitdir, pollSeconds: 3600, remote: {url, knownHosts: path.join(folder, 'known_hosts')}, sign: key.sign});
  const trust = new CommitTrust({repo, gitdir, key, isFolder: false});
  t.teardown(() => {
    repo.close();
    trust.close();
  });
  await repo.markApplied((await repo.snapshot(signal)).commit, signal);
  /** What the node makes of main as it is now. */
  const look = async () => {
    await repo.refresh(signal);
    const {snapshot, held} = await trust.newest(await repo.snapshot(signal), signal);
    await repo.markApplied(snapshot.commit, signal);
    return {commit: snapshot.commit as string, ...(held && {held})};
  };
  return {trial, repo, trust, look, push: () => run(trial.clone, 'push', '--quiet', '--force', 'origin', 'HEAD:main')};
}

test('of a repository elsewhere what comes before a commit that is not signed is followed, and the rest once that is gone', async (t) => {
  const {trial, look, push} = await followed(t);
  const good = await trial.commit('ann', {'README.md': 'a\n'});
  const bad = await trial.commit(undefined, {'README.md': 'b\n'});
  const tip = await trial.commit('ann', {'README.md': 'c\n'});
  await push();
  const {commit, held} = await look();
  t.is(commit, good as string);
  t.like(held, {reason: 'UntrustedCommit', commit: tip});
  t.regex(held?.message ?? '', new RegExp(`^commit ${bad.slice(0, 8)}: is not signed; it is not followed, nor what comes after it\\. .*"flynn confirm ${tip.slice(0, 8)}"$`));
  t.is((await look()).commit, good as string, 'however often it is looked at');

  await trial.git('ann', 'reset', '--quiet', '--hard', good);
  const other = await trial.commit('ann', {'README.md': 'd\n'});
  await push();
  t.deepEqual(await look(), {commit: other});
});

test('a key counts for commits after the one that brought it, fetched together or not', async (t) => {
  const {trial, look, push} = await followed(t);
  await trial.commit('ann', {'people/eve.yaml': (trial.files['people/bob.yaml'] ?? '').replaceAll('bob', 'eve').replace(/- .*/, `- ${await publicKey(trial.keys, 'eve')}`)});
  const byEve = await trial.commit('eve', {'apps/shop/releases/v0001.yaml': 'x\n'});
  await push();
  const first = await look();
  t.truthy(first.held);
  t.deepEqual(await look(), {commit: byEve});
});

test('the node\'s own commits are followed, and it says whether they would be', async (t) => {
  const {repo, trust, look} = await followed(t);
  const {commit} = await repo.commit(change(() => ({'apps/shop/app.yaml': `${head('App')}env: {A: b}\n`}), 'own'), signal);
  t.deepEqual(await look(), {commit});
  t.like(trust.state, {isRequired: true, isNodeKeyKnown: true});
});
