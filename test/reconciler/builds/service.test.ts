import {existsSync} from 'node:fs';
import {readdir, readFile, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {Readable} from 'node:stream';
import test, {type ExecutionContext} from 'ava';
import type {Build, BuiltImage} from '../../../reconciler/build/build.ts';
import type {BuildRecord} from '../../../reconciler/builds/builds.ts';
import type {BuildWork} from '../../../reconciler/builds/open-build.ts';
import {BuildService, type BuildOrder} from '../../../reconciler/builds/service.ts';
import type {AppName, CommitId} from '../../../schemas/ids.ts';
import {ADA, temporaryFolder} from '../checkout/support.ts';
import {IMAGE} from '../receive/support.ts';

const SHOP = 'shop' as AppName;
const BOB = {name: 'Bob', email: 'bob@example.com'};
const COMMIT = 'c'.repeat(40) as CommitId;
const signal = AbortSignal.timeout(600_000);
const built: Build = async ({print}) => {
  print('-----> Node.js app detected');
  return {ok: true, value: IMAGE};
};

async function trial(t: ExecutionContext, build: Build = built) {
  const folder = await temporaryFolder(t);
  const stopping = new AbortController();
  const purged: string[] = [];
  const start = () => new BuildService({
    folder, build,
    caches: {measure: async () => 5, remove: async (app) => void purged.push(app), maxBytes: () => 100},
    log: (message, error) => t.log(message, error),
  }, stopping.signal);
  return {folder, stopping, purged, start, service: start(), files: async (app = 'shop') => (await readdir(path.join(folder, app))).toSorted()};
}

function order(over: Partial<BuildOrder> = {}): BuildOrder {
  return {app: SHOP, commit: COMMIT, branch: 'main', by: ADA, origin: 'push', print: () => {}, ...over};
}

function work(over: Partial<BuildWork> = {}): BuildWork {
  return {
    atOnce: 2, env: {}, source: () => Readable.from([Buffer.from('tar')]),
    limits: {memoryBytes: 1, cpus: 1, timeMs: 1, diskBytes: 1, cacheBytes: 1, minFreeBytes: 0, imageBytes: 1, isBuildkitAllowed: true},
    ...over,
  };
}

/** A build of the order and nothing more. */
function run(service: BuildService, given: Partial<BuildOrder> = {}, {until = signal, over = {}}: {until?: AbortSignal; over?: Partial<BuildWork>} = {}): Promise<BuiltImage> {
  return service.conduct(order(given), (build) => build.build(work(over)), until);
}

/** Builds that last until they are let go, or aborted. */
function gated() {
  const waiting: {readonly app: string; open(): void}[] = [];
  const build: Build = async ({app, print}, until) => {
    print(`building ${app}`);
    await new Promise<void>((resolve, reject) => {
      waiting.push({app, open: resolve});
      until.addEventListener('abort', () => reject(until.reason), {once: true});
    });
    return {ok: true, value: IMAGE};
  };
  return {build, waiting};
}

async function waitFor(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!await isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

/** Without times, which are checked to be in order. */
function facts(t: ExecutionContext, {queuedAt, startedAt = queuedAt, endedAt = startedAt, ...rest}: BuildRecord) {
  t.true(queuedAt <= startedAt && startedAt <= endedAt, `${queuedAt} ${startedAt} ${endedAt}`);
  return rest;
}

test('a build leaves a record of what became of it, and a log of what it printed', async (t) => {
  const {service, files, folder} = await trial(t);
  const lines: string[] = [];
  const image = await service.conduct(order({print: (line) => lines.push(line)}), async (build) => {
    const made = await build.build(work({source: () => Readable.from([Buffer.alloc(700), Buffer.alloc(300)])}));
    build.released(7);
    build.print('       Released v7');
    return made;
  }, signal);
  t.is(image, IMAGE);
  const [record] = await service.list(SHOP, 10);
  t.deepEqual(record && facts(t, record), {
    app: SHOP, number: 1, commit: COMMIT, branch: 'main', by: 'Ada', origin: 'push', state: 'succeeded',
    builder: 'Node.js', image: IMAGE.image, sourceBytes: 0, imageBytes: 1, release: 7,
  });
  t.deepEqual(await files(), ['1.json', '1.log']);
  t.is(await readFile(path.join(folder, 'shop/1.log'), 'utf8'), '-----> Node.js app detected\n');
  t.deepEqual(lines, ['-----> Node.js app detected', '       Released v7']);
});

test('the size of the source is what the builder read of it', async (t) => {
  const {service} = await trial(t, async ({source}, until) => {
    for await (const _ of source(until));
    return {ok: true, value: IMAGE};
  });
  await run(service, {}, {over: {source: () => Readable.from([Buffer.alloc(700), Buffer.alloc(300)])}});
  t.is((await service.show(SHOP, 1)).sourceBytes, 1000);
});

test('the reason of a failure is in the record, and the last line of the log', async (t) => {
  const {service, folder} = await trial(t, async () => ({ok: false, problem: {reason: 'failed to compile Node.js app'}}));
  await t.throwsAsync(run(service), {message: 'failed to compile Node.js app'});
  const {state, reason} = await service.show(SHOP, 1);
  t.deepEqual({state, reason}, {state: 'failed', reason: 'failed to compile Node.js app'});
  t.is(await readFile(path.join(folder, 'shop/1.log'), 'utf8'), ' !     Build failed: failed to compile Node.js app\n');
});

test('a build that succeeded stays so when its release does not serve, and the record says why', async (t) => {
  const {service} = await trial(t);
  await t.throwsAsync(service.conduct(order(), async (build) => {
    await build.build(work());
    build.released(2);
    throw new Error('release v2 failed: web.1 exited with code 3');
  }, signal));
  const {state, release, reason} = await service.show(SHOP, 1);
  t.deepEqual({state, release, reason}, {state: 'succeeded', release: 2, reason: 'release v2 failed: web.1 exited with code 3'});
});

test('when nothing had to be built there is no record, and the number is not given away again', async (t) => {
  const {service, files} = await trial(t);
  await service.conduct(order(), async () => 'is deployed already', signal);
  t.deepEqual(await files(), []);
  await run(service);
  t.deepEqual((await service.list(SHOP, 10)).map(({number}) => number), [2]);
});

test('as many builds as may run at once, of one app only one, and those that wait are told their place', async (t) => {
  const {build, waiting} = gated();
  const {service} = await trial(t, build);
  const told: string[] = [];
  const names = ['shop', 'shop', 'blog', 'api', 'wiki'];
  const builds = names.map((app, index) => run(service, {app: app as AppName, print: (line) => line.startsWith('building') || told.push(`${index} ${app}: ${line.trim()}`)}));
  await waitFor(() => waiting.length === 2 && told.length === 3);
  t.deepEqual(waiting.map(({app}) => app), ['shop', 'blog']);
  t.deepEqual(told.toSorted(), [
    '1 shop: !     Waiting for a build to end: Ada builds shop; place 1 in the queue',
    '3 api: !     Waiting for a build to end: Ada builds shop, Ada builds blog; place 1 in the queue',
    '4 wiki: !     Waiting for a build to end: Ada builds shop, Ada builds blog; place 2 in the queue',
  ]);
  t.like((await service.list('wiki' as AppName, 1))[0], {state: 'queued', ahead: 1});
  waiting[1]?.open();
  await waitFor(() => waiting.length === 3);
  t.is(told.at(-1), '4 wiki: !     Waiting for a build to end: Ada builds shop, Ada builds api; place 1 in the queue');
  for (let next = 0; next < names.length; next += 1) {
    await waitFor(() => waiting.length > next);
    waiting[next]?.open();
  }
  await Promise.all(builds);
  t.deepEqual((await service.list(SHOP, 10)).map(({number, state}) => `${number} ${state}`), ['2 succeeded', '1 succeeded']);
});

test('a build that runs is cancelled by its number, and whoever ordered it is told by whom', async (t) => {
  const {build, waiting} = gated();
  const {service} = await trial(t, build);
  const running = run(service);
  running.catch(() => {});
  await waitFor(() => waiting.length === 1);
  const cancelled = await service.cancel(SHOP, 1, BOB, signal);
  t.like(cancelled, {state: 'cancelled', reason: 'by Bob'});
  await t.throwsAsync(running, {message: 'build 1 was cancelled by Bob'});
  await t.throwsAsync(service.cancel(SHOP, 1, BOB, signal), {message: 'build 1 of shop has ended already: cancelled'});
  await t.throwsAsync(service.cancel(SHOP, 9, BOB, signal), {message: /app "shop" has no build 9/});
});

test('a build that waits is cancelled too, and does not hold up those behind it', async (t) => {
  const {build, waiting} = gated();
  const {service} = await trial(t, build);
  const builds = [run(service), run(service), run(service)];
  builds[1]?.catch(() => {});
  await waitFor(async () => (await service.list(SHOP, 1))[0]?.ahead === 1);
  t.is((await service.cancel(SHOP, 2, BOB, signal)).state, 'cancelled');
  await t.throwsAsync(builds[1] ?? Promise.resolve(), {message: 'build 2 was cancelled by Bob'});
  waiting[0]?.open();
  await waitFor(() => waiting.length === 2);
  waiting[1]?.open();
  await Promise.all([builds[0], builds[2]]);
  t.deepEqual((await service.list(SHOP, 9)).map(({state}) => state), ['succeeded', 'cancelled', 'succeeded']);
});

test('who ordered it goes away: it is cancelled; the reconciler stops: it is interrupted', async (t) => {
  const {build, waiting} = gated();
  const {service, stopping} = await trial(t, build);
  const gone = new AbortController();
  const first = run(service, {}, {until: gone.signal});
  await waitFor(() => waiting.length === 1);
  gone.abort(new Error('the pusher went away'));
  await t.throwsAsync(first);
  t.like(await service.show(SHOP, 1), {state: 'cancelled', reason: 'the pusher went away'});
  const second = run(service, {}, {until: stopping.signal});
  await waitFor(() => waiting.length === 2);
  stopping.abort(new Error('flynn is stopping'));
  await t.throwsAsync(second);
  t.like(await service.show(SHOP, 2), {state: 'interrupted', reason: 'flynn is stopping'});
});

test('after kill -9 the next reconciler finds what was open, and marks it with its last words', async (t) => {
  const {build, waiting} = gated();
  const {service, start, files, folder} = await trial(t, build);
  const running = run(service);
  running.catch(() => {});
  await waitFor(() => waiting.length === 1);
  await waitFor(async () => (await readFile(path.join(folder, 'shop/1.log'), 'utf8')) !== '' && (await readFile(path.join(folder, 'shop/1.open.json'), 'utf8')).includes('running'));
  t.deepEqual(await files(), ['1.log', '1.open.json']);
  const next = start();
  t.deepEqual((await next.interruptAbandoned()).map(({number, state}) => `${number} ${state}`), ['1 interrupted']);
  t.deepEqual(await files(), ['1.json', '1.log']);
  const {reason, startedAt, endedAt} = await next.show(SHOP, 1);
  t.is(reason, 'the reconciler ended in the middle of it');
  t.true((endedAt ?? '') >= (startedAt ?? 'z'));
  t.deepEqual(await next.interruptAbandoned(), []);
  waiting[0]?.open();
});

test('a record that a crash left half written is no record, and the others are listed', async (t) => {
  const {service, folder, files} = await trial(t);
  await run(service);
  await run(service);
  await writeFile(path.join(folder, 'shop/1.json'), '{"app": "sh');
  await writeFile(path.join(folder, 'shop/.2.json.new'), '{"app": "sh');
  t.deepEqual((await service.list(SHOP, 10)).map(({number}) => number), [2]);
  await run(service);
  t.deepEqual(await files(), ['1.json', '1.log', '2.json', '2.log', '3.json', '3.log']);
});

test('of each app the last 100 records and the last 20 logs are kept', async (t) => {
  const {service, files} = await trial(t);
  for (let build = 0; build < 103; build += 1) await run(service);
  const names = await files();
  t.is(names.filter((name) => name.endsWith('.log')).length, 21);
  t.is(names.filter((name) => name.endsWith('.json')).length, 101);
  t.deepEqual((await service.list(SHOP, 2)).map(({number}) => number), [103, 102]);
  await t.throwsAsync(service.log({app: SHOP, number: 50}, 'so-far', signal).next(), {message: 'the log of build 50 of shop is not kept any more: those of the last 20 builds are'});
});

test('the folder of an app that is gone may vanish in the middle of a build', async (t) => {
  const {build, waiting} = gated();
  const {service, folder} = await trial(t, build);
  const running = run(service);
  await waitFor(() => waiting.length === 1);
  // Not while that is being written, which would fail the removal.
  await waitFor(async () => (await readFile(path.join(folder, 'shop/1.open.json'), 'utf8')).includes('running'));
  await rm(path.join(folder, 'shop'), {recursive: true});
  waiting[0]?.open();
  await running;
  t.is((await service.show(SHOP, 1)).state, 'succeeded');
});

test('a log is followed line by line until the build has ended', async (t) => {
  const steps = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const {service} = await trial(t, async ({print}) => {
    for (const [index, step] of steps.entries()) {
      print(`step ${index}`);
      // Goes on only when the reader has seen the line: buffered output would never end.
      await step.promise;
    }
    return {ok: true, value: IMAGE};
  });
  const running = run(service);
  await waitFor(async () => (await service.list(SHOP, 1))[0]?.state === 'running');
  const seen: unknown[] = [];
  for await (const line of service.log({app: SHOP, number: 1}, 'follow', signal)) {
    seen.push('line' in line ? line.line : line.build.state);
    if ('line' in line) steps[Number(line.line.at(-1))]?.resolve();
  }
  await running;
  t.deepEqual(seen, ['step 0', 'step 1', 'succeeded']);
});

test('a cache is purged, but not while a build uses it', async (t) => {
  const {build, waiting} = gated();
  const {service, purged} = await trial(t, build);
  const running = run(service);
  await waitFor(() => waiting.length === 1);
  await t.throwsAsync(service.purgeCache(SHOP, signal), {message: /a build of shop uses its cache/});
  waiting[0]?.open();
  await running;
  t.deepEqual(await service.purgeCache(SHOP, signal), {app: SHOP, bytes: 5, maxBytes: 100});
  t.deepEqual(purged, ['shop']);
});

test('whoever goes away while his build is being written down leaves none that waits for ever', async (t) => {
  const {service, folder, files} = await trial(t);
  const pusher = new AbortController();
  const running = run(service, {}, {until: pusher.signal});
  await waitFor(() => existsSync(path.join(folder, 'shop')));
  pusher.abort(new Error('the pusher went away'));
  await t.throwsAsync(running, {message: 'the pusher went away'});
  t.deepEqual((await service.list(SHOP, 9)).map(({state, reason}) => [state, reason]), [['cancelled', 'the pusher went away']]);
  t.deepEqual(await files(), ['1.json', '1.log']);
});
