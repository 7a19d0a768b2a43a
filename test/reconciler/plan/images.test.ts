import test from 'ava';
import type {ImageDigest} from '../../../schemas/ids.ts';
import type {DesiredApp} from '../../../reconciler/desired/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {planImages} from '../../../reconciler/plan/images.ts';
import {app, desired, good, observed, SHOP} from '../../support/make.ts';

/** Images `sha256:i1` (oldest) to `sha256:i<count>`. */
function imagesOf(count: number) {
  return Array.from({length: count}, (_, index) => ({id: `sha256:i${index + 1}` as ImageDigest, app: SHOP, createdAtMs: index}));
}

const planned = test.macro<[{wanted?: DesiredApp; released?: readonly string[]; count: number; plan: string}]>((t, {wanted, released = [], count, plan}) => {
  const base = app('v1', 1);
  const resolved = {...base, releasedImages: released as readonly ImageDigest[]};
  const state = desired(wanted ?? resolved);
  t.is(formatPlan(planImages(state, {...observed({record: good(resolved)}), images: imagesOf(count)})), plan);
});

test('keeps the newest images', planned, {count: 5, plan: ''});

test('removes the oldest beyond them', planned, {
  count: 6,
  plan: 'remove image i1  # no kept release of shop has it, and it is not among its newest 5',
});

test('never removes the image of a release that is kept, however old', planned, {
  count: 7,
  released: ['sha256:i1'],
  plan: 'remove image i2  # no kept release of shop has it, and it is not among its newest 5',
});

test('removes nothing of an app whose manifests can\'t be read', planned, {
  wanted: {state: 'invalid', name: SHOP, treeId: app('v1', 1).treeId, problems: []},
  count: 9,
  plan: '',
});
