import os from 'node:os';
import test from 'ava';
import type Docker from 'dockerode';
import {checkFreeDisk, watchFreeDisk} from '../../../reconciler/build/free-disk.ts';
import type {LimitExceeded} from '../../../reconciler/build/limits.ts';

const signal = new AbortController().signal;
/** An engine that says where it keeps its things, and nothing else: the disk is the real one. */
const docker = {info: async () => ({DockerRootDir: os.tmpdir()})} as unknown as Docker;
const MORE_THAN_THERE_IS = 2 ** 60;

test('a build is refused when less is free than it needs, with what to do', async (t) => {
  const refused = await t.throwsAsync(checkFreeDisk(docker, {minFreeBytes: MORE_THAN_THERE_IS, folder: '/'}, signal));
  t.regex(refused?.message ?? '', /^only \S+ are free on the disk of \S+, and a build needs 1048576Ti \(builds\.minFreeDisk in cluster\.yaml\)\. What can go: flynn gc --dry-run$/);
  await t.notThrowsAsync(checkFreeDisk(docker, {minFreeBytes: 1, folder: '/'}, signal));
});

test('a build that goes on is stopped when half of it is left', async (t) => {
  const {promise, resolve} = Promise.withResolvers<LimitExceeded>();
  await watchFreeDisk(docker, {minFreeBytes: MORE_THAN_THERE_IS, folder: '/', exceed: resolve}, signal);
  t.regex((await promise).message, /^the disk of \S+ is nearly full: \S+ are free$/);
});

test('a watch ends with its build', async (t) => {
  const build = new AbortController();
  const watching = watchFreeDisk(docker, {minFreeBytes: 1, folder: '/', exceed: ({message}) => t.fail(message)}, build.signal);
  build.abort();
  await t.notThrowsAsync(watching);
});
