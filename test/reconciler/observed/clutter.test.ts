import {mkdir, mkdtemp, rm, utimes, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {LABEL_APP} from '../../../reconciler/labels.ts';
import {ClutterObserver} from '../../../reconciler/observed/clutter.ts';

const GI = 2 ** 30;
const signal = new AbortController().signal;

function observerOf(builds: string, free: {bytes: number}, onList = () => {}) {
  let lists = 0;
  const observer = new ClutterObserver({
    builds,
    isKeptByBuildkit: async (app) => app === 'kit',
    caches: async () => {
      lists += 1;
      onList();
      return [{name: 'c-shop', labels: {[LABEL_APP]: 'shop'}, createdAtMs: 1000}, {name: 'c-blog', labels: {[LABEL_APP]: 'blog'}, createdAtMs: 1000}];
    },
    packageImages: async () => [],
    disk: async () => ({folder: '/d', freeBytes: free.bytes, totalBytes: 100 * GI}),
    minFreeBytes: () => 2 * GI,
    isBuilding: (app) => app === 'blog',
  });
  return {observer, lists: () => lists};
}

test('a cache was last used when its app was last built', async (t) => {
  const builds = await mkdtemp(path.join(os.tmpdir(), 'flynn-test-'));
  t.teardown(() => rm(builds, {recursive: true}));
  await mkdir(path.join(builds, 'shop'));
  await mkdir(path.join(builds, 'kit'));
  const log = path.join(builds, 'shop', '1.log');
  await writeFile(log, '');
  await utimes(log, 5, 5);
  const {observer} = observerOf(builds, {bytes: 50 * GI});
  const {caches, buildLogs} = await observer.look(0, signal);
  t.deepEqual(caches, [{app: 'shop', volume: 'c-shop', usedAtMs: 5000, isInUse: false}, {app: 'blog', volume: 'c-blog', usedAtMs: 1000, isInUse: true}, {app: 'kit', usedAtMs: 0, isInUse: false}] as never);
  t.deepEqual(buildLogs.map(({app}) => app).toSorted(), ['kit', 'shop'] as never);
});

test('everything is looked at once a minute, and when somebody asks for it', async (t) => {
  const {observer, lists} = observerOf('/there/is/none', {bytes: 50 * GI});
  await observer.look(0, signal);
  await observer.look(59_000, signal);
  t.is(lists(), 1);
  await observer.look(61_000, signal);
  t.is(lists(), 2);
  observer.invalidate();
  await observer.look(62_000, signal);
  t.is(lists(), 3);
});

test('what changes in the middle of a look is seen by the next one', async (t) => {
  const {observer, lists} = observerOf('/there/is/none', {bytes: 50 * GI}, () => {
    if (lists() === 1) observer.invalidate();
  });
  for (const nowMs of [0, 1, 2]) await observer.look(nowMs, signal);
  t.is(lists(), 2);
});

test('a disk that was nearly full is so until there is a little more than enough', async (t) => {
  const free = {bytes: 3 * GI};
  const {observer} = observerOf('/there/is/none', free);
  const low: boolean[] = [];
  for (const bytes of [3, 1.9, 2.1, 2.3, 2.1]) {
    free.bytes = bytes * GI;
    low.push((await observer.look(0, signal)).isDiskLow);
  }
  t.deepEqual(low, [false, true, true, false, false]);
});
