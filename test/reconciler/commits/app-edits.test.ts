import test from 'ava';
import {removeApp, setMaintenance} from '../../../reconciler/commits/edits.ts';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {EditRefused} from '../../../reconciler/checkout/snapshot.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {bareRepo, change, run} from '../checkout/support.ts';

const SHOP = 'shop' as AppName;
const FILE = 'apps/shop/app.yaml';
const HEAD = 'apiVersion: flynn/v1\nkind: App\n';
const edited = (text: string, isOn: boolean) => setMaintenance(SHOP, isOn)((path) => (path === FILE ? text : undefined), () => [])[FILE];

test('maintenance is one line, and its end takes that line out', (t) => {
  const before = `${HEAD}# ours\nenv: {A: "1"}\n`;
  const during = `${HEAD}# ours\nenv: {A: "1"}\nmaintenance: true\n`;
  t.is(edited(before, true), during);
  t.is(edited(during, false), before);
  t.is(edited(`${HEAD}maintenance: false # not today\n`, true), `${HEAD}maintenance: true # not today\n`);
});

test('maintenance that is so already changes nothing', (t) => {
  t.is(edited(HEAD, false), undefined);
  t.is(edited(`${HEAD}maintenance: true\n`, true), undefined);
});

test('maintenance of an app that is not there is refused', (t) => {
  t.throws(() => setMaintenance(SHOP, true)(() => undefined, () => []), {instanceOf: EditRefused});
});

test('removing an app removes its whole folder, whatever is in it, and nothing else', async (t) => {
  const gitdir = await bareRepo(t, {[FILE]: HEAD, 'apps/shop/releases/v0001.yaml': 'v1\n', 'apps/shop/docs/a/b.md': 'x\n', 'apps/blog/app.yaml': HEAD, 'cluster.yaml': 'c\n'});
  const repo = ownRepo({gitdir});
  t.teardown(() => repo.close());
  const signal = AbortSignal.timeout(60_000);
  await repo.commit(change(removeApp(SHOP), 'one'), signal);
  t.is(await run(gitdir, 'ls-tree', '-r', '--name-only', 'main'), 'apps/blog/app.yaml\ncluster.yaml');
  await t.throwsAsync(repo.commit(change(removeApp(SHOP), 'two'), signal), {instanceOf: EditRefused, message: 'there is no app "shop"'});
});
