import fs from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {remoteRepo} from '../../../reconciler/checkout/remote.ts';
import {HistoryRewritten} from '../../../reconciler/checkout/repo.ts';
import {EditRefused} from '../../../reconciler/checkout/snapshot.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {bareRepo, change, cloneOf, commitFiles, run, temporaryFolder} from './support.ts';

const signal = AbortSignal.timeout(600_000);
const ONE = {'cluster.yaml': 'c\n', 'apps/shop/app.yaml': 'count: 0\n'};
const countUp = (read: (path: string) => string | undefined) => ({'apps/shop/app.yaml': `count: ${Number(/\d+/.exec(read('apps/shop/app.yaml') ?? '')) + 1}\n`});

async function follow(t: ExecutionContext, url: string) {
  const folder = await temporaryFolder(t);
  const repo = remoteRepo({gitdir: path.join(folder, 'mirror.git'), pollSeconds: 3600, remote: {url, knownHosts: path.join(folder, 'known_hosts')}});
  t.teardown(() => repo.close());
  return repo;
}

test('a repository on this disk is followed, and woken by a push to it', async (t) => {
  const url = await bareRepo(t, ONE);
  const repo = await follow(t, url);
  t.is((await repo.snapshot(signal)).apps.length, 1);
  const watching = new AbortController();
  t.teardown(() => watching.abort());
  const clone = await cloneOf(t, url);
  const head = await commitFiles(clone, {'apps/blog/app.yaml': 'b\n'});
  const moved = new Promise<void>((resolve) => repo.watch(() => resolve(), watching.signal));
  await run(clone, 'push', '--quiet', 'origin', 'main');
  await moved;
  t.is((await repo.snapshot(signal)).commit as string, head);
});

test('nodes that write to one remote at once lose nothing', async (t) => {
  const url = await bareRepo(t, ONE);
  const repos = await Promise.all([1, 2, 3].map(() => follow(t, url)));
  await Promise.all(Array.from({length: 9}, (_, number) => repos[number % 3]!.commit(change(countUp, `w-${number}`), signal)));
  t.is(await run(url, 'show', 'main:apps/shop/app.yaml'), 'count: 9');
  t.is(await run(url, 'rev-list', '--count', 'main'), '10');
});

test('a remote that went away leaves the last state readable, and says why', async (t) => {
  const url = await bareRepo(t, ONE);
  const repo = await follow(t, url);
  const before = await repo.snapshot(signal);
  await repo.markApplied(before.commit, signal);
  await fs.rename(url, `${url}.away`);
  await t.throwsAsync(repo.refresh(signal), {message: /git ls-remote failed/});
  t.is((await repo.snapshot(signal)).commit, before.commit);
  t.regex(repo.problem()?.message ?? '', /does not appear to be a git repository/);
  await t.throwsAsync(repo.commit(change(countUp, 'x'), signal));
  await fs.rename(`${url}.away`, url);
  t.true((await repo.commit(change(countUp, 'x'), signal)).isNew);
  t.is(repo.problem(), undefined);
});

test('a remote that never was there is an error, not an empty repository', async (t) => {
  const repo = await follow(t, '/nowhere/at/all.git');
  await t.throwsAsync(repo.snapshot(signal), {message: /git ls-remote failed/});
});

test('rewritten history is not followed, and the applied commit stays', async (t) => {
  const url = await bareRepo(t, ONE);
  const repo = await follow(t, url);
  const first = await repo.snapshot(signal);
  await repo.markApplied(first.commit, signal);
  const clone = await cloneOf(t, url);
  await run(clone, 'commit', '--quiet', '--amend', '--message', 'other');
  await run(clone, 'push', '--quiet', '--force', 'origin', 'main');
  await repo.refresh(signal);
  await t.throwsAsync(repo.snapshot(signal), {instanceOf: HistoryRewritten});
  await t.throwsAsync(repo.commit(change(countUp, 'x'), signal), {instanceOf: HistoryRewritten});
  t.is((await repo.snapshotAt(first.commit, signal)).apps.length, 1);
});

test('a hook of the remote that refuses is quoted, and not tried again', async (t) => {
  const url = await bareRepo(t, ONE);
  await fs.mkdir(path.join(url, 'hooks'), {recursive: true});
  await fs.writeFile(path.join(url, 'hooks', 'pre-receive'), '#!/bin/sh\necho once >>tries\necho "only on Mondays" >&2\nexit 1\n', {mode: 0o755});
  const repo = await follow(t, url);
  await t.throwsAsync(repo.commit(change(countUp, 'x'), signal), {instanceOf: EditRefused, message: /only on Mondays/});
  t.is(await fs.readFile(path.join(url, 'tries'), 'utf8'), 'once\n');
});

test('of those who write at the same moment the remote refuses one, and takes the others', async (t) => {
  const url = await bareRepo(t, ONE);
  await fs.mkdir(path.join(url, 'hooks'), {recursive: true});
  await fs.writeFile(path.join(url, 'hooks', 'update'), '#!/bin/sh\nif git ls-tree -r --name-only "$3" | grep -q forbidden; then echo "not that" >&2; exit 1; fi\n', {mode: 0o755});
  const repo = await follow(t, url);
  const ends = await Promise.allSettled(['one', 'forbidden', 'two'].map((name) => repo.commit(change(() => ({[name]: 'x\n'}), name), signal)));
  t.deepEqual(ends.map(({status}) => status), ['fulfilled', 'rejected', 'fulfilled']);
  t.regex(ends[1]?.status === 'rejected' ? String(ends[1].reason) : '', /^EditRefused: .*not that/s);
  t.is(await run(url, 'log', '--format=%s', 'main'), 'do two\ndo one\ncreate the cluster repository');
});

test('a push whose answer is lost is found again', async (t) => {
  const url = await bareRepo(t, ONE);
  await fs.mkdir(path.join(url, 'hooks'), {recursive: true});
  // Kills the receiving git after the branch has moved: the pusher hears nothing.
  await fs.writeFile(path.join(url, 'hooks', 'update'), '#!/bin/sh\ntest -e once && exit 0\ntouch once\ngit update-ref "$1" "$3"\nkill -9 $PPID\n', {mode: 0o755});
  const repo = await follow(t, url);
  await run(url, 'config', 'receive.unpackLimit', '1000');
  const committed = await repo.commit(change(countUp, 'x'), signal).catch((error: unknown) => error as Error);
  const again = await repo.commit(change(countUp, 'x'), signal);
  t.log(committed instanceof Error ? `first answer: ${committed.message}` : 'first answer: committed');
  t.is(await run(url, 'show', 'main:apps/shop/app.yaml'), 'count: 1');
  t.is(again.commit as string, await run(url, 'rev-parse', 'main'));
});

test('release numbers count on the remote too', async (t) => {
  const repo = await follow(t, await bareRepo(t, {...ONE, 'apps/shop/releases/v0003.yaml': 'r\n'}));
  t.is(await repo.nextReleaseFloor('shop' as AppName, signal), 3);
});

for (const {url, message} of [
  {url: 'https://ada:secret@example.com/x.git', message: /has a password in it/},
  {url: 'ext::sh -c id', message: /is not the URL of a repository/},
  {url: '--upload-pack=id', message: /is not the URL of a repository/},
  {url: 'ssh://-oProxyCommand=id/x', message: /is not the URL of a repository/},
]) {
  test(`"${url.slice(0, 12)}…" is not accepted as a URL, and not repeated with its secret`, async (t) => {
    const error = await t.throwsAsync(async () => (await follow(t, url)).snapshot(signal), {message});
    t.false(error?.message.includes('secret'));
  });
}
