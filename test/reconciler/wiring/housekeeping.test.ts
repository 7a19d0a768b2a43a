import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {AppIds} from '../../../reconciler/app-ids.ts';
import {Housekeeper, type HousekeeperOptions} from '../../../reconciler/wiring/housekeeping.ts';
import type {PassReport} from '../../../reconciler/loop.ts';
import {app, desired, observed} from '../../support/make.ts';

const signal = AbortSignal.timeout(600_000);

test('of two who ask for a collection at the same time neither waits in vain', async (t) => {
  const folder = path.join(tmpdir(), 'flynn-none');
  const docker = {info: async () => ({DockerRootDir: '/'}), df: async () => ({Images: [], Volumes: []}), listVolumes: async () => ({Volumes: []}), listImages: async () => [], listContainers: async () => []};
  let number = 0;
  // Each wake-up is a pass, as in the loop.
  const pass = async () => {
    const startedAtMs = Date.now();
    const clutter = await housekeeper.look(startedAtMs, signal);
    const seen: PassReport['seen'] = {desired: desired(app('v1', 1)), observed: {...observed({images: []}), clutter}, plan: {actions: [], waiting: []}};
    housekeeper.onPass({number: number += 1, startedAtMs, tookMs: 0, held: undefined, seen});
  };
  let passes: Promise<unknown> = Promise.resolve();
  const housekeeper: Housekeeper = new Housekeeper({
    docker: docker as unknown as HousekeeperOptions['docker'], instance: 'flynn', layout: {root: '/', builds: folder} as HousekeeperOptions['layout'], ids: new AppIds(),
    minFreeBytes: () => 0, isBuilding: () => false, proposedImages: () => new Map(), wake: () => void (passes = passes.then(pass).catch((error: unknown) => t.fail(String((error as Error).stack)))),
  });
  t.deepEqual(await Promise.all([housekeeper.collect('garbage', signal), housekeeper.collect('with-caches', signal)]), [[], []]);
  await passes;
});
