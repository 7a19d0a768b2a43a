import {setTimeout as pause} from 'node:timers/promises';
import {readFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {cleanUp} from '../support/clean-up.ts';
import {doors, type Doors} from '../support/doors.ts';
import {head} from '../support/manifests.ts';
import {push} from '../support/push-server.ts';
import {cloneOf, commitFiles, run} from '../reconciler/checkout/support.ts';

// Of fifty writers ten have a clone, edit it offline and push it with git, again and again until they are through; the others ask the API. All at once.

const CLONES = 10;
const REQUESTS = 40;
const TRIES_MAX = 200;

const cleanups = cleanUp();
let node: Doors;

test.before(async (t) => {
  t.timeout(60_000);
  node = await doors(cleanups);
});
test.after.always(() => cleanups.run());

test('of fifty writers at once, by git and by the API, on different apps and on the same one, none is lost', async (t) => {
  t.timeout(400_000);
  const clones = [];
  for (let index = 0; index < CLONES; index += 1) clones.push(await cloneOf(cleanups, node.layout.clusterRepo));
  const startedAtMs = performance.now();
  const byGit = clones.map(async (clone, index) => {
    // Every fifth one edits the same file.
    const file = index % 5 === 0 ? 'apps/shop/app.yaml' : `apps/blog-${index}/app.yaml`;
    const text = index % 5 === 0 ? `${await readFile(path.join(clone, file), 'utf8')}# by git ${index}\n` : head('App');
    await commitFiles(clone, {[file]: text});
    for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
      if ((await push(clone, [node.url('ada'), 'HEAD:refs/heads/main'])).exitCode === 0) return tries;
      // Lines that others added at the same end are both wanted.
      await run(clone, 'fetch', '--quiet', node.url('ada'), 'main');
      await run(clone, '-c', 'merge.default=union', 'rebase', '--quiet', 'FETCH_HEAD').catch(async () => {
        await run(clone, 'rebase', '--abort');
        await run(clone, 'reset', '--quiet', '--hard', 'FETCH_HEAD');
        await commitFiles(clone, {[file]: `${await readFile(path.join(clone, file), 'utf8')}# by git ${index}\n`});
      });
      await pause(Math.random() * 50);
    }
    throw new Error(`clone ${index} did not get through`);
  });
  const byApi = Array.from({length: REQUESTS}, async (_, index) => {
    for (let tries = 1; ; tries += 1) {
      const {status, text} = await node.ask('max', 'POST /v1/apps/shop/env', {set: {[`BY_API_${index}`]: 'yes'}}, {'idempotency-key': `race-key-${index}`});
      if (status === 200) return tries;
      // It took too long, as others were faster again and again: a repetition with the same key is the same write.
      if (status !== 503 || tries === TRIES_MAX) throw new Error(`request ${index}: ${status} ${text}`);
    }
  });
  const [tries] = await Promise.all([Promise.all(byGit), Promise.all(byApi)]);
  t.log(`${CLONES + REQUESTS} writers in ${Math.round(performance.now() - startedAtMs)} ms; pushes until they were through: ${tries.toSorted((a, b) => a - b).join(' ')}`);

  const manifest = await run(node.layout.clusterRepo, 'show', 'main:apps/shop/app.yaml');
  for (let index = 0; index < REQUESTS; index += 1) t.regex(manifest, new RegExp(`^ +BY_API_${index}: `, 'm'));
  for (let index = 0; index < CLONES; index += 5) t.regex(manifest, new RegExp(`^# by git ${index}$`, 'm'));
  const apps = (await run(node.layout.clusterRepo, 'ls-tree', '--name-only', 'main:apps')).split('\n');
  for (let index = 0; index < CLONES; index += 1) if (index % 5 !== 0) t.true(apps.includes(`blog-${index}`));
  t.is(Number(await run(node.layout.clusterRepo, 'rev-list', '--count', 'main')), 1 + CLONES + REQUESTS);
  t.is(await run(node.layout.clusterRepo, 'fsck', '--no-dangling'), '');
});
