import {mkdtemp, readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {AppIds} from '../../../reconciler/app-ids.ts';
import {Journal} from '../../../reconciler/apply/journal.ts';
import {NamedJournal} from '../../../reconciler/wiring/named-books.ts';
import type {AppId, AppName} from '../../../schemas/ids.ts';
import {app, good, SHOP} from '../../support/make.ts';

const STORE = 'store' as AppName;
const ID = 'shop' as AppId;
const broken = () => {
  throw new Error('it was said to be broken');
};

test('what is known of an app stays in its file when it is renamed, and is told by today\'s name', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-journal-'));
  t.teardown(() => rm(folder, {recursive: true, force: true}));
  const ids = new AppIds();
  const journal = new NamedJournal(await Journal.open(folder, broken), ids);
  const told = (of: NamedJournal) => [...of.records].map(([name, {app: key, lastGood}]) => `${name}: ${key} ${lastGood?.name} ${lastGood?.id ?? '-'}`);
  await journal.write(good(app('v1', 1)));
  t.deepEqual(told(journal), ['shop: shop shop -']);

  ids.see([{name: STORE, id: ID}]);
  t.deepEqual(told(journal), ['store: store store shop']);
  await journal.write({...good(app('v1', 1)), app: STORE, lastGood: {...app('v1', 1), name: STORE, id: ID}});
  t.deepEqual(await readdir(folder), ['shop.json']);

  const after = new AppIds();
  t.deepEqual(told(new NamedJournal(await Journal.open(folder, broken), after)), ['store: store store shop'], 'after a start, before any commit is read');
  t.is(after.idOf(STORE), ID);

  ids.see([{name: SHOP}]);
  t.deepEqual(told(journal), ['shop: shop shop -'], 'after a revert');
  ids.see([{name: SHOP, id: 'shop-2' as AppId}]);
  t.deepEqual(told(journal), [], 'another app has the name: it is of nobody, and stays');
  t.deepEqual(await readdir(folder), ['shop.json']);
});
