import {createHash} from 'node:crypto';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {execa} from 'execa';
import {imageArchive, imageDockerfile, type ImageDescription, type Layer} from '../../../../reconciler/build/image/archive.ts';
import {tarStream, textEntry} from '../../../../reconciler/build/image/tar.ts';

const BASE = {architecture: 'amd64', layers: ['sha256:base'], env: ['PATH=/usr/bin']};

function layer(text: string): Layer {
  return {
    digest: `sha256:${createHash('sha256').update(text).digest('hex')}`,
    sizeBytes: text.length,
    async *content() {
      yield Buffer.from(text);
    },
  };
}

function image(over: Partial<ImageDescription> = {}): ImageDescription {
  return {base: BASE, layers: [layer('runtime'), layer('app')], tag: 'flynn/shop:0123', command: ['npm start'], labels: {b: '2', a: '1'}, createdAtSeconds: 1_700_000_000, ...over};
}

const none = () => false;

test('the same description gives the same digest, whatever the order of its labels', t => {
  t.is(imageArchive(image(), none).digest, imageArchive(image({labels: {a: '1', b: '2'}}), none).digest);
});

test('the digest is the one of the configuration in the archive, and names every layer in order', t => {
  const {digest, entries} = imageArchive(image(), none);
  const config = entries.find(entry => entry.name === `${digest.slice(7)}.json`);
  const text = Buffer.concat([...(config?.content() as Iterable<Uint8Array>)]).toString();
  t.is(digest, `sha256:${createHash('sha256').update(text).digest('hex')}`);
  t.like(JSON.parse(text), {
    created: '2023-11-14T22:13:20.000Z',
    config: {User: 'app', Entrypoint: ['/flynn/launch'], Cmd: ['npm start'], WorkingDir: '/app', Env: BASE.env},
    rootfs: {diff_ids: ['sha256:base', layer('runtime').digest, layer('app').digest]},
  });
});

test('a layer that the engine holds is left out, and only when all below it are held too', t => {
  const [runtime, app] = [layer('runtime'), layer('app')];
  const files = (isHeld: (layers: readonly string[]) => boolean) =>
    imageArchive(image(), isHeld)
      .entries.map(entry => entry.name)
      .filter(name => name.endsWith('/layer.tar'));
  const file = ({digest}: Layer) => `${digest.slice(7)}/layer.tar`;
  t.deepEqual(files(none), [file(runtime), file(app)]);
  t.deepEqual(files(layers => layers.join() === ['sha256:base', runtime.digest].join()), [file(app)]);
  t.deepEqual(files(layers => layers.join() === ['sha256:base', app.digest].join()), [file(runtime), file(app)]);
});

test('two layers that are alike are in the archive once', t => {
  t.is(imageArchive(image({layers: [layer('same'), layer('same')]}), none).entries.length, 3);
});

test('for the engine’s own builder the same image is a Dockerfile', t => {
  const [dockerfile] = imageDockerfile(image(), 'flynn/run:1');
  t.is(
    Buffer.concat([...(dockerfile?.content() as Iterable<Uint8Array>)]).toString(),
    'FROM flynn/run:1\nADD layer-0.tar /\nADD layer-1.tar /\nUSER app\nWORKDIR /app\nENTRYPOINT ["/flynn/launch"]\nCMD ["npm start"]\n',
  );
});

test('tar reads what was written, with owner and mode', async t => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-tar-test-'));
  const file = path.join(folder, 'a.tar');
  await writeFile(file, tarStream([textEntry('env/KEY', 'välue', {mode: 0o600, ownerId: 1000}), textEntry('empty', '')]));
  const {stdout} = await execa('tar', ['--list', '--verbose', '--numeric-owner', '--utc', '--file', file]);
  t.regex(stdout, /^-rw------- 1000\/1000\s+6 1970-01-01 00:00 env\/KEY\n-rw-r--r-- 0\/0\s+0 1970-01-01 00:00 empty$/);
  await execa('tar', ['--extract', '--file', file, '--directory', folder, '--no-same-owner']);
  t.is(await readFile(path.join(folder, 'env/KEY'), 'utf8'), 'välue');
  await rm(folder, {recursive: true});
});

for (const [claim, sizeBytes] of [['more', 2], ['fewer', 5]] as const) {
  test(`content with ${claim} bytes than announced is an error, never a broken archive`, async t => {
    await t.throwsAsync(tarStream([{name: 'a', sizeBytes, content: () => [Buffer.from('abc')]}]).toArray(), {message: `"a" has other than the ${sizeBytes} bytes that it was announced with`});
  });
}
