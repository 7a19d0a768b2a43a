import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {readdir, readFile, rm} from 'node:fs/promises';
import net, {type AddressInfo} from 'node:net';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {execa} from 'execa';
import {run, temporaryFolder} from '../reconciler/checkout/support.ts';
import {push, pushServer, sourceTree} from '../support/push-server.ts';
import {until} from '../support/until.ts';

// What becomes of a clone or a push that is under way when something ends: it goes on, or its user reads why it did not.

/** More than all buffers between git and its client hold: 10 MB where nothing else is set (tcp(7), `tcp_rmem` and `tcp_wmem`). */
const REPOSITORY_BYTES = 14_000_000;
/** By then a clone is under way. */
const BEGUN_BYTES = 1_000_000;

/** A way to a server on which nothing more comes back from some moment on, until it is let go. */
async function heldWay(t: ExecutionContext, url: string): Promise<{readonly url: string; readonly begun: Promise<void>; letGo(): void; cut(): void}> {
  const target = new URL(url);
  const port = Number(target.port);
  const begun = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const clients: net.Socket[] = [];
  const server = net.createServer((client) => {
    clients.push(client);
    const upstream = net.connect(port, target.hostname);
    let sizeBytes = 0;
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.pipe(upstream);
    client.on('close', () => upstream.destroy());
    upstream.pipe(client);
    upstream.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes < BEGUN_BYTES || sizeBytes - chunk.length >= BEGUN_BYTES) return;
      upstream.unpipe(client);
      upstream.pause();
      begun.resolve();
      void opened.promise.then(() => upstream.pipe(client));
    });
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  target.port = `${(server.address() as AddressInfo).port}`;
  return {url: `${target}`, begun: begun.promise, letGo: opened.resolve, cut: () => clients.forEach((client) => client.destroy())};
}

/** Processes of git with these words in their command lines. */
async function gits(...words: readonly string[]): Promise<readonly number[]> {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(all.map(async (pid) => ({pid: Number(pid), words: (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')})));
  return commands.filter(({words: [program, ...rest]}) => program === 'git' && words.every((word) => rest.includes(word))).map(({pid}) => pid);
}

/** A server in this process that has a large branch, and a clone of it that is under way. */
async function cloning(t: ExecutionContext) {
  const server = await pushServer(t);
  const way = await heldWay(t, server.url('shop'));
  return {...server, ...way, ...await begin(t, {from: server.url('shop'), way})};
}

async function begin(t: ExecutionContext, {from, way}: {readonly from: string; readonly way: {readonly url: string; readonly begun: Promise<void>}}) {
  const source = await sourceTree(t, {'large.bin': randomBytes(REPOSITORY_BYTES).toString('base64')});
  const pushed = await push(source, [from, 'main:large']);
  t.is(pushed.exitCode, 0, pushed.output);
  const folder = path.join(await temporaryFolder(t), 'clone');
  const clone = execa('git', ['clone', '--quiet', '--branch', 'large', way.url, folder], {reject: false, all: true, timeout: 120_000, env: {GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0'}});
  await Promise.race([way.begun, clone]);
  return {clone, isWhole: async () => await run(folder, 'rev-parse', 'HEAD') === await run(source, 'rev-parse', 'main') && await run(folder, 'status', '--porcelain') === ''};
}

test('a clone goes on when flynn is killed in the middle of it', async (t) => {
  const reconciler = execa(process.execPath, [path.join(import.meta.dirname, '../support/push-server-process.ts'), await temporaryFolder(t)], {reject: false});
  t.teardown(() => reconciler.kill('SIGKILL'));
  const lines = reconciler.iterable();
  const {value: url = ''} = await lines.next() as {value?: string};
  const way = await heldWay(t, url);
  const {clone, isWhole} = await begin(t, {from: url, way});
  reconciler.kill('SIGKILL');
  await reconciler;
  way.letGo();
  const {exitCode, all} = await clone;
  t.is(exitCode, 0, all);
  t.true(await isWhole());
});

test('a clone goes on when flynn is stopped in the middle of it, which does not wait for it', async (t) => {
  const {clone, isWhole, server, letGo} = await cloning(t);
  await server.close();
  letGo();
  const {exitCode, all} = await clone;
  t.is(exitCode, 0, all);
  t.true(await isWhole());
});

test('a clone whose client goes leaves no git behind', async (t) => {
  const {clone, layout, cut} = await cloning(t);
  const gitdir = path.join(layout.sources, 'shop.git');
  t.is((await gits('upload-pack', gitdir)).length, 1);
  cut();
  await clone;
  await until('git has ended', async () => (await gits('upload-pack', gitdir)).length === 0);
});

test('who clones is told when git was ended in the middle of it, unless that was in the middle of a packet', async (t) => {
  const {clone, layout, letGo, errors} = await cloning(t);
  for (const pid of await gits('upload-pack', path.join(layout.sources, 'shop.git'))) process.kill(pid, 'SIGKILL');
  await until('it is in the log', () => errors.length > 0);
  letGo();
  const {exitCode, all} = await clone;
  t.not(exitCode, 0);
  t.regex(all ?? '', /remote: Flynn: git upload-pack was ended in the middle of its work \(SIGKILL\)\. Try again\.|fetch-pack: unexpected disconnect while reading sideband packet/);
});

test('who pushes is told when git was ended in the middle of it', async (t) => {
  const building = Promise.withResolvers<void>();
  const {url, layout} = await pushServer(t, {build: async (_request, stopped) => {
    building.resolve();
    await once(stopped, 'abort');
    throw stopped.reason;
  }});
  const pushing = push(await sourceTree(t), [url('shop'), 'main']);
  await building.promise;
  for (const pid of await gits('receive-pack', path.join(layout.sources, 'shop.git'))) process.kill(pid, 'SIGKILL');
  const {exitCode, output} = await pushing;
  t.not(exitCode, 0);
  t.regex(output, /remote: Flynn: git receive-pack was ended in the middle of its work \(SIGKILL\)\. See what became of it with: flynn status, then push again\./);
});

test('while the disk is full, who pushes or fetches is told so at once', async (t) => {
  const root = await temporaryFolder(t);
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', root]);
  t.teardown(() => execa('umount', ['--lazy', root]));
  const {url} = await pushServer(t, {root});
  const folder = await sourceTree(t);
  const ballast = path.join(root, 'ballast');
  await execa('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k'], {reject: false});
  const why = /the disk of this node is full, nothing can be pushed or fetched: see flynn gc --dry-run/;
  const refused = await push(folder, [url('shop'), 'main']);
  t.not(refused.exitCode, 0);
  t.regex(refused.output, why);
  t.regex((await execa('git', ['ls-remote', url('cluster')], {reject: false})).stderr, why);
  await rm(ballast);
  t.is((await push(folder, [url('shop'), 'main'])).exitCode, 0);
});
