import test from 'ava';
import type {AppName, ImageDigest} from '../../../schemas/ids.ts';
import type {DesiredApp} from '../../../reconciler/desired/state.ts';
import type {Clutter, ObservedState} from '../../../reconciler/observed/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {planHousekeeping} from '../../../reconciler/plan/housekeeping.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {app, desired, good, NOW_MS, observed, SHOP} from '../../support/make.ts';

const DAY_MS = 24 * 60 * 60_000;
const BLOG = 'blog' as AppName;
const INVALID: DesiredApp = {state: 'invalid', name: SHOP, treeId: app('v1', 1).treeId, problems: []};

/** Images `sha256:i1` (oldest) to `sha256:i<count>`, a second apart, an hour ago. */
function imagesOf(count: number, name: AppName = SHOP) {
  return Array.from({length: count}, (_, index) => ({id: `sha256:i${index + 1}` as ImageDigest, app: name, createdAtMs: NOW_MS - 3_600_000 + index * 1000}));
}

function cacheOf(name: AppName, usedDaysAgo: number, more: Partial<Clutter['caches'][number]> = {}): Clutter['caches'][number] {
  return {app: name, volume: `flynn-cache-${name}`, usedAtMs: NOW_MS - usedDaysAgo * DAY_MS, isInUse: false, ...more};
}

interface Case {
  readonly wanted?: DesiredApp;
  readonly released?: readonly string[];
  readonly images?: ObservedState['images'];
  readonly clutter?: Partial<Clutter>;
  /** Days since `blog` left the repository. */
  readonly blogGoneDaysAgo?: number;
  readonly operations?: readonly string[];
  readonly plan: string;
}

const planned = test.macro<[Case]>((t, {wanted, released = [], images = [], clutter, blogGoneDaysAgo, operations = [], plan: expected}) => {
  const resolved = {...app('v1', 1), releasedImages: released as readonly ImageDigest[]};
  const seen = observed({record: good(resolved), operations});
  const journal = blogGoneDaysAgo === undefined ? seen.journal : new Map([...seen.journal, [BLOG, {app: BLOG, goneAtMs: NOW_MS - blogGoneDaysAgo * DAY_MS}] as const]);
  t.is(formatPlan(planHousekeeping(desired(wanted ?? resolved), {...seen, images, journal, clutter: {...seen.clutter, ...clutter}})), expected);
});

test('keeps the newest images', planned, {images: imagesOf(5), plan: ''});

test('removes the oldest beyond them', planned, {
  images: imagesOf(6),
  plan: 'remove image i1  # no kept release of shop has it, and it is not among its newest 5',
});

test('never removes the image of a release that is kept, however old, not even for those who ask', planned, {
  images: imagesOf(7),
  released: imagesOf(7).map(({id}) => id),
  clutter: {collect: 'with-caches', isDiskLow: true},
  plan: '',
});

test('removes others though', planned, {
  images: imagesOf(7),
  released: ['sha256:i1'],
  plan: 'remove image i2  # no kept release of shop has it, and it is not among its newest 5',
});

test('keeps the image of a release that waits for others', planned, {
  images: imagesOf(7),
  clutter: {proposed: new Map([[SHOP, ['sha256:i1' as ImageDigest]]]), collect: 'garbage'},
  plan: imagesOf(7).slice(1).toReversed().map(({id}) => `remove image ${id.slice(7)}  # no kept release of shop has it`).join('\n'),
});

test('removes no image while proposals can\'t be read', planned, {images: imagesOf(9), clutter: {proposed: 'unknown'}, plan: ''});

test('removes nothing of an app whose manifests can\'t be read', planned, {wanted: INVALID, images: imagesOf(9), clutter: {collect: 'garbage'}, plan: ''});

test('plans a removal that is going on not again', planned, {images: imagesOf(6), operations: ['image sha256:i1'], plan: ''});

test('keeps the images of a gone app for a week', planned, {images: imagesOf(9, BLOG), blogGoneDaysAgo: 6, plan: ''});

test('removes everything of a gone app after it', planned, {
  images: imagesOf(2, BLOG),
  clutter: {caches: [cacheOf(BLOG, 8)], buildLogs: [{app: BLOG}]},
  blogGoneDaysAgo: 7,
  plan: 'remove image i1  # app blog is gone\n'
    + 'remove image i2  # app blog is gone\n'
    + 'remove the build cache of blog  # app blog is gone\n'
    + 'remove the build logs of blog  # app blog is gone',
});

test('removes nothing of a gone app before it was noted since when', planned, {images: imagesOf(2, BLOG), clutter: {caches: [cacheOf(BLOG, 99)], buildLogs: [{app: BLOG}]}, plan: ''});

test('removes it at once for those who ask, and of other apps the images that only look into failures', planned, {
  images: [...imagesOf(1, BLOG), ...imagesOf(3)],
  released: ['sha256:i3'],
  clutter: {collect: 'garbage', caches: [cacheOf(SHOP, 1)]},
  plan: 'remove image i1  # app blog is gone\n'
    + 'remove image i2  # no kept release of shop has it\n'
    + 'remove image i1  # no kept release of shop has it',
});

test('leaves an image alone that may be of a push under way, even for those who ask', planned, {
  images: [{id: 'sha256:new' as ImageDigest, app: SHOP, createdAtMs: NOW_MS - 60_000}],
  clutter: {collect: 'garbage'},
  plan: '',
});

test('keeps a build cache that is used', planned, {clutter: {caches: [cacheOf(SHOP, 29)]}, plan: ''});

test('removes one that no build used for long', planned, {
  clutter: {caches: [cacheOf(SHOP, 31)]},
  plan: 'remove the build cache of shop  # shop was not built for 30 days',
});

test('removes build caches when the disk is nearly full, but none that a build uses right now', planned, {
  clutter: {isDiskLow: true, caches: [cacheOf(SHOP, 1), cacheOf(SHOP, 0, {volume: 'other', isInUse: true})]},
  plan: 'remove the build cache of shop  # the disk is nearly full',
});

test('removes what BuildKit keeps for an app like that', planned, {clutter: {isDiskLow: true, caches: [{app: SHOP, usedAtMs: NOW_MS, isInUse: false}]}, plan: 'remove the build cache of shop  # the disk is nearly full'});

test('removes them for those who ask', planned, {clutter: {collect: 'with-caches', caches: [cacheOf(SHOP, 1)]}, plan: 'remove the build cache of shop  # somebody asked for it'});

const gone = test.macro<[{record?: 'known' | 'gone'; images: number; plan: string}]>((t, {record, images, plan: expected}) => {
  const known = record === 'known' ? {app: BLOG, lastGood: app('v1', 1)} : {app: BLOG, goneAtMs: NOW_MS - DAY_MS};
  const seen = {...observed({}), networks: [], images: imagesOf(images, BLOG), journal: new Map(record === undefined ? [] : [[BLOG, known]])};
  t.is(formatPlan(plan(desired(), seen)), expected);
});

test('notes since when an app is gone of which there are images', gone, {record: 'known', images: 1, plan: 'note that blog is gone  # app blog is not in commit 12345678'});
test('notes it also when nothing else is known of the app', gone, {images: 1, plan: 'note that blog is gone  # app blog is not in commit 12345678'});
test('notes it once', gone, {record: 'gone', images: 1, plan: ''});
test('forgets an app of which nothing is left', gone, {record: 'gone', images: 0, plan: 'forget blog  # app blog is not in commit 12345678'});

const HELLO = {image: 'sha256:p1' as ImageDigest, packages: 'hello', usedAtMs: NOW_MS - 29 * DAY_MS, isInUse: false};

test('keeps images with Debian packages that builds use, also when garbage is collected', planned, {clutter: {collect: 'garbage', packageImages: [HELLO]}, plan: ''});

test('removes one that no build has asked for for a month', planned, {
  clutter: {packageImages: [{...HELLO, usedAtMs: NOW_MS - 31 * DAY_MS}]},
  plan: 'remove image p1  # Debian packages for builds (hello): not used for 30 days',
});

test('removes them when the disk is nearly full, but none that a build has just asked for, or that a container stands on', planned, {
  clutter: {isDiskLow: true, packageImages: [HELLO, {...HELLO, image: 'sha256:p3' as ImageDigest, isInUse: true}, {...HELLO, image: 'sha256:p2' as ImageDigest, usedAtMs: NOW_MS - 60_000}]},
  plan: 'remove image p1  # Debian packages for builds (hello): the disk is nearly full',
});

test('removes them with the build caches for those who ask, and names at most a line of packages', planned, {
  clutter: {collect: 'with-caches', packageImages: [{...HELLO, packages: 'python3 '.repeat(20)}]},
  plan: 'remove image p1  # Debian packages for builds (python3 python3 python3 python3 python3 python3 python3 pyth…): somebody asked for it',
});
