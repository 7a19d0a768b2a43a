import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {BuildMinutes} from '../../../reconciler/builds/minutes.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {temporaryFolder} from '../checkout/support.ts';

const SHOP = 'shop' as AppName;
const [NOVEMBER, DECEMBER] = [Date.parse('2026-11-30T23:59:59Z'), Date.parse('2026-12-01T00:00:00Z')];

test('minutes of a month add up, outlive a restart, and begin anew with the next', async (t) => {
  const file = path.join(await temporaryFolder(t), 'minutes.json');
  const open = () => BuildMinutes.open(file, (message) => t.fail(message));
  const minutes = await open();
  await Promise.all([minutes.add(SHOP, 30_000, NOVEMBER), minutes.add(SHOP, 60_000, NOVEMBER), minutes.add('blog' as AppName, 60_000, NOVEMBER)]);
  t.is((await open()).used(SHOP, NOVEMBER), 1.5);
  t.is((await open()).used(SHOP, DECEMBER), 0);
  await minutes.add(SHOP, 60_000, DECEMBER);
  t.is((await open()).used(SHOP, DECEMBER), 1);
  t.is((await open()).used('constructor', DECEMBER), 0);
});

test('a book that can\'t be read keeps nobody from building, and is told of', async (t) => {
  const file = path.join(await temporaryFolder(t), 'minutes.json');
  await fs.writeFile(file, '{"month": 3}');
  const told: string[] = [];
  const minutes = await BuildMinutes.open(file, (message) => told.push(message));
  t.is(minutes.used(SHOP, NOVEMBER), 0);
  t.is(told.length, 1);
});
