import {gzipSync} from 'node:zlib';
import test from 'ava';
import {ADA, change, cloneOf, commitFiles, run} from '../reconciler/checkout/support.ts';
import {push, pushServer} from '../support/push-server.ts';

/** Of all tests here together. */
const signal = AbortSignal.timeout(600_000);

test('an invalid manifest is refused with every problem and its place, unless forced', async (t) => {
  const {url, layout} = await pushServer(t);
  const clone = await cloneOf(t, url('cluster'));
  await commitFiles(clone, {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nservces: {}\nenv: 3\n'});
  const refused = await push(clone, ['origin', 'main']);
  t.is(refused.exitCode, 1);
  t.regex(refused.output, /remote: apps\/shop\/app\.yaml:3:1: .*servces/);
  t.regex(refused.output, /remote: apps\/shop\/app\.yaml:4:6: /);
  t.regex(refused.output, /Push rejected, 2 problems in the manifests\. To push them all the same: git push -o flynn\.force/);
  const forced = await push(clone, ['-o', 'flynn.force', 'origin', 'main']);
  t.is(forced.exitCode, 0, forced.output);
  // A broken app stops nobody who changes another one.
  await commitFiles(clone, {'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\n'});
  const other = await push(clone, ['origin', 'main']);
  t.is(other.exitCode, 0, other.output);
  t.regex(other.output, new RegExp(`Revision main@sha1:${await run(layout.clusterRepo, 'rev-parse', 'main')}`));
});

test('a push to the cluster repository wakes the node', async (t) => {
  const {url, wakes} = await pushServer(t);
  const clone = await cloneOf(t, url('cluster'));
  const commit = await commitFiles(clone, {'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\n'});
  await push(clone, ['origin', 'main']);
  t.deepEqual(wakes, [`push of ${commit.slice(0, 8)} by Ada`]);
  const branch = await push(clone, ['origin', 'main:proposal']);
  t.regex(branch.output, /Nodes follow main only/);
  t.is(wakes.length, 1);
});

test('main is never rewritten or deleted', async (t) => {
  const {url} = await pushServer(t);
  const clone = await cloneOf(t, url('cluster'));
  await run(clone, 'commit', '--quiet', '--amend', '--message', 'other');
  t.regex((await push(clone, ['--force', 'origin', 'main'])).output, /Push rejected, main is never rewritten/);
  t.regex((await push(clone, ['origin', ':main'])).output, /Push rejected, main can't be deleted|deletion of the current branch prohibited/);
});

test('removing most of the apps has to be confirmed', async (t) => {
  const {url, repo} = await pushServer(t);
  await repo.commit(change(() => Object.fromEntries(['a', 'b', 'c'].map((app) => [`apps/${app}/app.yaml`, 'apiVersion: flynn/v1\nkind: App\n'])), 'add'), signal);
  const clone = await cloneOf(t, url('cluster'));
  await run(clone, 'rm', '-r', '--quiet', 'apps');
  await run(clone, 'commit', '--quiet', '--message', 'oops');
  const refused = await push(clone, ['origin', 'main']);
  t.is(refused.exitCode, 1);
  t.regex(refused.output, /this removes 4 of 4 apps\. If that is meant: git push -o flynn\.confirm-delete/);
  const meant = await push(clone, ['-o', 'flynn.confirm-delete', 'origin', 'main']);
  t.is(meant.exitCode, 0, meant.output);
});

test('while flynn is not running, a push by path is refused with a sentence', async (t) => {
  const {layout, local} = await pushServer(t);
  const clone = await cloneOf(t, layout.clusterRepo);
  await commitFiles(clone, {'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\n'});
  await local.close();
  const {exitCode, output} = await push(clone, ['origin', 'main']);
  t.is(exitCode, 1);
  t.regex(output, /Push rejected, Flynn is not running on this machine\. Start it with: flynn up/);
});

test('a commit of our own server that would break a manifest is refused as a push would be', async (t) => {
  const {repo} = await pushServer(t);
  await t.throwsAsync(repo.commit({...change(() => ({'apps/shop/app.yaml': 'kind: Nonsense\n'}), 'bad'), author: ADA}, signal), {name: 'EditRefused', message: /^apps\/shop\/app\.yaml:\d+:\d+: /});
});

test('a compressed request is understood', async (t) => {
  const {port, layout} = await pushServer(t);
  const answer = await fetch(`http://127.0.0.1:${port}/cluster.git/git-upload-pack`, {
    method: 'POST',
    headers: {
      'authorization': `Basic ${Buffer.from('x:secret').toString('base64')}`,
      'content-type': 'application/x-git-upload-pack-request', 'content-encoding': 'gzip', 'git-protocol': 'version=2',
    },
    body: gzipSync('0014command=ls-refs\n0000'),
  });
  t.true((await answer.text()).includes(`${await run(layout.clusterRepo, 'rev-parse', 'main')} refs/heads/main`));
});
