import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type Docker from 'dockerode';
import test, {type ExecutionContext} from 'ava';
import {PushedBook} from '../../../reconciler/apply/pushed-book.ts';
import type {PushedImage} from '../../../reconciler/observed/pushed.ts';
import {Registry} from '../../../reconciler/wiring/registry.ts';
import {image, SHOP} from '../../support/make.ts';

const signal = () => AbortSignal.timeout(20_000);

/** A registry that answers this way to everything, and a node that pushed `v1` to it and `v2` to another one. */
async function registry(t: ExecutionContext, answer: (method: string, url: string) => number) {
  const server = createServer(({method = '', url = ''}, response) => response.writeHead(answer(method, url)).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-registry-'));
  t.teardown(async () => {
    server.close();
    await rm(folder, {recursive: true, force: true});
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const book = await PushedBook.open(path.join(folder, 'pushed.json'), () => t.fail());
  const pushed = (spec: string, repository = `${host}/shop`): PushedImage => ({app: SHOP, image: image(spec), repository, digest: `sha256:${spec}`, pushedAtMs: 1});
  await book.write(pushed('v1'));
  await book.write(pushed('v2', 'old.test/shop'));
  const settings = {host};
  const it = new Registry({docker: {} as Docker, instance: 'flynn', book, settings: () => settings, openSecret: async (sealed) => sealed});
  return {it, pushed: pushed('v1'), names: () => book.images.map((one) => one.image)};
}

test('what the registry has lost is forgotten, so that it is pushed again', async (t) => {
  const {it, names} = await registry(t, () => 404);
  await it.recheck(signal());
  t.deepEqual(names(), [image('v2')], 'of another registry nothing is known');
});

test('what is there stays, and so does everything while the registry is ill', async (t) => {
  for (const status of [200, 503]) {
    const {it, names} = await registry(t, () => status);
    await it.recheck(signal()).catch(() => {});
    t.deepEqual(names(), [image('v1'), image('v2')]);
  }
});

test('what is removed is forgotten', async (t) => {
  const {it, pushed, names} = await registry(t, (method) => (method === 'DELETE' ? 202 : 404));
  await it.remove(pushed, signal());
  t.deepEqual(names(), [image('v2')]);
  t.deepEqual(it.look().registry?.troubles, []);
});

test('a registry that removes nothing is asked again after a day; one that is ill, sooner, with pauses that grow', async (t) => {
  for (const [status, pauses] of [[405, [1440, 1440]], [503, [10, 20]]] as const) {
    const {it, pushed, names} = await registry(t, () => status);
    const waits: number[] = [];
    for (const _ of pauses) {
      const beforeMs = Date.now();
      await t.throwsAsync(it.remove(pushed, signal()), {message: new RegExp(String(status))});
      waits.push(Math.round(((it.look().registry?.troubles[0]?.againAtMs ?? 0) - beforeMs) / 60_000));
    }
    t.deepEqual(waits, [...pauses]);
    t.deepEqual(names(), [image('v1'), image('v2')]);
    t.is(it.state()?.troubles[0]?.tries, 2);
  }
});
