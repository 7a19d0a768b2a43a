import {randomBytes} from 'node:crypto';
import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {text} from 'node:stream/consumers';
import test, {type ExecutionContext} from 'ava';
import {execa} from 'execa';
import type {Build} from '../../reconciler/build/build.ts';
import {commitFiles, run, temporaryFolder} from '../reconciler/checkout/support.ts';
import {healthy, IMAGE, push, pushServer, sourceTree} from '../support/push-server.ts';
import {within} from '../support/until.ts';

/** Of all tests here together. */
const signal = AbortSignal.timeout(600_000);

/** Waits for what has to become true, at most so long. */
async function until(isTrue: () => boolean | Promise<boolean>, limitMs = 30_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!await isTrue()) {
    if (performance.now() > deadline) throw new Error(`not so after ${limitMs} ms: ${isTrue}`);
    await sleep(20);
  }
}

/** A build or a wait that lasts until it is let go, or aborted. */
function gate() {
  const begun = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const aborts: number[] = [];
  const pass = async (until: AbortSignal) => {
    begun.resolve();
    await Promise.race([opened.promise, new Promise<never>((_resolve, reject) => until.addEventListener('abort', () => {
      aborts.push(performance.now());
      reject(until.reason);
    }, {once: true}))]);
  };
  return {pass, begun: () => within('it begins', begun.promise), open: () => opened.resolve(), aborts};
}

/** A server whose builds wait until they are let go, and are counted. */
async function heldServer(t: ExecutionContext) {
  const building = gate();
  let builds = 0;
  const {url} = await pushServer(t, {build: async (_request, until) => {
    builds += 1;
    await building.pass(until);
    return {ok: true, value: IMAGE};
  }});
  return {url, building, built: () => builds};
}

test('a push is built, released by a commit, and ends when the release serves', async (t) => {
  let archive = '';
  let env = {};
  const build: Build = async (request, until) => {
    archive = await text(request.source(until));
    env = request.env;
    request.print('-----> Node.js app detected');
    return {ok: true, value: IMAGE};
  };
  const {url, layout} = await pushServer(t, {build});
  const folder = await sourceTree(t);
  const {exitCode, output} = await push(folder, [url('shop'), 'main']);
  t.is(exitCode, 0, output);
  const shown = output.split('\n').filter((line) => line.startsWith('remote:')).map((line) => line.trimEnd());
  t.deepEqual(shown, [
    'remote: Building source:',
    'remote:',
    'remote: -----> Node.js app detected',
    'remote: -----> Launching...',
    'remote:        Released v1',
    'remote:        web [1/1] up',
    'remote:        http://shop.flynn.test/ deployed',
    'remote:',
    'remote: Verifying deploy... done.',
  ]);
  t.true(archive.includes('server.js') && archive.includes('// one'));
  t.deepEqual(env, {GREETING: 'hello'});
  const head = await run(folder, 'rev-parse', 'main');
  t.is(await run(path.join(layout.sources, 'shop.git'), 'rev-parse', 'main'), head);
  t.is(await run(layout.clusterRepo, 'log', '-1', '--format=%an <%ae> %s', 'main'), `Ada <ada@example.com> shop: release v1 (${head.slice(0, 8)})`);
  const release = await run(layout.clusterRepo, 'show', 'main:apps/shop/releases/v0001.yaml');
  t.true(release.includes(head) && release.includes(IMAGE.image));
});

test('output reaches the pusher line by line while the build goes on', async (t) => {
  const steps = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const build: Build = async ({print}) => {
    for (const [index, step] of steps.entries()) {
      print(`-----> Step ${index}`);
      // Goes on only when the pusher has seen the line: buffered output would never end.
      await step.promise;
    }
    return {ok: true, value: IMAGE};
  };
  const {url} = await pushServer(t, {build});
  const {exitCode, output} = await push(await sourceTree(t), [url('shop'), 'main'], {onLine: (line) => steps[Number(/Step (\d)/.exec(line)?.[1] ?? -1)]?.resolve()});
  t.is(exitCode, 0, output);
});

test('a failed build rejects the push, the reason last', async (t) => {
  const build: Build = async ({print}) => {
    print('       npm error missing script: build');
    return {ok: false, problem: {reason: 'failed to compile Node.js app'}};
  };
  const {url, layout} = await pushServer(t, {build});
  const {exitCode, output} = await push(await sourceTree(t), [url('shop'), 'main']);
  t.is(exitCode, 1);
  t.regex(output, /npm error missing script: build\s+remote:  !     Push rejected, failed to compile Node\.js app/);
  t.regex(output, /\[remote rejected\] main -> main \(pre-receive hook declined\)/);
  t.is(await run(layout.clusterRepo, 'rev-list', '--count', 'main'), '1');
});

test('a release that fails is taken back, with the end of its log in the push, and its number is not used again', async (t) => {
  let isFailing = true;
  const server = await pushServer(t, {converged: async (...given) => (isFailing
    ? {result: 'failed', commit: '0'.repeat(40) as never, cause: 'web.1 exited with code 3', log: Array.from({length: 40}, (_, number) => `line ${number}`)}
    : healthy(server.repo)(...given))});
  const {url, layout} = server;
  const folder = await sourceTree(t);
  const failed = await push(folder, [url('shop'), 'main']);
  t.is(failed.exitCode, 1);
  t.regex(failed.output, /line 10\s+remote:\s+line 11/);
  t.false(/line 9\s/.test(failed.output));
  t.regex(failed.output, /Push rejected, release v1 failed: web\.1 exited with code 3/);
  t.is(await run(layout.clusterRepo, 'log', '-1', '--format=%an: %B', 'main').then((log) => log.split('\nFlynn-')[0]?.trim()), 'Flynn: shop: take back release v1\n\nrelease v1 failed: web.1 exited with code 3');
  t.false((await run(layout.clusterRepo, 'ls-tree', '-r', '--name-only', 'main')).includes('v0001'));
  isFailing = false;
  const again = await push(folder, [url('shop'), 'main']);
  t.is(again.exitCode, 0, again.output);
  t.regex(again.output, /Released v2/);
});

test('Ctrl-C during the build cancels it, and nothing is released', async (t) => {
  const building = gate();
  const {url, layout} = await pushServer(t, {build: async (_request, until) => {
    await building.pass(until);
    return {ok: true, value: IMAGE};
  }});
  const ctrlC = new AbortController();
  const pushing = push(await sourceTree(t), [url('shop'), 'main'], {signal: ctrlC.signal});
  await building.begun();
  const pressedAt = performance.now();
  ctrlC.abort();
  const {exitCode} = await pushing;
  t.not(exitCode, 0);
  await until(() => building.aborts.length > 0);
  t.log(`build cancelled after ${Math.round(building.aborts[0]! - pressedAt)} ms`);
  const source = path.join(layout.sources, 'shop.git');
  await until(async () => (await readdir(path.join(source, 'objects'))).every((name) => !/^(tmp_objdir-)?incoming/.test(name)) && await run(source, 'for-each-ref') === '');
  t.is(await run(layout.clusterRepo, 'rev-list', '--count', 'main'), '1');
});

test('Ctrl-C while the release starts takes it back', async (t) => {
  const starting = gate();
  const {url, layout} = await pushServer(t, {converged: async (_app, _onProgress, until) => {
    await starting.pass(until);
    throw new Error('bug: never let go');
  }});
  const ctrlC = new AbortController();
  const pushing = push(await sourceTree(t), [url('shop'), 'main'], {signal: ctrlC.signal});
  await starting.begun();
  t.true((await run(layout.clusterRepo, 'ls-tree', '-r', '--name-only', 'main')).includes('v0001'));
  ctrlC.abort();
  t.not((await pushing).exitCode, 0);
  await until(async () => !(await run(layout.clusterRepo, 'ls-tree', '-r', '--name-only', 'main')).includes('v0001'));
  t.regex(await run(layout.clusterRepo, 'log', '-1', '--format=%B', 'main'), /take back release v1\s+the push was cancelled/);
  // Let go after the commit.
  await until(async () => await run(path.join(layout.sources, 'shop.git'), 'for-each-ref') === '');
});

test('the second of two pushes at once waits, is told for whom, and is not deployed over what it has not seen', async (t) => {
  const {url, building, built} = await heldServer(t);
  const first = push(await sourceTree(t), [url('shop'), 'main']);
  await building.begun();
  const second = await (async () => {
    const folder = await sourceTree(t, {'server.js': '// two\n'});
    return push(folder, [url('shop', 'Bob <bob@example.com>'), 'main'], {onLine: (line) => {
      if (line.includes('Waiting')) building.open();
    }});
  })();
  t.is((await first).exitCode, 0);
  t.is(second.exitCode, 1);
  t.regex(second.output, /Waiting for the push before this one: Ada deploys [0-9a-f]{8} \(since/);
  t.regex(second.output, /Push rejected, main has moved to [0-9a-f]{8} while this push waited/);
  t.is(built(), 1);
});

test('the second of two pushes of one commit at once is told that it is deployed', async (t) => {
  const {url, building, built} = await heldServer(t);
  const folder = await sourceTree(t);
  const first = push(folder, [url('shop'), 'main']);
  await building.begun();
  const second = await push(folder, [url('shop', 'Bob <bob@example.com>'), 'main'], {onLine: (line) => {
    if (line.includes('Waiting')) building.open();
  }});
  t.is((await first).exitCode, 0);
  t.is(second.exitCode, 1);
  t.regex(second.output, /Push rejected, main is at [0-9a-f]{8} by now: another push of the same commit deployed it while this one waited\. There is nothing left to push/);
  t.is(built(), 1);
  t.regex((await push(folder, [url('shop'), 'main'])).output, /Everything up-to-date/);
});

test('when the first of two pushes fails, the second is deployed', async (t) => {
  const building = gate();
  let builds = 0;
  const {url} = await pushServer(t, {build: async (_request, until) => {
    builds += 1;
    if (builds > 1) return {ok: true, value: IMAGE};
    await building.pass(until);
    return {ok: false, problem: {reason: 'failed to compile'}};
  }});
  const first = push(await sourceTree(t), [url('shop'), 'main']);
  await building.begun();
  const second = await push(await sourceTree(t, {'server.js': '// two\n'}), [url('shop'), 'main'], {onLine: (line) => {
    if (line.includes('Waiting')) building.open();
  }});
  t.is((await first).exitCode, 1);
  t.is(second.exitCode, 0, second.output);
});

test('a commit that is deployed already is not built again', async (t) => {
  let builds = 0;
  const {url, layout} = await pushServer(t, {build: async () => {
    builds += 1;
    return {ok: true, value: IMAGE};
  }});
  const folder = await sourceTree(t);
  await push(folder, [url('shop'), 'main']);
  const again = await push(folder, [url('shop'), 'main:master']);
  t.is(again.exitCode, 0, again.output);
  t.regex(again.output, /is already deployed as v1: nothing is built/);
  t.is(builds, 1);
  t.is(await run(layout.clusterRepo, 'rev-list', '--count', 'main'), '2');
});

test('other branches are kept and nothing is deployed', async (t) => {
  const {url, layout} = await pushServer(t, {build: async () => t.fail('was built') as never});
  const folder = await sourceTree(t);
  const {exitCode, output} = await push(folder, [url('shop'), 'main:feature']);
  t.is(exitCode, 0, output);
  t.regex(output, /feature is kept, nothing is deployed/);
  t.is(await run(path.join(layout.sources, 'shop.git'), 'rev-parse', 'feature'), await run(folder, 'rev-parse', 'main'));
});

test('an app that is not in the cluster repository can\'t be pushed to, and the answer says how to make it', async (t) => {
  const {url} = await pushServer(t);
  const {exitCode, output} = await push(await sourceTree(t), [url('nope'), 'main']);
  t.not(exitCode, 0);
  t.regex(output, /there is no app "nope" in the cluster repository\. Make it with: flynn create nope/);
});

test('nobody gets in without the token', async (t) => {
  const {port} = await pushServer(t);
  const answer = await fetch(`http://127.0.0.1:${port}/shop.git/info/refs?service=git-upload-pack`);
  t.is(answer.status, 401);
  t.is(answer.headers.get('www-authenticate'), 'Basic realm="flynn"');
  const {exitCode, output} = await push(await sourceTree(t), [`http://x:wrong@127.0.0.1:${port}/shop.git`, 'main']);
  t.not(exitCode, 0);
  t.regex(output, /Authentication failed/);
});

test('when flynn stops in the middle of a push, the pusher is told and the release is not left behind', async (t) => {
  const starting = gate();
  const {url, local, layout} = await pushServer(t, {converged: async (_app, _onProgress, until) => {
    await starting.pass(until);
    throw new Error('bug: never let go');
  }});
  const pushing = push(await sourceTree(t), [url('shop'), 'main']);
  await starting.begun();
  await local.close();
  const {exitCode} = await pushing;
  t.is(exitCode, 1);
  await until(async () => !(await run(layout.clusterRepo, 'ls-tree', '-r', '--name-only', 'main')).includes('v0001'));
});

test('hooks are ours alone and name the running Node', async (t) => {
  const {layout} = await pushServer(t);
  t.true((await readFile(path.join(layout.hooks, 'pre-receive'), 'utf8')).includes(process.execPath));
});

test('the source of a release outlives a force push, and a rejected release leaves none', async (t) => {
  let isFailing = false;
  const server = await pushServer(t, {converged: async (...given) => (isFailing
    ? {result: 'failed', commit: '0'.repeat(40) as never, cause: 'it crashed', log: []}
    : healthy(server.repo)(...given))});
  const {url, layout} = server;
  const folder = await sourceTree(t);
  const first = await run(folder, 'rev-parse', 'main');
  t.is((await push(folder, [url('shop'), 'main'])).exitCode, 0);
  await run(folder, 'commit', '--quiet', '--amend', '--message', 'other');
  t.is((await push(folder, ['--force', url('shop'), 'main'])).exitCode, 0);
  isFailing = true;
  // Over 100 objects: git keeps them as a pack.
  await commitFiles(folder, Object.fromEntries(Array.from({length: 150}, (_, number) => [`lib/${number}.js`, `// ${number}\n`])));
  t.is((await push(folder, [url('shop'), 'main'])).exitCode, 1);
  isFailing = false;
  await commitFiles(folder, {'server.js': '// works\n'});
  t.is((await push(folder, [url('shop'), 'main'])).exitCode, 0);
  const source = path.join(layout.sources, 'shop.git');
  await run(source, 'reflog', 'expire', '--expire=now', '--all');
  await run(source, 'gc', '--quiet', '--prune=now');
  t.is(await run(source, 'show', `${first}:server.js`), '// one');
  t.deepEqual((await run(source, 'for-each-ref', '--format=%(refname)')).split('\n'), ['refs/flynn/releases/v1', 'refs/flynn/releases/v2', 'refs/flynn/releases/v4', 'refs/heads/main']);
  t.is(await run(source, 'fsck', '--strict', '--no-dangling'), '');
  t.deepEqual((await readdir(path.join(source, 'objects/pack'))).filter((name) => name.endsWith('.keep') || name.startsWith('tmp')), []);
  // They are our notes: a clone does not get them.
  t.false((await run(folder, 'ls-remote', url('shop'))).includes('refs/flynn'));
});

test('a large push, which git sends in chunks, arrives whole', async (t) => {
  let sizeBytes = 0;
  const {url} = await pushServer(t, {build: async (request, until) => {
    for await (const chunk of request.source(until)) sizeBytes += (chunk as Buffer).length;
    return {ok: true, value: IMAGE};
  }});
  const {exitCode, output} = await push(await sourceTree(t, {'large.bin': randomBytes(3_000_000).toString('base64')}), [url('shop'), 'main']);
  t.is(exitCode, 0, output);
  t.true(sizeBytes > 4_000_000);
});

test('kill -9 in the middle of a deploy loses neither release nor source, and the push can be repeated', async (t) => {
  const root = await temporaryFolder(t);
  const program = path.join(import.meta.dirname, '../support/push-server-process.ts');
  const folder = await sourceTree(t);
  const head = await run(folder, 'rev-parse', 'main');
  // Last: lines that come before they are looked for are lost.
  const reconciler = execa(process.execPath, [program, root], {reject: false, all: true});
  t.teardown(() => reconciler.kill('SIGKILL'));
  let pushing: ReturnType<typeof push> | undefined;
  for await (const line of reconciler.iterable({from: 'all'})) {
    if (line.startsWith('http')) pushing = push(folder, [line, 'main']).finally(() => reconciler.kill('SIGKILL'));
    // It is waiting for the release to become healthy.
    if (line === 'waiting') process.kill(reconciler.pid ?? 0, 'SIGKILL');
  }
  const {exitCode, output} = await pushing ?? {};
  t.is(exitCode, 1);
  t.regex(output ?? '', /Flynn was stopped in the middle of this push[^]*pre-receive hook declined/);
  const source = path.join(root, 'sources/shop.git');
  t.is(await run(source, 'show', `${head}:server.js`), '// one');
  t.is(await run(source, 'rev-parse', 'refs/flynn/releases/v1'), head);
  const next = await pushServer(t, {root, build: async () => t.fail('was built again') as never});
  t.is(await next.repo.nextReleaseFloor('shop' as never, signal), 1);
  const again = await push(folder, [next.url('shop'), 'main']);
  t.is(again.exitCode, 0, again.output);
  t.regex(again.output, /is already deployed as v1/);
});
