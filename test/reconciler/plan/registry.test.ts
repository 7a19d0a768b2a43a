import test from 'ava';
import type {AppName} from '../../../schemas/ids.ts';
import type {ResolvedApp} from '../../../reconciler/desired/state.ts';
import type {PushedImage, RegistryTrouble} from '../../../reconciler/observed/pushed.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {app, desired, good, image, NOW_MS, observed, SHOP, type World} from '../../support/make.ts';

const HOUR_MS = 60 * 60_000;
const REGISTRY = 'registry.test/team';

interface Case extends World {
  /** Releases that git has, the newest first. */
  readonly releases: readonly string[];
  /** Ours in the registry. */
  readonly there?: readonly PushedImage[];
  readonly troubles?: readonly RegistryTrouble[];
  readonly plan: string;
}

function pushed(spec: string, {agoMs = HOUR_MS, ...others}: Partial<PushedImage> & {agoMs?: number} = {}): PushedImage {
  return {app: SHOP, image: image(spec), repository: `${REGISTRY}/shop`, digest: `sha256:manifest-${spec}`, pushedAtMs: NOW_MS - agoMs, ...others};
}

function begun(spec: string): PushedImage {
  const {digest: _, ...others} = pushed(spec);
  return others;
}

function trouble(kind: RegistryTrouble['kind'], spec: string, tries = 1): RegistryTrouble {
  return {kind, app: SHOP, image: image(spec), problem: 'connection refused', tries, againAtMs: NOW_MS + 30_000};
}

function shop(releases: readonly string[]): ResolvedApp {
  return {...app(releases[0] ?? '', 0), releasedImages: releases.map(image)};
}

const plans = test.macro<[Case]>((t, {releases, there = [], troubles = [], plan: expected, ...world}) => {
  const want = {...desired(shop(releases)), registry: REGISTRY};
  t.is(formatPlan(plan(want, {...observed({record: good(shop(releases)), names: [], ...world}), registry: {images: there, troubles}})), expected);
});

test('pushes what a kept release has and the registry does not, the newest first', plans, {
  releases: ['v2', 'v1'],
  plan: 'push image v2 of shop  # a release has it, and registry.test/team/shop does not',
});

test('goes on with the next one', plans, {
  releases: ['v2', 'v1'],
  there: [pushed('v2')],
  plan: 'push image v1 of shop  # a release has it, and registry.test/team/shop does not',
});

test('has nothing to do when all is there', plans, {releases: ['v2', 'v1'], there: [pushed('v2'), pushed('v1')], plan: ''});

test('pushes once more what may not have come through', plans, {
  releases: ['v2'],
  there: [begun('v2')],
  plan: 'push image v2 of shop  # a release has it, and registry.test/team/shop does not',
});

test('one at a time', plans, {releases: ['v2', 'v1'], operations: ['registry shop'], plan: ''});

test('pushes only what this node has', plans, {releases: ['v2', 'v1'], there: [pushed('v2')], images: ['v2'], plan: ''});

test('pushes all again when another registry is named', plans, {
  releases: ['v2'],
  there: [pushed('v2', {repository: 'old.test/shop'})],
  plan: 'push image v2 of shop  # a release has it, and registry.test/team/shop does not',
});

test('what failed waits for its time, and nothing else is tried meanwhile', plans, {
  releases: ['v2', 'v1'],
  troubles: [trouble('push', 'v2', 3)],
  plan: 'wait shop the registry  # on registry.test/team/shop taking image v2, tried 3 times: connection refused',
});

test('tries again when its time has come', plans, {
  releases: ['v2'],
  troubles: [{...trouble('push', 'v2'), againAtMs: NOW_MS}],
  plan: 'push image v2 of shop  # a release has it, and registry.test/team/shop does not',
});

test('removes what no kept release needs', plans, {
  releases: ['v3'],
  there: [pushed('v3'), pushed('v2'), begun('v1')],
  plan: 'remove image v2 from registry.test/team/shop  # no kept release of shop has it\n'
    + 'remove image v1 from registry.test/team/shop  # no kept release of shop has it',
});

test('leaves alone what has just been pushed: its release may not be committed yet', plans, {
  releases: ['v3'],
  there: [pushed('v3'), pushed('v2', {agoMs: 60_000})],
  plan: '',
});

test('keeps what serves', plans, {
  releases: ['v3'],
  record: good(shop(['v2'])),
  there: [pushed('v3'), pushed('v2')],
  plan: 'mark shop deploying  # release v3 is new',
});

test('does not ask for the same at once when the registry did not remove it', plans, {
  releases: ['v3'],
  there: [pushed('v3'), pushed('v2')],
  troubles: [trouble('remove', 'v2')],
  plan: '',
});

test('leaves alone what is in another registry', plans, {
  releases: ['v3'],
  there: [pushed('v3'), pushed('v2', {repository: 'old.test/shop'})],
  plan: '',
});

test('an app that is gone keeps its images for a week', (t) => {
  const at = (goneAtMs: number | undefined) => formatPlan(plan({...desired(), registry: REGISTRY}, {
    ...observed({images: [], networks: []}),
    journal: new Map(goneAtMs === undefined ? [] : [[SHOP, {app: SHOP, goneAtMs}]]),
    registry: {images: [pushed('v1')], troubles: []},
  }));
  t.is(at(undefined), 'note that shop is gone  # app shop is not in commit 12345678');
  t.is(at(NOW_MS - 6 * 24 * HOUR_MS), '');
  t.is(at(NOW_MS - 7 * 24 * HOUR_MS), 'remove image v1 from registry.test/team/shop  # app shop is gone');
});

test('an app whose manifests are wrong keeps its images', (t) => {
  const wrong = {state: 'invalid', name: SHOP as AppName, treeId: shop(['v1']).treeId, problems: []} as const;
  const {actions} = plan({...desired(wrong), registry: REGISTRY}, {...observed({names: []}), registry: {images: [pushed('v1')], troubles: []}});
  t.deepEqual(actions.filter(({kind}) => kind === 'push-image' || kind === 'remove-pushed'), []);
});

test('nothing is pushed or removed without a registry', (t) => {
  const {actions} = plan(desired(shop(['v2'])), {...observed({names: [], record: good(shop(['v2']))}), registry: {images: [pushed('v1')], troubles: []}});
  t.deepEqual(actions, []);
});
