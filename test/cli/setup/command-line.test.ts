import {appendFile, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile} from 'node:fs/promises';
import {execFileSync} from 'node:child_process';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {layout} from '../../../reconciler/layout.ts';
import {forgetCluster} from '../../../cli/forget.ts';
import {contextStep, LAUNCHER, linkStep} from '../../../cli/setup/command-line.ts';
import {dataStep, ownership} from '../../../cli/setup/data.ts';
import {logWriter} from '../../../cli/setup/detach.ts';
import {mergeSettings, readSettings} from '../../../cli/setup/settings-file.ts';

const {signal} = new AbortController();
const print = () => undefined;

async function machine() {
  const home = await mkdtemp(path.join(tmpdir(), 'flynn-home-'));
  const env = {HOME: home, PATH: process.env.PATH, GIT_CONFIG_GLOBAL: path.join(home, '.gitconfig'), USER: 'ada'};
  const data = path.join(home, 'data');
  const settings = mergeSettings({data, hostname: 'box', stored: undefined, flags: {httpPort: 8080}});
  return {home, env, data, settings, places: layout(data)};
}

test('a data directory is made with a token that only root reads, and is left alone afterwards', async (t) => {
  const {settings, places, data} = await machine();
  const step = dataStep(settings, places);
  t.is(await step.check(signal), undefined);
  await step.do(print, signal);
  t.is(await step.check(signal), data);
  t.is((await stat(places.token)).mode & 0o777, 0o600);
  t.is((await stat(places.run)).mode & 0o777, 0o700);
  const token = await readFile(places.token, 'utf8');
  t.is(Buffer.from(token.trim(), 'base64url').length, 32);
  const changed = dataStep({...settings, httpPort: 8081}, places);
  t.is(await changed.check(signal), undefined);
  await changed.do(print, signal);
  t.is(await readFile(places.token, 'utf8'), token);
});

test('a folder with other things in it does not become a data directory', async (t) => {
  const {home, settings} = await machine();
  await writeFile(path.join(home, 'thesis.tex'), 'x');
  await t.throwsAsync(dataStep(settings, layout(home)).check(signal), {message: /holds other things/});
});

test('a first start that was interrupted can be repeated, and nothing else passes for one', async (t) => {
  const {places} = await machine();
  t.is(await ownership(places), 'free');
  await mkdir(places.run, {recursive: true});
  await writeFile(path.join(places.run, 'reconciler.pid'), '');
  await writeFile(path.join(places.run, 'dockerd.log'), '');
  for (const folder of [places.journal, places.sources]) await mkdir(folder);
  await writeFile(places.token, '');
  await writeFile(`${places.settings}.4711`, '');
  t.is(await ownership(places), 'free');
  await writeFile(path.join(places.sources, 'main.c'), '');
  t.is(await ownership(places), 'foreign');
  await rm(path.join(places.sources, 'main.c'));
  await rm(places.run, {recursive: true});
  t.is(await ownership(places), 'foreign');
});

test('settings that a hand has broken still say whose the folder is', async (t) => {
  const {settings, places} = await machine();
  await dataStep(settings, places).do(print, signal);
  await appendFile(places.settings, '}');
  t.is(await ownership(places), 'ours');
  const [header = ''] = (await readFile(places.settings, 'utf8')).split('\n');
  await writeFile(places.settings, `${header}\n`);
  t.is(await ownership(places), 'ours');
  t.is(await readSettings(places.settings), undefined);
});

test('the context and the git credentials of a cluster come and go without touching what else is there', async (t) => {
  const {env, settings, places, home} = await machine();
  await writeFile(env.GIT_CONFIG_GLOBAL, '[user]\n\tname = Ada\n[credential]\n\thelper = store\n');
  await dataStep(settings, places).do(print, signal);
  const step = contextStep(settings, places, env);
  t.is(await step.check(signal), undefined);
  await step.do(print, signal);
  t.not(await step.check(signal), undefined);
  await step.do(print, signal);
  const helpers = execFileSync('git', ['config', '--get-urlmatch', 'credential.helper', 'http://git.flynn.localhost:8080/hello.git'], {env, encoding: 'utf8'});
  t.is(helpers.trim(), `!'${LAUNCHER}' git-credential`);
  t.is((await stat(path.join(home, '.config/flynn/config.yaml'))).mode & 0o777, 0o600);

  const moved = {...settings, httpPort: 9090};
  t.is(await contextStep(moved, places, env).check(signal), undefined);
  await contextStep(moved, places, env).do(print, signal);
  t.notRegex(await readFile(env.GIT_CONFIG_GLOBAL, 'utf8'), /8080/);

  const [name = ''] = /flynn-[0-9a-f]{6}/.exec(await readFile(path.join(home, '.config/flynn/config.yaml'), 'utf8')) ?? [];
  await forgetCluster(name, env, signal);
  t.is(await readFile(env.GIT_CONFIG_GLOBAL, 'utf8'), '[user]\n\tname = Ada\n[credential]\n\thelper = store\n');
  await t.throwsAsync(stat(path.join(home, '.config/flynn/config.yaml')), {code: 'ENOENT'});
});

test('the command is linked where nothing else has its name, and over a link that leads nowhere', async (t) => {
  const {home} = await machine();
  const link = path.join(home, 'flynn');
  t.is(await linkStep(link).check(signal), undefined);
  t.is(await linkStep(link).do(print, signal), link);
  t.is(await readlink(link), LAUNCHER);
  t.is(await linkStep(link).check(signal), link);
  const dangling = path.join(home, 'dangling');
  await symlink(path.join(home, 'gone'), dangling);
  t.is(await linkStep(dangling).check(signal), undefined);
  const other = path.join(home, 'other');
  await writeFile(other, 'not ours');
  t.regex((await linkStep(other).check(signal)) ?? '', /is something else and stays; add this to your PATH/);
});

test('the log of a node in the background has its time on every line', async (t) => {
  const {home} = await machine();
  const log = path.join(home, 'reconciler.log');
  logWriter(log, () => new Date(0))('ready');
  t.is(await readFile(log, 'utf8'), '1970-01-01T00:00:00.000Z ready\n');
});
