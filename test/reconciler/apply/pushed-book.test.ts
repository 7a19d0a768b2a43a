import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {PushedBook} from '../../../reconciler/apply/pushed-book.ts';
import type {PushedImage} from '../../../reconciler/observed/pushed.ts';
import {image, SHOP} from '../../support/make.ts';

const pushed = (spec: string): PushedImage => ({app: SHOP, image: image(spec), repository: 'registry.test/shop', pushedAtMs: 1});

async function file(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-pushed-'));
  t.teardown(() => rm(folder, {recursive: true, force: true}));
  return path.join(folder, 'pushed.json');
}

const unbroken = () => {
  throw new Error('it is not broken');
};

test('what is written outlives the process, each image once', async (t) => {
  const at = await file(t);
  const book = await PushedBook.open(at, unbroken);
  await Promise.all([book.write(pushed('v1')), book.write(pushed('v2')), book.write({...pushed('v1'), digest: 'sha256:m1'})]);
  t.deepEqual((await PushedBook.open(at, unbroken)).images, [pushed('v2'), {...pushed('v1'), digest: 'sha256:m1'}]);
  await book.forget(pushed('v1'));
  t.deepEqual((await PushedBook.open(at, unbroken)).images, [pushed('v2')]);
});

test('a file that can\'t be read is put aside', async (t) => {
  const at = await file(t);
  await writeFile(at, '{"images": 1}');
  const broken: string[] = [];
  t.deepEqual((await PushedBook.open(at, (name) => broken.push(name))).images, []);
  t.deepEqual(broken, [at]);
  t.is(await readFile(`${at}.broken`, 'utf8'), '{"images": 1}');
});
