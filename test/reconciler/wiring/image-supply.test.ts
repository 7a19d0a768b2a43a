import type Docker from 'dockerode';
import test from 'ava';
import type {SpecHash, TreeId} from '../../../schemas/ids.ts';
import {ImageSupply, TRIES_MAX} from '../../../reconciler/wiring/image-supply.ts';
import {COMMIT, image, SHOP} from '../../support/make.ts';

const BASE = {app: SHOP, image: image('v1'), treeId: 'tree' as TreeId, specKey: 'key' as SpecHash, reason: 'it is missing'};
const BUILD = {...BASE, kind: 'rebuild-image', commit: COMMIT} as const;
const PULL = {...BASE, kind: 'pull-image', name: 'registry.test/shop:1'} as const;
const never = new AbortController().signal;

/** A supply to which nothing is given: builds print and fail with what `said` has, in turn; the registry says `registry`. */
function supply({said, registry = 'manifest unknown'}: {readonly said: readonly string[]; readonly registry?: string}) {
  const left = [...said];
  const it = new ImageSupply({
    docker: {} as Docker, instance: 'flynn',
    build: async ({print}) => {
      print(left.shift() ?? '');
      return {ok: false, problem: {reason: 'failed to compile Node.js app'}};
    },
    registry: {pull: async () => ({ok: false, problem: registry})},
    tell: () => {},
    nowMs: () => 0,
  });
  const tried = async (...actions: readonly (typeof BUILD | typeof PULL)[]) => {
    for (const action of actions) await (action.kind === 'pull-image' ? it.pull(action, never) : it.rebuild(action, never)).catch(() => {});
    const {tries, againAtMs, registry: pulled, build} = it.look().get(SHOP) ?? {};
    return {tries, againAtMs, failed: [...(pulled === undefined ? [] : ['pull']), ...(build === undefined ? [] : ['build'])]};
  };
  return {tried};
}

test('a build that failed for want of a network is tried again, after pauses that grow', async (t) => {
  const {tried} = supply({said: ['getaddrinfo ENOTFOUND', 'getaddrinfo ENOTFOUND']});
  t.deepEqual(await tried(BUILD), {tries: 1, againAtMs: 30_000, failed: ['build']});
  t.deepEqual(await tried(BUILD), {tries: 2, againAtMs: 60_000, failed: ['build']});
});

test('what fails for a reason of its own is not, also after tries that were', async (t) => {
  t.deepEqual(await supply({said: ['SyntaxError']}).tried(BUILD), {tries: 1, againAtMs: undefined, failed: ['build']});
  t.deepEqual(await supply({said: ['ENOTFOUND', 'SyntaxError']}).tried(BUILD, BUILD), {tries: 2, againAtMs: undefined, failed: ['build']});
});

test('it ends after a number of tries', async (t) => {
  const {tried} = supply({said: Array.from({length: TRIES_MAX}, () => 'ENOTFOUND')});
  t.deepEqual(await tried(...Array.from({length: TRIES_MAX - 1}, () => BUILD)), {tries: TRIES_MAX - 1, againAtMs: 30 * 60_000, failed: ['build']});
  t.deepEqual(await tried(BUILD), {tries: TRIES_MAX, againAtMs: undefined, failed: ['build']});
});

test('a registry that is away is asked again, though the build fails for a reason of its own', async (t) => {
  const {tried} = supply({said: ['SyntaxError', 'SyntaxError'], registry: 'connection refused'});
  t.deepEqual(await tried(PULL, BUILD), {tries: 1, againAtMs: 30_000, failed: ['pull', 'build']});
  t.deepEqual(await tried(PULL), {tries: 2, againAtMs: 60_000, failed: ['pull']});
  t.deepEqual(await tried(BUILD), {tries: 2, againAtMs: 60_000, failed: ['pull', 'build']});
});

test('tries of another state of the app\'s files are counted anew', async (t) => {
  const {tried} = supply({said: ['ENOTFOUND', 'ENOTFOUND']});
  await tried(BUILD);
  t.like(await tried({...BUILD, treeId: 'changed' as TreeId} as typeof BUILD), {tries: 1});
});
