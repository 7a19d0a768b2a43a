import test from 'ava';
import type {AppName, ImageDigest, TreeId} from '../../../schemas/ids.ts';
import type {ResolvedApp} from '../../../reconciler/desired/state.ts';
import type {LostImage, ObservedImage, ObservedState} from '../../../reconciler/observed/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {whyNoImage} from '../../../reconciler/plan/images.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {app, COMMIT, deploying, desired, failed, good, image, NOW_MS, observed, SHOP, type World} from '../../support/make.ts';

interface Case extends World {
  readonly want: ResolvedApp;
  /** The image that could not be built, and what for. */
  readonly lost?: LostImage;
  readonly standIns?: readonly ObservedImage[];
  readonly plan: string;
}

/** `app` of a release that was built here. */
function built(spec: string, replicas = 1): ResolvedApp {
  return {...app(spec, replicas), imageOrigin: {image: image(spec), commit: COMMIT}};
}

function lost({treeId, specKey, services}: ResolvedApp): LostImage {
  return {image: services[0]?.container.image as ImageDigest, treeId, specKey, build: 'npm ended with exit code 1', tries: 1};
}

function standIn(id: string, spec: string): ObservedImage {
  return {id: image(id), app: SHOP, createdAtMs: 0, standsFor: [image(spec)]};
}

function stateOf({lost: lostImage, standIns = [], ...world}: Omit<Case, 'want' | 'plan'>): ObservedState {
  const seen = observed({images: [], names: [], ...world});
  return {...seen, images: [...seen.images, ...standIns], ...(lostImage && {lostImages: new Map([[SHOP, lostImage]])})};
}

const plans = test.macro<[Case]>((t, {want, plan: expected, ...world}) => {
  t.is(formatPlan(plan(desired(want), stateOf(world))), expected);
});

test('builds the image of what serves again when it is missing', plans, {
  want: built('v1'),
  record: good(built('v1')),
  plan: 'build image v1 of shop again  # the image of v1 is not on this node, its source 12345678 is in its repository\n'
    + 'wait shop web.1  # on image sha256:v1, which is not on this node',
});

test('builds it once at a time, and says what is waited for', plans, {
  want: built('v1'),
  record: good(built('v1')),
  operations: ['rebuild shop'],
  plan: 'wait shop its image  # on image v1 of v1 being built again from its source 12345678\n'
    + 'wait shop web.1  # on image sha256:v1, which is not on this node',
});

test('begins the time of a deploy when its image is there', plans, {
  want: built('v2'),
  record: good(built('v1')),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  images: ['v1'],
  plan: 'build image v2 of shop again  # the image of v2 is not on this node, its source 12345678 is in its repository\n'
    + 'wait shop web.1  # on image sha256:v2, which is not on this node',
});

test('builds what serves first, then what is to be deployed', plans, {
  want: built('v2'),
  record: deploying(built('v2'), built('v1')),
  plan: 'build image v1 of shop again  # the image of v1 is not on this node, its source 12345678 is in its repository\n'
    + 'wait shop release v2  # on healthy replicas: web [0/1]\n'
    + 'wait shop web.1  # on image sha256:v1, which is not on this node\n'
    + 'wait shop web.1  # on image sha256:v2, which is not on this node',
});

test('a deploy whose image can\'t be built has failed, with the reason', plans, {
  want: built('v2'),
  record: deploying(built('v2'), built('v1')),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  images: ['v1'],
  lost: lost(built('v2')),
  plan: 'mark shop failed  # release v2 failed: image sha256:v2 is not on this node, and could not be built again from its source 12345678: npm ended with exit code 1',
});

test('does not try again what could not be built', plans, {
  want: built('v1'),
  record: good(built('v1')),
  lost: lost(built('v1')),
  plan: 'wait shop web.1  # on image sha256:v1, which is not on this node',
});

test('waits for the next try of what may pass, also before a deploy', plans, {
  want: built('v2'),
  record: deploying(built('v2'), built('v1')),
  have: ['web.1 v1 up'],
  names: ['10.0.1.1'],
  images: ['v1'],
  lost: {...lost(built('v2')), build: 'npm: ENOTFOUND\nfailed to compile', tries: 2, againAtMs: NOW_MS + 1},
  plan: 'wait shop its image  # on another try (after 2): image sha256:v2 is not on this node, and could not be built again from its source 12345678: npm: ENOTFOUND; failed to compile\n'
    + 'wait shop release v2  # on healthy replicas: web [0/1]\n'
    + 'wait shop web.1  # on image sha256:v2, which is not on this node',
});

test('tries all again when the time for that has come', plans, {
  want: registered('v1'),
  record: good(registered('v1')),
  lost: {...lost(registered('v1')), registry: 'connection refused', againAtMs: NOW_MS},
  plan: 'pull image v1 of shop  # the image of v1 is not on this node\n'
    + 'wait shop web.1  # on image sha256:v1, which is not on this node',
});

test('tries again what could not be built once the app has changed', plans, {
  want: {...built('v1'), treeId: 'changed' as TreeId},
  record: good(built('v1')),
  lost: lost(built('v1')),
  plan: 'build image v1 of shop again  # the image of v1 is not on this node, its source 12345678 is in its repository\n'
    + 'mark shop healthy  # scale or routes changed\n'
    + 'wait shop web.1  # on image sha256:v1, which is not on this node',
});

/** And its image is in a registry. */
function registered(spec: string): ResolvedApp {
  return {...app(spec, 1), imageOrigin: {image: image(spec), commit: COMMIT, registry: `registry.test/shop@sha256:${spec}`}};
}

test('asks the registry first', plans, {
  want: registered('v1'),
  record: good(registered('v1')),
  plan: 'pull image v1 of shop  # the image of v1 is not on this node\n'
    + 'wait shop web.1  # on image sha256:v1, which is not on this node',
});

test('builds what the registry does not give', plans, {
  want: registered('v1'),
  record: good(registered('v1')),
  lost: {image: image('v1'), treeId: registered('v1').treeId, specKey: registered('v1').specKey, registry: 'manifest unknown', tries: 1},
  plan: 'build image v1 of shop again  # the image of v1 is not on this node, nor to be had from its registry (manifest unknown), its source 12345678 is in its repository\n'
    + 'wait shop web.1  # on image sha256:v1, which is not on this node',
});

test('gives up when both have failed, and says so of both', plans, {
  want: registered('v1'),
  record: deploying(registered('v1')),
  lost: {...lost(registered('v1')), registry: 'manifest unknown'},
  plan: 'publish 0 names  # replicas behind shop.test: 0 → none\n'
    + 'mark shop failed  # release v1 failed: image sha256:v1 is not on this node, and could not be pulled: manifest unknown, and could not be built again from its source 12345678: npm ended with exit code 1',
});

test('builds nothing of what has failed, is suspended, or starts nothing', (t) => {
  const at = (want: ResolvedApp, world: World = {}) => plan(desired(want), stateOf(world)).actions.filter(({kind}) => kind === 'rebuild-image');
  t.deepEqual(at(built('v2'), {record: failed(built('v2'), app('v1', 1))}), []);
  t.deepEqual(at({...built('v1'), isSuspended: true}, {record: good({...built('v1'), isSuspended: true})}), []);
  t.deepEqual(at(built('v1', 0), {record: good(built('v1', 0))}), []);
  t.deepEqual(at(app('v1', 1), {record: good(app('v1', 1))}), []);
});

test('what was built in the place of an image is run, and kept as long as the release', (t) => {
  const {actions, waiting} = plan({...desired(built('v1')), keptImages: 0}, stateOf({record: good(built('v1')), standIns: [standIn('other', 'v1')]}));
  t.like(actions, [{kind: 'run-container', name: 'shop.web.1-v1-0', service: {specHash: 'v1', container: {image: image('other')}}}]);
  t.is(actions.length, 1);
  t.deepEqual(waiting, []);
});

test('says why what serves can\'t be started any more', (t) => {
  const serving = built('v1');
  const why = (world: Omit<Case, 'want' | 'plan'>) => whyNoImage(serving, serving, stateOf(world));
  t.is(why({lost: lost(serving)}), 'image sha256:v1 is not on this node, and could not be built again from its source 12345678: npm ended with exit code 1');
  t.is(why({}), undefined);
  t.is(why({images: ['v1'], lost: lost(serving)}), undefined);
  t.is(whyNoImage(app('v1', 1), app('v1', 1), stateOf({})), 'image sha256:v1 is not on this node');
});

test('an image of another app is none, whatever a release says', (t) => {
  const want = app('v2', 1);
  const seen = stateOf({record: deploying(want, app('v1', 1)), images: ['v1']});
  const theirs = {...seen, images: [...seen.images, {id: image('v2'), app: 'blog' as AppName, createdAtMs: 0}]};
  t.is(formatPlan(plan(desired(want), theirs)).split('\n')[0], 'mark shop failed  # release v2 failed: image sha256:v2 is one of the app blog');
});
