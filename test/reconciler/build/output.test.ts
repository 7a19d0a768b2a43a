import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {openBuildLog} from '../../../reconciler/build/log.ts';
import {npmrcFrom} from '../../../reconciler/build/npm-settings.ts';
import {detail, formatDuration, formatLimit, formatMegabytes, step, warning} from '../../../reconciler/build/output.ts';

test('steps, details and warnings are indented as on Heroku', t => {
  t.deepEqual([step('a'), detail('b'), warning('c')], ['-----> a', '       b', ' !     c']);
});

test('sizes and times are written in the units that people set them in', t => {
  t.deepEqual([formatMegabytes(45_200_000), formatLimit(2 ** 31), formatLimit(512 * 2 ** 20), formatDuration(900_000), formatDuration(6000)], ['45.2M', '2Gi', '512Mi', '15 min', '6 s']);
});

test('only the newest 20 logs of an app are kept, numbered on', async t => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-log-test-'));
  for (let build = 0; build < 23; build++) await (await openBuildLog(folder)).close();
  const names = (await readdir(folder)).map(name => Number.parseInt(name, 10)).sort((one, other) => one - other);
  t.deepEqual([names.length, names[0], names.at(-1)], [20, 4, 23]);
  await rm(folder, {recursive: true});
});

test('a log that grows too long says where it ends', async t => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-log-test-'));
  const log = await openBuildLog(folder);
  for (let line = 0; line < 300; line++) log.write('x'.repeat(10_000));
  await log.close();
  const text = await readFile(log.file, 'utf8');
  t.true(text.length < 2_100_000);
  t.true(text.endsWith('… the rest is left out: more than 2000000 bytes\n'));
  await rm(folder, {recursive: true});
});

test('a build gets the machine’s registries and none of its tokens', t => {
  const npmrc = npmrcFrom({
    registry: 'https://user:canary@npm.test/all/',
    '@acme:registry': 'https://acme.test/npm/',
    '//npm.test/:_authToken': 'canary',
    '_auth': 'canary',
    nodedir: '/usr',
  });
  t.true(npmrc.startsWith('registry=https://npm.test/all/\n@acme:registry=https://acme.test/npm/\naudit=false\n'));
  t.false(npmrc.includes('canary'));
  t.false(npmrc.includes('nodedir'));
});
