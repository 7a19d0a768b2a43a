import {readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {DockerEngine} from '../../reconciler/adapters/docker.ts';
import {appVolume} from '../../reconciler/labels.ts';
import type {Volume} from '../../reconciler/volumes/volumes.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// What an app keeps: copied out, put back, and removed only when somebody says so.

const SIGNAL = new AbortController().signal;
const LARGE_BYTES = 40 * 1024 * 1024;

let node: TrialNode;
let engine: DockerEngine;
let clone: string;
let file: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  engine = new DockerEngine(node.docker);
  file = path.join(node.home, 'data.tar');
  const folder = await node.app('shop', 'quick');
  clone = await node.clone();
  await push('services: {web: {strategy: stop-first, volumes: {data: {path: /data}}}}\n');
  const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
  if (exitCode !== 0) throw new Error(output);
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

async function push(yaml: string): Promise<void> {
  await node.git(clone, 'pull', '-q', '--rebase');
  await writeFile(path.join(clone, 'apps/shop/app.yaml'), `apiVersion: flynn/v1\nkind: App\n${yaml}`);
  await node.git(clone, 'commit', '-qam', 'change');
  const {exitCode, output} = await node.git(clone, 'push', '-q');
  if (exitCode !== 0) throw new Error(output);
}

async function sh(script: string): Promise<string> {
  const [first] = await node.running('shop');
  const {exitCode, output} = await engine.exec(first?.id ?? '', ['bash', '-c', script], SIGNAL);
  return `${exitCode} ${output.trim()}`.trimEnd();
}

async function scale(replicas: number): Promise<void> {
  const {exitCode, output} = await node.flynn(['scale', `web=${replicas}`, '-a', 'shop']);
  if (exitCode !== 0) throw new Error(output);
  await until('it is so', async () => (await node.running('shop')).length === replicas);
}

async function volumes(): Promise<readonly Volume[]> {
  const {stdout, output} = await node.flynn(['volume', '--json']);
  if (stdout === '') throw new Error(output);
  return JSON.parse(stdout) as readonly Volume[];
}

test.serial('a volume is listed with what uses it', async (t) => {
  t.is(await sh(`echo first > /data/note && mkdir -m 700 /data/deep && head -c ${LARGE_BYTES} /dev/zero > /data/deep/large && ln -s note /data/link`), '0');
  // The engine measures everything that it has, which may take it too long to say.
  const [one, ...more] = await until('its size is known', async () => {
    const all = await volumes();
    return all.every(({bytes}) => bytes !== undefined) && all;
  });
  t.deepEqual(more, []);
  t.like(one, {app: 'shop', name: 'data', isWanted: true, usedBy: ['web.1']});
  t.true((one?.bytes ?? 0) >= LARGE_BYTES, `${one?.bytes} bytes`);
});

test.serial('a backup is a tar with a checksum, made while the app runs', async (t) => {
  const {exitCode, output} = await node.run(['bash', '-c', `"$0" "$1" volume backup shop/data > "$2"`, process.execPath, path.join(import.meta.dirname, '../../cli/main.ts'), file]);
  t.is(exitCode, 0, output);
  t.regex(output, /^Backing up shop\/data\.\.\. done, .* in 5 files and folders, sha256 [0-9a-f]{64}$/);
  const {stdout} = await node.run(['tar', '-tvf', file]);
  t.regex(stdout, /^drwxr-xr-x .* volume\/$/m);
  t.regex(stdout, /^lrwxrwxrwx .* volume\/link -> note$/m);
  t.regex(stdout, /^-rw-r--r-- .* flynn-volume\.json$/m);
});

test.serial('a restore is refused while the app runs, and of a damaged backup: nothing changes', async (t) => {
  t.is(await sh('echo second > /data/note'), '0');
  const running = await node.flynn(['volume', 'restore', 'shop/data', '--file', file]);
  t.is(running.exitCode, 1);
  t.regex(running.output, /is used by web\.1/);
  await scale(0);
  const bytes = await readFile(file);
  const cut = path.join(node.home, 'cut.tar');
  await writeFile(cut, bytes.subarray(0, bytes.length - 5000));
  const damaged = path.join(node.home, 'damaged.tar');
  bytes[20_000_000] = 1;
  await writeFile(damaged, bytes);
  for (const [name, message] of [[cut, /not a whole backup/], [damaged, /damaged/]] as const) {
    const {exitCode, output} = await node.flynn(['volume', 'restore', 'shop/data', '--file', name]);
    t.is(exitCode, 1);
    t.regex(output, message);
  }
  await scale(1);
  t.is(await sh('cat /data/note'), '0 second');
});

test.serial('a restored volume has the files of the backup and no others, with their owners and modes', async (t) => {
  t.is(await sh('echo more > /data/more'), '0');
  await scale(0);
  const {exitCode, output} = await node.flynn(['volume', 'restore', 'shop/data', '--file', file]);
  t.is(exitCode, 0, output);
  await scale(1);
  t.is(await sh('cat /data/link; ls /data; stat -c "%a %U" /data/deep; stat -c "%s %U" /data/deep/large; echo new > /data/note'), `0 first\ndeep\nlink\nnote\n700 app\n${LARGE_BYTES} app`);
  const left = await node.docker.listVolumes({filters: {label: [`flynn.instance=${node.instance}`]}});
  t.deepEqual(left.Volumes.map(({Name}) => Name), [appVolume({instance: node.instance, app: 'shop', name: 'data'})]);
  await until('nothing is left of it', async () => (await node.containers('volume')).length === 0);
});

test.serial('a volume outlives its app, and goes only when somebody says so', async (t) => {
  const wanted = await node.flynn(['volume', 'rm', 'shop/data', '--yes']);
  t.is(wanted.exitCode, 1);
  t.regex(wanted.output, /apps\/shop\/app\.yaml has the volume "data"/);
  t.is((await node.flynn(['destroy', 'shop', '--confirm', 'shop'])).exitCode, 0);
  await until('nothing of it runs', async () => (await node.running('shop')).length === 0);
  t.like(await volumes(), [{app: 'shop', name: 'data', isWanted: false, usedBy: []}]);
  t.is((await node.flynn(['volume', 'rm', 'shop/data'])).exitCode, 1, 'nobody is there to say yes');
  const {exitCode, output} = await node.flynn(['volume', 'rm', 'shop/data', '--yes']);
  t.is(exitCode, 0, output);
  t.deepEqual(await volumes(), []);
  t.regex((await node.flynn(['volume', 'backup', 'shop/data', '--file', file])).output, /there is no volume shop\/data/);
});
