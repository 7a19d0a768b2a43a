import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {EditRefused, StaleRead} from '../../../reconciler/checkout/snapshot.ts';
import {scale, scaleSubject} from '../../../reconciler/commits/edits.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {bareRepo, change, cloneOf, commitFiles, run} from '../checkout/support.ts';

const signal = AbortSignal.timeout(600_000);
const ONE = {'cluster.yaml': 'c\n', 'apps/shop/app.yaml': 'count: 0\n'};
const countUp = (read: (path: string) => string | undefined) => ({'apps/shop/app.yaml': `count: ${Number(/\d+/.exec(read('apps/shop/app.yaml') ?? '')) + 1}\n`});

test('20 writers at once, of four owners that know nothing of each other, lose nothing', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const repos = Array.from({length: 4}, () => ownRepo({gitdir}));
  t.teardown(() => repos.forEach((repo) => repo.close()));
  await Promise.all(Array.from({length: 20}, (_, number) => repos[number % 4]!.commit(change(countUp, `writer-${number}`), signal)));
  t.is(await run(gitdir, 'show', 'main:apps/shop/app.yaml'), 'count: 20');
  t.is(await run(gitdir, 'rev-list', '--count', 'main'), '21');
  t.is(await run(gitdir, 'fsck', '--strict', '--no-dangling'), '');
});

test('writers and people who push at the same time lose nothing', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const clone = await cloneOf(t, gitdir);
  const people = async () => {
    for (let number = 0; number < 3; number += 1) {
      await commitFiles(clone, {[`apps/p${number}/app.yaml`]: 'p\n'});
      for (let tries = 0; ; tries += 1) {
        const pushed = await run(clone, 'push', '--quiet', 'origin', 'main').then(() => true, () => false);
        if (pushed || tries > 50) break;
        await run(clone, 'pull', '--quiet', '--rebase', 'origin', 'main');
      }
    }
  };
  await Promise.all([people(), ...Array.from({length: 8}, (_, number) => repo.commit(change(countUp, `w-${number}`), signal))]);
  t.is(await run(gitdir, 'show', 'main:apps/shop/app.yaml'), 'count: 8');
  t.is((await run(gitdir, 'ls-tree', '--name-only', 'main:apps')).split('\n').length, 4);
});

test('a retry after a lost answer finds its own commit', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const first = await repo.commit(change(countUp, 'same'), signal);
  await repo.commit(change(countUp, 'other'), signal);
  const again = ownRepo({gitdir});
  t.teardown(() => again.close());
  t.deepEqual(await again.commit(change(countUp, 'same'), signal), {commit: first.commit, isNew: false});
  t.is(await run(gitdir, 'show', 'main:apps/shop/app.yaml'), 'count: 2');
});

test('author, message and trailers are as they were given', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  await repo.commit({...change(countUp, 'id-1'), message: 'shop: count\n\nFlynn-Source: abc'}, signal);
  t.is((await run(gitdir, 'log', '-1', '--format=%an <%ae>|%cn|%B', 'main')).replace(/(flynn\/)\d+\.\d+\.\d+$/m, '$1VERSION'), 'Ada <ada@example.com>|Flynn|shop: count\n\nFlynn-Source: abc\nFlynn-Tool: flynn/VERSION\nFlynn-Operation: id-1\n');
});

test('an edit that changes nothing makes no commit', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const {isNew} = await repo.commit(change((read) => ({'apps/shop/app.yaml': read('apps/shop/app.yaml')}), 'none'), signal);
  t.false(isNew);
  t.is(await run(gitdir, 'rev-list', '--count', 'main'), '1');
});

test('an edit sees files and folders, and its refusal reaches the caller', async (t) => {
  const repo = ownRepo({gitdir: await bareRepo(t, ONE)});
  t.teardown(() => repo.close());
  await t.throwsAsync(repo.commit(change((read, list) => {
    throw new EditRefused(`${list('apps').join()} ${list('nowhere').length} ${list('apps/shop/').join()} ${read('apps/none.yaml')}`);
  }, 'refused'), signal), {instanceOf: EditRefused, message: 'shop 0 app.yaml undefined'});
});

test('removing the last file of a folder removes the folder', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  await repo.commit(change(() => ({'apps/shop/app.yaml': undefined}), 'gone'), signal);
  t.is(await run(gitdir, 'ls-tree', '-r', '--name-only', 'main'), 'cluster.yaml');
});

for (const odd of ['../x', 'apps//x', '/etc/passwd', 'a/.git/config', 'a/../../b', '']) {
  test(`an edit can't write to "${odd}"`, async (t) => {
    const repo = ownRepo({gitdir: await bareRepo(t, ONE)});
    t.teardown(() => repo.close());
    await t.throwsAsync(repo.commit(change(() => ({[odd]: 'x'}), 'odd'), signal), {instanceOf: EditRefused});
  });
}

test('a commit that breaks a manifest is refused with the place of the problem', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const repo = ownRepo({gitdir, check: async ({before, after}) => (before?.commit === after.commit ? [] : [{file: 'apps/shop/app.yaml', line: 3, column: 5, message: 'is wrong'}])});
  t.teardown(() => repo.close());
  await t.throwsAsync(repo.commit(change(countUp, 'bad'), signal), {instanceOf: EditRefused, message: 'apps/shop/app.yaml:3:5: is wrong'});
  t.is(await run(gitdir, 'rev-list', '--count', 'main'), '1');
});

test('the lock that a killed git left behind does not stop commits for ever', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const lock = path.join(gitdir, 'refs/heads/main.lock');
  await fs.writeFile(lock, '');
  const longAgo = new Date(Date.now() - 120_000);
  await fs.utimes(lock, longAgo, longAgo);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  t.true((await repo.commit(change(countUp, 'after')  , signal)).isNew);
});

test('a change that goes back is made although the check refuses everything', async (t) => {
  const repo = ownRepo({gitdir: await bareRepo(t, ONE), check: async () => [{file: 'apps/shop/app.yaml', line: 1, column: 1, message: 'is wrong'}]});
  t.teardown(() => repo.close());
  await t.throwsAsync(repo.commit(change(countUp, 'checked'), signal), {instanceOf: EditRefused, message: 'apps/shop/app.yaml:1:1: is wrong'});
  t.true((await repo.commit({...change(countUp, 'unchecked'), isUnchecked: true}, signal)).isNew);
});

test('what was changed since its author has seen it is not changed; what is beside it does not count', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const {commit: seen} = await repo.snapshot(signal);
  const {commit: blog} = await repo.commit(change(() => ({'apps/blog/app.yaml': 'b\n'}), 'blog'), signal);
  const {commit: shop} = await repo.commit({...change(countUp, 'seen-1'), seen: {commits: [seen], path: 'apps/shop'}}, signal);
  await t.throwsAsync(repo.commit({...change(countUp, 'seen-2'), seen: {commits: [seen, blog], path: 'apps/shop'}}, signal), {instanceOf: StaleRead, message: new RegExp(`^apps/shop was changed since ${seen.slice(0, 8)}, ${blog.slice(0, 8)}: look again, main is at ${shop.slice(0, 8)}$`)});
  await t.throwsAsync(repo.commit({...change(countUp, 'seen-3'), seen: {commits: ['f'.repeat(40)], path: 'apps/none'}}, signal), {instanceOf: StaleRead});
  await t.throwsAsync(repo.commit({...change(countUp, 'seen-4'), seen: {commits: [blog], path: ''}}, signal), {instanceOf: StaleRead, message: /^the cluster repository was changed/});
  // Of 20 who have seen the same, one is first.
  const racing = await Promise.allSettled(Array.from({length: 20}, (_, number) => repo.commit({...change(countUp, `race-${number}`), seen: {commits: [shop], path: 'apps/shop'}}, signal)));
  t.is(racing.filter(({status}) => status === 'fulfilled').length, 1);
  t.is(await run(gitdir, 'show', 'main:apps/shop/app.yaml'), 'count: 2');
  // A retry of the one that was done finds it, whatever has been seen.
  t.deepEqual(await repo.commit({...change(countUp, 'seen-1'), seen: {commits: [seen], path: 'apps/shop'}}, signal), {commit: shop, isNew: false});
});

test('those who write at the same moment have a commit each, and the branch moves once for 25 of them', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const done = await Promise.all(Array.from({length: 30}, (_, number) => repo.commit({...change(countUp, `w-${number}`), author: {name: `Ann ${number}`, email: 'a@b.c'}}, signal)));
  const log = (await run(gitdir, 'log', '--reverse', '--format=%H %an %s', 'main')).split('\n').slice(1);
  t.deepEqual(log, done.map(({commit, isNew}, number) => `${commit}${isNew ? '' : '?'} Ann ${number} do w-${number}`));
  t.is(await run(gitdir, 'log', '-1', '--format=%(trailers:key=Flynn-Operation,valueonly)', done[7]?.commit ?? ''), 'w-7\n');
  t.is(await run(gitdir, 'show', `${done[7]?.commit}:apps/shop/app.yaml`), 'count: 8');
  t.is((await run(gitdir, 'reflog', '--format=%gs', 'main')).split('\n').filter((reason) => reason === 'commit').length, 2);
  t.is(await run(gitdir, 'fsck', '--strict', '--no-dangling'), '');
});

test('two who scale at the same moment are each told, and called, what the other one has left', async (t) => {
  const gitdir = await bareRepo(t, {...ONE, 'apps/shop/app.yaml': 'apiVersion: flynn/v1\nkind: App\nservices:\n  web: {replicas: 1}\n'});
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const shop = 'shop' as AppName;
  const scaling = (web: number, id: string) => ({...change(scale(shop, {web}), id), message: 'shop: scale\n\nfor the sale', subject: scaleSubject(shop, {web})});
  const [two, three] = await Promise.all([repo.commit(scaling(2, 'two'), signal), repo.commit(scaling(3, 'three'), signal)]);
  t.deepEqual([two.subject, three.subject], ['shop: scale web 1 → 2', 'shop: scale web 2 → 3']);
  t.is((await run(gitdir, 'log', '--format=%B', '-1', 'main')).replace(/(flynn\/)\d+\.\d+\.\d+$/m, '$1VERSION'), 'shop: scale web 2 → 3\n\nfor the sale\n\nFlynn-Tool: flynn/VERSION\nFlynn-Operation: three\n');
  // The same wish again, after a lost answer, and one that is so already.
  t.deepEqual(await repo.commit(scaling(2, 'two'), signal), {commit: two.commit, isNew: false, subject: 'shop: scale web 1 → 2'});
  t.deepEqual(await repo.commit(scaling(3, 'again'), signal), {commit: three.commit, isNew: false, subject: 'shop: scale web 3 → 3'});
});

test('of those who write at the same moment each is refused for himself, and the others are published', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const repo = ownRepo({gitdir, check: async ({after}, until) => {
    const [shop] = await after.apps.find(({name}) => name === 'shop')?.files(until) ?? [];
    return shop?.kind === 'text' && shop.text.includes('wrong') ? [{file: shop.path, line: 1, column: 1, message: 'is wrong'}] : [];
  }});
  t.teardown(() => repo.close());
  const {commit: seen} = await repo.snapshot(signal);
  const given = new AbortController();
  const ends = await Promise.allSettled([
    repo.commit({...change(countUp, 'first'), seen: {commits: [seen], path: 'apps/shop'}}, signal),
    repo.commit(change(() => ({'apps/shop/app.yaml': 'wrong\n'}), 'checked'), signal),
    repo.commit({...change(countUp, 'stale'), seen: {commits: [seen], path: 'apps/shop'}}, signal),
    repo.commit(change(() => {
      throw new EditRefused('can not be');
    }, 'edit'), signal),
    repo.commit(change(countUp, 'given-up'), given.signal),
    repo.commit(change(countUp, 'second'), signal),
    repo.commit(change(countUp, 'first'), signal),
    repo.commit(change((read) => ({'apps/shop/app.yaml': read('apps/shop/app.yaml')}), 'nothing'), signal),
    Promise.resolve(given.abort(new Error('has gone'))),
  ]);
  const [first, , , , , second] = ends.map((end) => (end.status === 'fulfilled' ? end.value?.commit ?? '' : ''));
  t.deepEqual(ends.slice(0, 8).map((end) => (end.status === 'fulfilled' ? `${end.value?.commit === first ? 'first' : end.value?.commit === second ? 'second' : '?'} ${end.value?.isNew}` : String(end.reason))), [
    'first true',
    'EditRefused: apps/shop/app.yaml:1:1: is wrong',
    `StaleRead: apps/shop was changed since ${seen.slice(0, 8)}: look again, main is at ${first?.slice(0, 8)}`,
    'EditRefused: can not be',
    'Error: has gone',
    'second true',
    'first false',
    'second false',
  ]);
  t.is(await run(gitdir, 'log', '--format=%s', 'main'), 'do second\ndo first\ncreate the cluster repository');
});

test('nobody is refused for what was not published in the end', async (t) => {
  const gitdir = await bareRepo(t, ONE);
  const other = ownRepo({gitdir});
  t.teardown(() => other.close());
  let isFirst = true;
  // While the first one is checked, somebody else moves the branch.
  const repo = ownRepo({gitdir, check: async () => {
    if (isFirst) await other.commit(change(() => ({'stop': 'x\n'}), 'other'), signal);
    isFirst = false;
    return [];
  }});
  t.teardown(() => repo.close());
  const unless = (there: string, made: string) => change((read) => {
    if (read(there) !== undefined) throw new EditRefused(`${there} is there`);
    return {[made]: 'x\n'};
  }, made);
  const [one, two] = await Promise.allSettled([repo.commit(unless('stop', 'one'), signal), repo.commit(unless('one', 'two'), signal)]);
  t.is(one.status === 'rejected' && String(one.reason), 'EditRefused: stop is there');
  t.is(two.status, 'fulfilled');
  t.is(await run(gitdir, 'ls-tree', '--name-only', 'main'), 'apps\ncluster.yaml\nstop\ntwo');
});
