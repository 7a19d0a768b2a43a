import {appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {AuditLog} from '../../../reconciler/oneshot/audit.ts';
import type {AppName} from '../../../schemas/ids.ts';

const SHOP = 'shop' as AppName;

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-audit-'));
  t.teardown(() => rm(folder, {recursive: true, force: true}));
  return folder;
}

test('each entry is a line of JSON, in the order in which they were asked for, for its owner alone', async (t) => {
  const file = path.join(await folderFor(t), 'audit.log');
  const log = new AuditLog(file, () => 0);
  await Promise.all(Array.from({length: 50}, (_, index) => log.add({actor: 'ann', action: 'kill', app: SHOP, subject: `web.${index}`})));
  const lines = (await readFile(file, 'utf8')).split('\n');
  t.is(lines[0], '{"at":"1970-01-01T00:00:00.000Z","actor":"ann","action":"kill","app":"shop","subject":"web.0"}');
  t.deepEqual(lines.slice(0, -1).map((line) => (JSON.parse(line) as {subject: string}).subject), Array.from({length: 50}, (_, index) => `web.${index}`));
  t.is((await stat(file)).mode & 0o777, 0o600);
  t.deepEqual(await log.verify(), {lines: 50});
  t.deepEqual((await log.last(2)).map(({subject}) => subject), ['web.48', 'web.49']);
  t.deepEqual(await log.last(0), []);
});

test('no log is an empty one, and half a line is none', async (t) => {
  const file = path.join(await folderFor(t), 'audit.log');
  const log = new AuditLog(file);
  t.deepEqual(await log.last(10), []);
  await log.add({actor: 'ann', action: 'restart', app: SHOP});
  await appendFile(file, '{"at":"19');
  t.deepEqual((await log.last(10)).map(({action}) => action), ['restart']);
});

test('after half a line the next one is whole', async (t) => {
  const file = path.join(await folderFor(t), 'audit.log');
  await appendFile(file, '{"at":"19');
  const log = new AuditLog(file);
  await log.add({actor: 'ann', action: 'restart', app: SHOP});
  await new AuditLog(file).add({actor: 'ann', action: 'kill', app: SHOP});
  t.deepEqual((await log.last(10)).map(({action}) => action), ['restart', 'kill']);
  t.is((await readFile(file, 'utf8')).split('\n').filter((line) => line === '').length, 1, 'there are no empty lines');
});

test('the log has at most five files, and the newest entries are read across them', async (t) => {
  const folder = await folderFor(t);
  const log = new AuditLog(path.join(folder, 'audit.log'));
  const subject = 'x'.repeat(1024 * 1024);
  for (let index = 0; index < 24; index++) await log.add({actor: `${index}`, action: 'kill', subject});
  t.deepEqual((await readdir(folder)).toSorted(), ['audit.log', 'audit.log.1', 'audit.log.2', 'audit.log.3', 'audit.log.4']);
  t.deepEqual((await log.last(5)).map(({actor}) => actor), ['19', '20', '21', '22', '23']);
});

test('each line has the hash of the one before it, also after a start and in the next file', async (t) => {
  const folder = await folderFor(t);
  const file = path.join(folder, 'audit.log');
  const subject = 'x'.repeat(1024 * 1024);
  for (let index = 0; index < 6; index++) await new AuditLog(file).add({actor: `${index}`, action: 'kill', subject});
  t.true((await readdir(folder)).includes('audit.log.1'));
  t.deepEqual(await new AuditLog(file).verify(), {lines: 6});
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('"actor":"4"', '"actor":"5"'));
  t.deepEqual(await new AuditLog(file).verify(), {lines: 6, brokenAt: `audit.log:${text.trim().split('\n').length}`});
});

test('half a line of a machine that lost power does not break the chain, a line that is taken out does', async (t) => {
  const file = path.join(await folderFor(t), 'audit.log');
  await new AuditLog(file).add({actor: 'ann', action: 'kill'});
  await appendFile(file, '{"at":"19');
  for (const actor of ['bob', 'eve', 'dan']) await new AuditLog(file).add({actor, action: 'kill'});
  t.deepEqual(await new AuditLog(file).verify(), {lines: 5});
  const lines = (await readFile(file, 'utf8')).split('\n');
  await writeFile(file, lines.filter((line) => !line.includes('eve')).join('\n'));
  t.deepEqual(await new AuditLog(file).verify(), {lines: 4, brokenAt: 'audit.log:4'});
});

test('what can\'t be written down is refused', async (t) => {
  const log = new AuditLog(path.join(await folderFor(t), 'missing', 'audit.log'));
  await t.throwsAsync(log.add({actor: 'ann', action: 'kill'}), {message: /^writing ".*audit\.log" failed$/});
});
