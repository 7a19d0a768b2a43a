import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import type {AppName} from '../../../schemas/ids.ts';
import {Journal} from '../../../reconciler/apply/journal.ts';
import {app, deploying, good, SHOP} from '../../support/make.ts';

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-journal-'));
  t.teardown(() => rm(folder, {recursive: true}));
  return folder;
}

const refuse = (file: string, cause: unknown) => {
  throw new Error(`unexpected: ${file}`, {cause});
};

test('what was written is there after a restart', async (t) => {
  const folder = await folderOf(t);
  const journal = await Journal.open(folder, refuse);
  await journal.write(good(app('v1', 2)));
  await journal.write(deploying(app('v2', 2), app('v1', 2)));
  const again = await Journal.open(folder, refuse);
  t.deepEqual([...again.records], [[SHOP, deploying(app('v2', 2), app('v1', 2))]]);
  await again.forget(SHOP);
  await again.forget(SHOP);
  t.deepEqual([...(await Journal.open(folder, refuse)).records], []);
});

test('a write that was cut off leaves the record before it', async (t) => {
  const folder = await folderOf(t);
  await (await Journal.open(folder, refuse)).write(good(app('v1', 1)));
  await writeFile(path.join(folder, 'shop.json.new'), '{"app": "sh');
  t.deepEqual((await Journal.open(folder, refuse)).records.get(SHOP), good(app('v1', 1)));
});

test('a file that is damaged is put aside and told, and the others are read', async (t) => {
  const folder = await folderOf(t);
  const other = {...good(app('v1', 1)), app: 'other' as AppName};
  await (await Journal.open(folder, refuse)).write(other);
  await writeFile(path.join(folder, 'shop.json'), '{"app": "sh');
  const broken: string[] = [];
  const journal = await Journal.open(folder, (file) => broken.push(path.basename(file)));
  t.deepEqual(broken, ['shop.json']);
  t.deepEqual([...journal.records.keys()], [other.app]);
  t.deepEqual((await readdir(folder)).toSorted(), ['other.json', 'shop.json.broken']);
  t.is(await readFile(path.join(folder, 'shop.json.broken'), 'utf8'), '{"app": "sh');
});
