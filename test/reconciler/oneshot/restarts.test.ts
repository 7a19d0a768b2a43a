import {mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {Restarts} from '../../../reconciler/oneshot/restarts.ts';
import type {AppId, AppName, SpecHash} from '../../../schemas/ids.ts';
import {app, desired, SHOP} from '../../support/make.ts';

const NOTE = {service: 'web', specHash: 'v1' as SpecHash, atMs: 5};
const unbroken = () => {
  throw new Error('it was said to be broken');
};

async function fileFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-restarts-'));
  t.teardown(() => rm(folder, {recursive: true, force: true}));
  return path.join(folder, 'restarts.json');
}

test('a restart counts from when it is on the disk, and after the next start too', async (t) => {
  const file = await fileFor(t);
  const restarts = await Restarts.open(file, unbroken);
  const wanted = desired(app('v1', 1));
  t.is(restarts.applied(wanted), wanted);
  await restarts.add(SHOP, [NOTE], [SHOP]);
  const [made] = restarts.applied(wanted).apps;
  t.not(made, wanted.apps[0]);
  t.is(restarts.applied(wanted).apps[0], made, 'seen again it is the same object');
  t.is(made && restarts.plain(made), wanted.apps[0]);
  t.is((await stat(file)).mode & 0o777, 0o600);
  t.deepEqual((await Restarts.open(file, unbroken)).applied(wanted).apps, [made]);
});

test('an app that was renamed since is restarted as before', async (t) => {
  const restarts = await Restarts.open(await fileFor(t), unbroken);
  await restarts.add(SHOP, [NOTE], [SHOP]);
  const [renamed, another] = restarts.applied(desired({...app('v1', 1), name: 'store' as AppName, id: 'shop' as AppId}, {...app('v1', 1), id: 'shop-2' as AppId})).apps;
  t.is(renamed?.state === 'resolved' && renamed.restartOf, app('v1', 1).specKey);
  t.is(another?.state === 'resolved' && another.restartOf, undefined);
});

test('a service has one note, and an app that is gone has none', async (t) => {
  const file = await fileFor(t);
  const restarts = await Restarts.open(file, unbroken);
  await Promise.all([
    restarts.add('blog' as AppName, [NOTE], ['blog' as AppName, SHOP]),
    restarts.add(SHOP, [NOTE, {...NOTE, service: 'worker'}], ['blog' as AppName, SHOP]),
  ]);
  await restarts.add(SHOP, [{...NOTE, atMs: 6}], [SHOP]);
  t.deepEqual(JSON.parse(await readFile(file, 'utf8')), {shop: [{...NOTE, service: 'worker'}, {...NOTE, atMs: 6}]});
});

test('a file that is no JSON is put aside, and told', async (t) => {
  const file = await fileFor(t);
  await writeFile(file, '{"shop": [');
  const told: string[] = [];
  const restarts = await Restarts.open(file, (name) => told.push(name));
  const wanted = desired(app('v1', 1));
  t.is(restarts.applied(wanted), wanted);
  t.deepEqual(told, [file]);
  t.is(await readFile(`${file}.broken`, 'utf8'), '{"shop": [');
});

test('a replica has a note of its own, until all of its service are made anew', async (t) => {
  const restarts = await Restarts.open(await fileFor(t), unbroken);
  const wanted = desired(app('v1', 3));
  const renewed = () => restarts.applied(wanted).apps.flatMap((one) => (one.state === 'invalid' ? [] : one.services.map(({specHash, renew = []}) => [specHash, ...renew.map(({slot, atMs}) => `${slot} at ${atMs}`)].join(' '))));
  await restarts.add(SHOP, [{...NOTE, slot: 2, atMs: 7}], [SHOP]);
  await restarts.add(SHOP, [{...NOTE, slot: 3, atMs: 8}], [SHOP]);
  await restarts.add(SHOP, [{...NOTE, slot: 2, atMs: 9}], [SHOP]);
  t.deepEqual(renewed(), ['v1 3 at 8 2 at 9']);
  const [made] = restarts.applied(wanted).apps;
  t.like(made, {specKey: 'key v1'}, 'it is no deploy');
  await restarts.add(SHOP, [{...NOTE, atMs: 10}], [SHOP]);
  t.regex(renewed().join(), /^[0-9a-f]+$/);
  await restarts.add(SHOP, [{...NOTE, slot: 1, atMs: 11}], [SHOP]);
  t.regex(renewed().join(), /^[0-9a-f]+ 1 at 11$/);
  await restarts.add(SHOP, [{...NOTE, slot: 2, atMs: 25 * 60 * 60_000}], [SHOP]);
  t.regex(renewed().join(), /^[0-9a-f]+ 2 at 90000000$/, 'what is a day old says nothing any more');
});
