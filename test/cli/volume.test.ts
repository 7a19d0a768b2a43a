import {readFile, readdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type {AppName} from '../../schemas/ids.ts';
import {FakeStreams, terminal} from './terminal.ts';

const SHOP = 'shop' as AppName;

test('volumes are listed with their size and who uses them', async (t) => {
  const {view, type} = await terminal(t);
  view.volumes.list = async () => [
    {app: SHOP, name: 'data', createdAt: '2026-11-25T21:00:00.000Z', bytes: 40 * 2 ** 20, isWanted: true, usedBy: ['web.1']},
    {app: SHOP, name: 'old', createdAt: '2026-11-24T21:00:00.000Z', isWanted: false, usedBy: []},
  ];
  t.is(await type('volume'), `$ flynn volume
VOLUME     SIZE  CREATED     USED BY
shop/data  40Mi  2026-11-25  web.1
shop/old   ?     2026-11-24  - (in no app.yaml: kept until flynn volume rm)
exit 0`);
});

test('a backup goes to a file or through a pipe, and back in the same ways', async (t) => {
  const {view, type, folder} = await terminal(t);
  const file = path.join(folder, 'data.tar');
  view.volumes.files.set('shop/data', 'first');
  t.regex(await type(`volume backup shop/data --file ${file}`), /^! Backing up shop\/data\.\.\. done, 1Ki in 1 files and folders, sha256 [0-9a-f]{64}\nexit 0$/m);
  const piped = new FakeStreams();
  t.regex(await type('volume backup shop/data', {streams: piped}), /exit 0$/);
  t.true(piped.written.stdout.equals(await readFile(file)));

  view.volumes.files.set('shop/data', 'second');
  t.regex(await type(`volume restore shop/data --file ${file}`), /^! Restoring shop\/data\.\.\. done, 1Ki of shop\/data as it was at 2026-11-25T21:00:00\.000Z\nexit 0$/m);
  t.is(view.volumes.files.get('shop/data'), 'first');
  view.volumes.files.set('shop/data', 'third');
  const back = new FakeStreams();
  back.stdin.end(piped.written.stdout);
  t.regex(await type('volume restore data -a shop', {streams: back}), /exit 0$/);
  t.is(view.volumes.files.get('shop/data'), 'first');
  t.deepEqual(view.audit.entries.map(({action, subject}) => `${action} ${subject}`), ['volume backup data', 'volume backup data', 'volume restore data', 'volume restore data']);
});

test('a backup that does not come whole leaves no file, and one that is not whole restores nothing', async (t) => {
  const {view, type, folder} = await terminal(t);
  view.volumes.files.set('shop/data', 'first');
  const whole = await view.volumes.backup({app: SHOP, name: 'data'});
  view.volumes.backup = async () => (async function* () {
    for await (const part of whole) yield part.subarray(0, 700);
  })();
  const file = path.join(folder, 'data.tar');
  t.regex(await type(`volume backup shop/data --file ${file}`), /! error: the backup is not whole: .*\nexit 1$/m);
  t.false((await readdir(folder)).some((name) => name.startsWith('data.tar')));
  await writeFile(file, 'nothing of the kind');
  t.regex(await type(`volume restore shop/data --file ${file}`), /! error: nothing was replaced: this is not a whole backup.*\nexit 1$/m);
});

test('a volume is removed after a question, or with --yes', async (t) => {
  const {view, type} = await terminal(t);
  view.volumes.files.set('shop/data', 'first');
  t.is(await type('volume rm shop/data'), '$ flynn volume rm shop/data\n? remove the volume shop/data and all that is in it, for ever?\n! error: nothing is removed\n!        without a question: flynn volume rm shop/data --yes\nexit 1');
  t.is(view.volumes.files.size, 1);
  t.is(await type('volume rm shop/data --yes'), '$ flynn volume rm shop/data --yes\n! Removing shop/data... done\nexit 0');
  t.is(view.volumes.files.size, 0);
});

test('what names no volume is a wrong use, and so is a backup onto a terminal', async (t) => {
  const {type} = await terminal(t);
  for (const line of ['volume rm', 'volume rm a/b/c', 'volume backup /x', 'volume move shop/data']) t.regex(await type(line), /exit 2$/, line);
  t.regex(await type('volume backup shop/data', {isTerminal: true}), /no text for a terminal[\s\S]*exit 2$/);
});
