import {createServer, type AddressInfo} from 'node:net';
import {once} from 'node:events';
import {mkdtemp, readFile, rm, stat} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import test from 'ava';
import {execa} from 'execa';
import {LABEL_INSTANCE} from '../../reconciler/labels.ts';
import {stackImages} from '../../buildpacks/stack/images.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

const MAIN = path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
const docker = new Docker();

test('a node that is started again adopts what runs, goes down as a whole, and comes back', async (t) => {
  await using node = await TrialNode.start();
  await pushed(t, node);
  const before = await node.running('site');
  t.is(before.length, 1);

  await node.kill('SIGINT');
  t.deepEqual(await node.running('site'), before);
  t.is((await node.ask('site')).status, 200);
  await node.up();
  t.deepEqual(await node.running('site'), before);

  const second = await node.flynn(['up', '--data', node.layout.root]);
  t.is(second.exitCode, 0, second.output);
  t.regex(second.output, new RegExp(`is already running \\(process ${node.pid}\\)`));
  const other = await node.flynn(['up', '--data', node.layout.root, '--domain', 'other.localhost']);
  t.is(other.exitCode, 1);
  t.regex(other.output, /domain: "flynn.localhost" would become "other.localhost"/);

  const [replica] = before;
  const Image = (await docker.getContainer(replica?.id ?? '').inspect()).Image;
  // Inherits the labels of the app's image, our instance among them.
  const byHand = await docker.createContainer({name: `setup-test-by-hand-${process.pid}`, Image, Entrypoint: ['sleep', '300']});
  t.teardown(() => byHand.remove({force: true}).catch(() => undefined));
  await byHand.start();
  t.is((await byHand.inspect()).Config.Labels[LABEL_INSTANCE], node.instance);

  const down = await node.flynn(['down', '--data', node.layout.root]);
  t.is(down.exitCode, 0, down.output);
  t.true((await byHand.inspect()).State.Running);
  await byHand.remove({force: true});
  for (const role of ['app', 'router', 'dns']) t.deepEqual(await node.containers(role), [], role);
  await node.up();
  await until('the app answers again', async () => (await node.ask('site')).status === 200);
});

test('a purge removes everything of one node and nothing of anybody else', async (t) => {
  const node = await TrialNode.start();
  await pushed(t, node);
  const name = `setup-test-${process.pid}`;
  const Image = (await stackImages()).run;
  const foreign = await Promise.all([
    docker.createContainer({name: `${name}-plain`, Image, Entrypoint: ['sleep', '300'], Labels: {'flynn.role': 'app'}}),
    docker.createContainer({name: `${name}-other`, Image, Entrypoint: ['sleep', '300'], Labels: {[LABEL_INSTANCE]: `${node.instance}0`}}),
  ]);
  const volume = await docker.createVolume({Name: name});
  const network = await docker.createNetwork({Name: name});
  try {
    await Promise.all(foreign.map((container) => container.start()));
    const asked = await node.flynn(['down', '--purge', '--data', node.layout.root]);
    t.is(asked.exitCode, 2);
    t.is((await node.running('site')).length, 1);

    const purged = await node.flynn(['down', '--purge', '--yes', '--data', node.layout.root]);
    t.is(purged.exitCode, 0, purged.output);
    t.regex(purged.output, /what stays: installed packages .* and the Docker Engine's own state/);
    const filters = {label: [`${LABEL_INSTANCE}=${node.instance}`]};
    t.deepEqual(await docker.listContainers({all: true, filters}), []);
    t.deepEqual(await docker.listImages({all: true, filters}), []);
    t.deepEqual(await docker.listNetworks({filters}), []);
    t.deepEqual((await docker.listVolumes({filters})).Volumes, []);
    await t.throwsAsync(stat(node.layout.root), {code: 'ENOENT'});
    t.notRegex(await readFile(path.join(node.home, '.gitconfig'), 'utf8'), /credential/);
    t.notRegex(await readFile(path.join(node.home, '.config', 'flynn', 'config.yaml'), 'utf8'), new RegExp(node.instance));

    for (const container of foreign) t.true((await container.inspect()).State.Running);
    t.is((await docker.getVolume(name).inspect()).Name, name);
    t.is((await network.inspect()).Name, name);
    t.truthy(await docker.getImage(Image).inspect());
  } finally {
    await Promise.all(foreign.map((container) => container.remove({force: true})));
    await volume.remove();
    await network.remove();
    await node[Symbol.asyncDispose]();
  }
});

test('a taken port is told with the process that holds it, before anything is made', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  const home = await mkdtemp(path.join(tmpdir(), 'flynn-trial-'));
  const data = path.join(home, 'data');
  const {exitCode, stderr} = await execa(process.execPath, [MAIN, 'up', '--data', data, '--http-port', String(port)], {env: {HOME: home}, reject: false});
  t.is(exitCode, 1);
  t.regex(stderr, new RegExp(`port ${port} \\(HTTP\\) on 127.0.0.1 is taken by .* \\(process ${process.pid}\\)`));
  t.regex(stderr, /choose others: flynn up --http-port/);
  await t.throwsAsync(stat(path.join(data, 'settings.yaml')), {code: 'ENOENT'});
  await rm(home, {recursive: true});
  server.close();
});

async function pushed(t: {is(one: unknown, other: unknown, message?: string): unknown}, node: TrialNode): Promise<void> {
  const folder = await node.app('site', 'static-site');
  const {exitCode, output} = await node.git(folder, 'push', 'flynn', 'main');
  t.is(exitCode, 0, output);
}
