import {appendFile, mkdtemp, readFile, rm, stat} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {UsedKeys} from '../../../reconciler/api/used-keys.ts';

const SCALE = {method: 'POST', url: '/v1/apps/shop/scale?wait=true', body: {services: {web: 3}}};
const OTHER = {...SCALE, body: {services: {web: 4}}};

async function book(t: ExecutionContext) {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-keys-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const logged: string[] = [];
  return {logged, file: path.join(folder, 'used-keys'), log: (message: string) => logged.push(message)};
}

test('a key is good for one request, also for the next process', async (t) => {
  const kept = await book(t);
  await new UsedKeys(kept).mustFit('key-00001', SCALE);
  const next = new UsedKeys(kept);
  await next.mustFit('key-00001', {...SCALE, url: '/v1/apps/shop/scale'});
  await t.throwsAsync(next.mustFit('key-00001', OTHER), {message: /was used for another request/});
  await t.throwsAsync(next.mustFit('key-00001', {...SCALE, url: '/v1/apps/blog/scale'}), {message: /was used for another request/});
  await next.mustFit('key-00002', OTHER);
  t.is((await stat(kept.file)).mode & 0o777, 0o600);
  t.false((await readFile(kept.file, 'utf8')).includes('web'));
});

test('half a line of a machine that lost power is none, and the one after it counts', async (t) => {
  const kept = await book(t);
  await new UsedKeys(kept).mustFit('key-00001', SCALE);
  await appendFile(kept.file, 'key-00002 abc');
  const next = new UsedKeys(kept);
  await next.mustFit('key-00002', OTHER);
  const last = new UsedKeys(kept);
  await t.throwsAsync(last.mustFit('key-00001', OTHER), {message: /was used for another request/});
  await t.throwsAsync(last.mustFit('key-00002', SCALE), {message: /was used for another request/});
});

test('the newest two thousand are kept, and the file does not grow beyond twice that', async (t) => {
  const kept = await book(t);
  const keys = new UsedKeys(kept);
  for (let count = 0; count < 4_200; count += 1) await keys.mustFit(`key-${count}`, SCALE);
  const next = new UsedKeys(kept);
  await next.mustFit('key-0', OTHER);
  await t.throwsAsync(next.mustFit('key-4199', OTHER), {message: /was used for another request/});
  t.true((await readFile(kept.file, 'utf8')).split('\n').length <= 4_001);
});

test('what can\'t be written down is done all the same, and said', async (t) => {
  const {logged, file, log} = await book(t);
  const keys = new UsedKeys({file: path.join(file, 'not', 'there'), log});
  await keys.mustFit('key-00001', SCALE);
  await t.throwsAsync(keys.mustFit('key-00001', OTHER), {message: /was used for another request/});
  t.deepEqual(logged, ["an Idempotency-Key can't be written down"]);
});
