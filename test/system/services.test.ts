import {chmod, mkdtemp, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {DockerEngine} from '../../reconciler/adapters/docker.ts';
import {appVolume} from '../../reconciler/labels.ts';
import {freePorts} from '../support/free-ports.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// What a service gets of the machine, and what it does not get: asked from within its container.

const SIGNAL = new AbortController().signal;

let node: TrialNode;
let engine: DockerEngine;
let folder: string;
let clone: string;

test.before(async (t) => {
  t.timeout(180_000);
  node = await TrialNode.start();
  engine = new DockerEngine(node.docker);
  folder = await node.app('shop', 'quick');
  const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
  if (exitCode !== 0) throw new Error(output);
  clone = await node.clone();
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

/** Pushes these texts of the cluster repository. Resolves to what git printed. */
async function push(files: Readonly<Record<string, string>>): Promise<{exitCode: number | undefined; output: string}> {
  await node.git(clone, 'fetch', '-q');
  await node.git(clone, 'reset', '-q', '--hard', 'origin/main');
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(clone, name), text);
  await node.git(clone, 'commit', '-qam', 'change');
  return node.git(clone, 'push', '-q');
}

function manifest(yaml: string): Readonly<Record<string, string>> {
  return {'apps/shop/app.yaml': `apiVersion: flynn/v1\nkind: App\n${yaml}`};
}

/** Makes this the app's manifest, waits until it is what runs, and resolves to the id of the one container. */
async function deploy(yaml: string): Promise<string> {
  const [before] = await node.running('shop');
  const {exitCode, output} = await push(manifest(yaml));
  if (exitCode !== 0) throw new Error(output);
  return until('the new container is the only one', async () => {
    const {conditions} = await node.status('shop');
    const stalled = conditions.find(({type, status}) => type === 'Stalled' && status);
    if (stalled !== undefined) throw new Error(stalled.message);
    const [now, ...more] = await node.running('shop');
    return now !== undefined && now.id !== before?.id && more.length === 0 && await node.isSettled() && now.id;
  });
}

async function sh(id: string, script: string): Promise<string> {
  const {exitCode, output} = await engine.exec(id, ['bash', '-c', script], SIGNAL);
  return `${exitCode} ${output.trim()}`.trimEnd();
}

test.serial('limits of memory, threads and open files hold, rights are few, and the user is none with rights', async (t) => {
  const id = await deploy('services: {web: {limits: {memory: 64Mi, pids: 40, files: 500}}}\n');
  t.is(await sh(id, 'ulimit -Hn; ulimit -Sn'), '0 500\n500');
  t.is(await sh(id, 'id -un'), '0 app');
  t.regex(await sh(id, 'grep -E "NoNewPrivs|CapEff|CapBnd" /proc/1/status | tr -s "\\t\\n" " "'), /CapEff: 0000000000000000 CapBnd: 00000000000004eb NoNewPrivs: 1/);
  t.regex(await sh(id, 'for n in {1..60}; do sleep 5 & done 2>&1'), /fork|Resource temporarily unavailable/);
  t.regex(await sh(id, 'perl -e \'$x = "x" x 200e6; print length $x\'; echo "ended with $?"'), /ended with 137/);
});

test.serial('a container whose program takes more memory than it may is told to have been out of it', async (t) => {
  await push(manifest('services: {web: {command: "perl -e \'$x = \\"x\\" x 200e6; sleep 60\'", limits: {memory: 32Mi}}}\n'));
  const message = await until('the deploy has failed', async () => {
    const {conditions} = await node.status('shop');
    return conditions.find(({type, status}) => type === 'Stalled' && status)?.message;
  });
  t.regex(message, /out of memory/);
});

test.serial('a read-only root can\'t be written to, a tmpfs can, up to its size', async (t) => {
  const id = await deploy('services: {web: {readOnlyRoot: true, tmpfs: {/tmp: 1Mi, /dev/shm: 2Mi}}}\n');
  t.regex(await sh(id, 'echo x > /app/x'), /^1 .*Read-only file system/);
  t.is(await sh(id, 'echo x > /tmp/x && cat /tmp/x'), '0 x');
  t.regex(await sh(id, 'head -c 2000000 /dev/zero > /tmp/y'), /No space left/);
  t.is(await sh(id, 'df --output=size -k /dev/shm | tail -1 | tr -d " "'), '0 2048');
});

test.serial('a volume can be written to by the user of the image, and outlives a release', async (t) => {
  const yaml = 'services: {web: {strategy: stop-first, readOnlyRoot: true, volumes: {data: {path: /data}}}}\n';
  const id = await deploy(yaml);
  t.is(await sh(id, 'stat -c %U:%G /data; echo kept > /data/note && chmod 600 /data/note'), '0 app:app');
  await node.commit(folder, {page: 'hello again'});
  const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
  t.is(exitCode, 0, output);
  await until('the new release is the only one', async () => {
    const running = await node.running('shop');
    return running.length === 1 && running[0]?.id !== id;
  });
  const [now] = await node.running('shop');
  t.is(await sh(now?.id ?? '', 'cat /data/note; stat -c %a:%U /data/note'), '0 kept\n600:app');
  const volume = await node.docker.getVolume(appVolume({instance: node.instance, app: 'shop', name: 'data'})).inspect();
  t.like(volume.Labels, {'flynn.instance': node.instance, 'flynn.app': 'shop', 'flynn.volume': 'data'});
});

test.serial('what leads out of a container is refused at the push, and works once the policy allows it', async (t) => {
  const onHost = await mkdtemp(path.join(os.tmpdir(), 'flynn-host-path-'));
  t.teardown(() => rm(onHost, {recursive: true}));
  await chmod(onHost, 0o755);
  await writeFile(path.join(onHost, 'note'), 'from the host');
  const [port = 0] = await freePorts(1);
  const wishes = `services: {web: {strategy: stop-first, port: ${port}, hostNetwork: true, capabilities: [NET_ADMIN], dockerSocket: true, hostPaths: {${onHost}: {path: /host, readOnly: true}}}}\n`;
  const refused = await push(manifest(wishes));
  t.is(refused.exitCode, 1);
  t.regex(refused.output, /apps\/shop\/app\.yaml:3:66: hostNetwork is not allowed/);
  for (const what of ['the capability NET_ADMIN', 'dockerSocket', `the host path "${onHost}"`]) t.true(refused.output.includes(`${what} is not allowed`), what);

  const policy = `${await node.manifest('cluster.yaml')}\npolicy: {shop: {hostNetwork: true, capabilities: [NET_ADMIN], dockerSocket: true, hostPaths: [${onHost}]}}\n`;
  const allowed = await push({'cluster.yaml': policy});
  t.is(allowed.exitCode, 0, allowed.output);
  const id = await deploy(wishes);
  t.is(await sh(id, 'cat /host/note'), '0 from the host');
  t.regex(await sh(id, 'echo x > /host/note'), /^1 .*Read-only file system/s);
  t.regex(await sh(id, 'grep CapBnd /proc/1/status'), /00000000000014eb/);
  t.is(await sh(id, '[ -S /var/run/docker.sock ]'), '0');
  t.is((await fetch(`http://127.0.0.1:${port}/`)).status, 200, 'its port is the host\'s');
  t.is((await node.ask('shop')).status, 200, 'it is routed');
});
