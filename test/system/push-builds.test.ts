import {once} from 'node:events';
import path from 'node:path';
import test from 'ava';
import {commitFiles, run, temporaryFolder} from '../reconciler/checkout/support.ts';
import {IMAGE, push, pushServer, sourceTree} from '../support/push-server.ts';
import {within} from '../support/until.ts';

/** Of all tests here together. */
const signal = AbortSignal.timeout(600_000);

test('the branch that app.yaml names is deployed, and main is not', async (t) => {
  let builds = 0;
  const {url, layout} = await pushServer(t, {build: async () => {
    builds += 1;
    return {ok: true, value: IMAGE};
  }});
  const cluster = path.join(await temporaryFolder(t), 'cluster');
  await run('/', 'clone', '--quiet', layout.clusterRepo, cluster);
  await commitFiles(cluster, {'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\ndeployBranch: release/2\n'});
  await run(cluster, 'push', '--quiet', 'origin', 'HEAD:main');
  const folder = await sourceTree(t);
  const kept = await push(folder, [url('shop'), 'main']);
  t.is(kept.exitCode, 0, kept.output);
  t.regex(kept.output, /main is kept, nothing is deployed: that is what release\/2 is for\.\s+remote:\s+To deploy it all the same: flynn deploy --branch main -a shop/);
  t.is(builds, 0);
  const deployed = await push(folder, [url('shop'), 'main:release/2']);
  t.regex(deployed.output, /Released v1/);
  t.regex((await push(folder, [url('shop'), ':release/2'])).output, /Push rejected, the branch that was deployed can't be deleted/);
});

test('a build that somebody cancels rejects the push, which says by whom', async (t) => {
  const begun = Promise.withResolvers<void>();
  const {url, builds} = await pushServer(t, {build: async (_request, until) => {
    begun.resolve();
    await once(until, 'abort');
    throw until.reason;
  }});
  const pushing = push(await sourceTree(t), [url('shop'), 'main']);
  await within('the build begins', begun.promise);
  t.is((await builds.cancel('shop' as never, 1, {name: 'Bob', email: 'bob@example.com'}, signal)).state, 'cancelled');
  const {exitCode, output} = await pushing;
  t.is(exitCode, 1);
  t.regex(output, /Push rejected, build 1 was cancelled by Bob\s+To [^]*pre-receive hook declined/);
});
