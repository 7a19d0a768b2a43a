import {appendFile, readdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {BadPattern} from '../../../reconciler/logs/query.ts';
import {readLog} from '../../../reconciler/logs/read.ts';
import {record} from '../../../reconciler/logs/record.ts';
import {at, line, openStore, SHOP, temporary, texts} from './support.ts';

test('lines of several replicas are read as one, in time order, from both ends', async (t) => {
  const store = await openStore(t);
  await store.append(SHOP, 'web.1', Buffer.concat([line(1, 'web.1', 'a'), line(4, 'web.1', 'd')]));
  await store.append(SHOP, 'web.2', Buffer.concat([line(2, 'web.2', 'b'), line(3, 'web.2', 'c'), line(5, 'web.2', 'e')]));
  store.note(SHOP, {name: 'platform'}, {text: 'web.1 exited', atMs: Date.parse(at(4.5))});
  t.deepEqual(await texts(store), ['web.1 a', 'web.2 b', 'web.2 c', 'web.1 d', 'platform web.1 exited', 'web.2 e']);
  t.deepEqual(await texts(store, {lines: 3}), ['web.1 d', 'platform web.1 exited', 'web.2 e']);
  t.deepEqual(await texts(store, {lines: 0}), []);
});

test('lines are chosen by service, replica, time and text', async (t) => {
  const store = await openStore(t);
  for (let n = 0; n < 6; n++) await store.append(SHOP, `web.${n % 2 + 1}`, line(n, `web.${n % 2 + 1}`, `request ${n}`));
  await store.append(SHOP, 'worker.1', line(2.5, 'worker.1', 'job 7'));
  t.deepEqual(await texts(store, {service: 'worker'}), ['worker.1 job 7']);
  t.deepEqual(await texts(store, {replica: 'web.2', lines: 2}), ['web.2 request 3', 'web.2 request 5']);
  t.deepEqual(await texts(store, {since: at(2), until: at(4)}), ['web.1 request 2', 'worker.1 job 7', 'web.2 request 3']);
  t.deepEqual(await texts(store, {grep: '^request [01]$'}), ['web.1 request 0', 'web.2 request 1']);
  t.deepEqual(await texts(store, {grep: 'request', lines: 1}), ['web.2 request 5']);
  t.deepEqual(await texts(store, {service: 'nothing'}), []);
});

test('a pattern that would take for ever is refused', async (t) => {
  const store = await openStore(t);
  await store.append(SHOP, 'web.1', line(1, 'web.1', `${'a'.repeat(40)}!`));
  await t.throwsAsync(texts(store, {grep: '^(a+)+$'}), {instanceOf: BadPattern, message: /takes too long/});
});

test('what was written is there for the next life, but for a line that was never finished', async (t) => {
  const folder = await temporary(t);
  const first = await openStore(t, {folder});
  await first.append(SHOP, 'web.1', Buffer.concat([line(1, 'web.1', 'one', {container: '4f149fd6aaaa', release: 3}), line(2, 'web.1', 'two')]));
  await first.written();
  const files = await readdir(path.join(folder, SHOP, 'web.1'));
  t.deepEqual(files, ['000000000000000.log']);
  await appendFile(path.join(folder, SHOP, 'web.1', files[0] ?? ''), '2026-11-25T12:00:03.0');
  const second = await openStore(t, {folder});
  await second.append(SHOP, 'web.1', line(3, 'web.1', 'three'));
  t.deepEqual(await texts(second), ['web.1 one', 'web.1 two', 'web.1 three']);
  const lines = [];
  for await (const one of readLog({app: SHOP, follow: false, lines: 3}, second, new AbortController().signal)) lines.push(one);
  t.deepEqual(lines[0], {at: at(1), source: 'app', name: 'web.1', container: '4f149fd6aaaa', release: 3, stream: 'stdout', text: 'one'});
});

test('a flood of one replica pushes out its own old lines, not what another wrote', async (t) => {
  const store = await openStore(t, {appBytesMax: 512 * 1024});
  await store.append(SHOP, 'worker.1', line(0, 'worker.1', 'last words'));
  for (let n = 0; n < 400; n++) await store.append(SHOP, 'web.1', Buffer.concat(Array.from({length: 50}, () => line(n, 'web.1', `${n} ${'x'.repeat(60)}`))));
  await store.written();
  const kept = [...store.partitions(SHOP).values()].reduce((sum, {bytes}) => sum + bytes, 0);
  t.true(kept < 1024 * 1024 && kept > 200 * 1024, String(kept));
  const all = await texts(store);
  t.is(all[0], 'worker.1 last words');
  t.regex(all.at(-1) ?? '', /^web\.1 399 x+$/);
});

test('who follows gets each line once, however late he reads, and is told what was removed before he read it', async (t) => {
  const store = await openStore(t, {appBytesMax: 512 * 1024});
  await store.append(SHOP, 'web.1', line(0, 'web.1', 'before'));
  const leaving = new AbortController();
  const followed = readLog({app: SHOP, follow: true, lines: 1}, store, leaving.signal);
  t.is((await followed.next()).value?.text, 'before');
  const next = followed.next();
  await store.append(SHOP, 'web.1', line(1, 'web.1', 'live'));
  t.is((await next).value?.text, 'live');
  for (let n = 0; n < 20_000; n++) await store.append(SHOP, 'web.1', line(2, 'web.1', `${n} ${'x'.repeat(60)}`));
  await store.written();
  const first = (await followed.next()).value;
  const lost = Number(/^(\d+) lines of web\.1 are left out/.exec(first?.text ?? '')?.[1]);
  t.true(lost > 0, first?.text);
  t.is(first?.source, 'flynn');
  for (let n = lost; n < 20_000; n++) t.true((await followed.next()).value?.text.startsWith(`${n} x`));
  leaving.abort();
  t.true((await followed.next()).done);
});

test('what is too old is removed with its folders', async (t) => {
  const folder = await temporary(t);
  const store = await openStore(t, {folder, ageMsMax: 60_000});
  await store.append(SHOP, 'web.1', line(0, 'web.1', 'old'));
  await store.written();
  await store.removeOld(Date.now() + 30_000);
  t.deepEqual(await texts(store), ['web.1 old']);
  await store.removeOld(Date.now() + 61_000);
  t.deepEqual(await texts(store), []);
  t.deepEqual(await readdir(folder), []);
  await store.append(SHOP, 'web.1', line(1, 'web.1', 'new'));
  t.deepEqual(await texts(store), ['web.1 new']);
});

test('a file that somebody edited costs its own lines only', async (t) => {
  const folder = await temporary(t);
  const store = await openStore(t, {folder});
  await store.append(SHOP, 'web.1', line(1, 'web.1', 'one'));
  await store.written();
  await writeFile(path.join(folder, SHOP, 'web.1', '000000000000000.log'), Buffer.concat([line(1, 'web.1', 'one'), Buffer.from('no record\n\n'), line(2, 'web.1', 'two')]));
  t.deepEqual(await texts(await openStore(t, {folder})), ['web.1 one', 'web.1 two']);
});

test('of a text with several lines only the first becomes a record', (t) => {
  t.is(record(at(1), {source: 'flynn', name: 'build'}, 'one\ntwo').toString(), `${at(1)} flynn build - - o one\n`);
});
