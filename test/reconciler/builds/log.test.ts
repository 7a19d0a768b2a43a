import {appendFile, readFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {BuildLog, readLog} from '../../../reconciler/builds/log.ts';
import {temporaryFolder} from '../checkout/support.ts';

const signal = AbortSignal.timeout(600_000);

test('a log that grows too long says where it ends', async (t) => {
  const log = await BuildLog.open(path.join(await temporaryFolder(t), 'shop', '1.log'));
  for (let line = 0; line < 300; line++) log.write('x'.repeat(10_000));
  await log.close();
  const text = await readFile(log.file, 'utf8');
  t.true(text.length < 2_100_000);
  t.true(text.endsWith('… the rest is left out: more than 2000000 bytes\n'));
});

test('lines longer than what is read at once stay whole, and characters too', async (t) => {
  const log = await BuildLog.open(path.join(await temporaryFolder(t), '1.log'));
  const lines = ['é'.repeat(100_000), '', '⬢'];
  for (const line of lines) log.write(line);
  await log.close();
  t.deepEqual(await linesOf(readLog(log.file, log, signal)), lines);
});

test('the half line of a reconciler that was killed is told too', async (t) => {
  const log = await BuildLog.open(path.join(await temporaryFolder(t), '1.log'));
  log.write('one');
  await log.close();
  await appendFile(log.file, 'two, and');
  t.deepEqual(await linesOf(readLog(log.file, undefined, signal)), ['one', 'two, and']);
});

test('who follows a log is let go when he leaves', async (t) => {
  const log = await BuildLog.open(path.join(await temporaryFolder(t), '1.log'));
  log.write('one');
  const leaving = new AbortController();
  const seen: string[] = [];
  for await (const line of readLog(log.file, log, leaving.signal)) {
    seen.push(line);
    leaving.abort();
  }
  t.deepEqual(seen, ['one']);
  await log.close();
});

async function linesOf(lines: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}
