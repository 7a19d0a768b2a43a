import test from 'ava';
import {renameApp} from '../../../reconciler/commits/rename-edits.ts';
import {EditRefused} from '../../../reconciler/checkout/snapshot.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {head} from '../../support/manifests.ts';
import {runOn, type Files} from '../../support/edit.ts';

const [SHOP, STORE] = ['shop', 'store'] as unknown as readonly [AppName, AppName];
const APP = {'apps/shop/app.yaml': `${head('App')}env: {A: shop}\n`};

/** `file` is changed from one text to another when shop becomes store. */
const changes = test.macro<[file: string, before: string, after: string | undefined]>((t, file, before, after) => {
  const kind = file === 'cluster.yaml' ? 'Cluster' : file.startsWith('people/') ? 'Person' : file.startsWith('teams/') ? 'Team' : file.startsWith('apps/') ? 'App' : undefined;
  const start = kind === undefined ? '' : head(kind);
  const changed = runOn({...APP, [file]: start + before}, renameApp(SHOP, STORE));
  t.is(changed[file]?.slice(start.length), after);
});
const refused = test.macro<[files: Files, message: RegExp | string, to?: string]>((t, files, message, to = 'store') => {
  t.throws(() => runOn({...APP, ...files}, renameApp(SHOP, to as AppName)), {instanceOf: EditRefused, message});
});

test('the folder moves as it is, and app.yaml says what its things go by', (t) => {
  const files = {
    'apps/shop/app.yaml': `# ours\n${head('App')}\nenv: {A: shop} # a shop\n`,
    'apps/shop/secrets.yaml': 'anything\n',
    'apps/shop/releases/v0001.yaml': 'one\n',
    'apps/shop/pages/down.html': '<p>shop</p>',
    'apps/shop-2/app.yaml': head('App'),
  };
  t.deepEqual(runOn(files, renameApp(SHOP, STORE)), {
    'apps/shop': undefined,
    'apps/store/app.yaml': '# ours\napiVersion: flynn/v1\nkind: App\nid: shop\n\nenv: {A: shop} # a shop\n',
    'apps/store/secrets.yaml': 'anything\n',
    'apps/store/releases/v0001.yaml': 'one\n',
    'apps/store/pages/down.html': '<p>shop</p>',
  });
});
test('whoever was renamed before keeps his id', (t) => {
  t.is(runOn({'apps/shop/app.yaml': `${head('App')}id: first\n`}, renameApp(SHOP, STORE))['apps/store/app.yaml'], `${head('App')}id: first\n`);
});
test('whoever gets his first name back needs none', (t) => {
  t.is(runOn({'apps/shop/app.yaml': `${head('App')}id: store\nsuspend: true\n`}, renameApp(SHOP, STORE))['apps/store/app.yaml'], `${head('App')}suspend: true\n`);
});

test('other apps reach it by its new name', changes, 'apps/blog/app.yaml', 'env: {SHOP: shop}\nreach: [db, shop] # both\nallowFrom:\n  - "shop"\n', 'env: {SHOP: shop}\nreach: [db, store] # both\nallowFrom:\n  - "store"\n');
test('a person keeps the role', changes, 'people/ann.yaml', 'name: shop\nemail: a@b.c\napps: {shop: maintainer, shop-2: viewer}\n', 'name: shop\nemail: a@b.c\napps: {store: maintainer, shop-2: viewer}\n');
test('a token is good for the same', changes, 'people/ann.yaml', `name: Ann\nemail: a@b.c\ntokens:\n  shop:\n    hash: sha256:${'a'.repeat(64)}\n    apps: [shop]\n`, `name: Ann\nemail: a@b.c\ntokens:\n  shop:\n    hash: sha256:${'a'.repeat(64)}\n    apps: [store]\n`);
test('a team keeps role and quota', changes, 'teams/web.yaml', 'members: []\napps:\n  shop: deployer # for now\nowns: [shop, "shop*"]\n', 'members: []\napps:\n  store: deployer # for now\nowns: [store, "shop*"]\n');
test('the cluster keeps policy, quotas and reviews', changes, 'cluster.yaml',
  'name: shop\ndomain: shop.test\npolicy: {shop: {privileged: true}}\nquotas:\n  apps:\n    shop: {replicas: 3}\nreview:\n  paths: [apps/shop/**, "apps/shop-2/**"]\n',
  'name: shop\ndomain: shop.test\npolicy: {store: {privileged: true}}\nquotas:\n  apps:\n    store: {replicas: 3}\nreview:\n  paths: [apps/store/**, "apps/shop-2/**"]\n');
test('so do the owners of code', changes, '.github/CODEOWNERS', '* @ops\n/apps/shop/ @ann\n/apps/shop-2/ @bob\n/other-apps/shop/ @eve\n', '* @ops\n/apps/store/ @ann\n/apps/shop-2/ @bob\n/other-apps/shop/ @eve\n');
test('what does not name it stays', changes, 'people/bob.yaml', 'name: shop\nemail: shop@shop.test\n', undefined);

test('a name that is taken is refused', refused, {'apps/store/app.yaml': head('App')}, 'app "store" exists already');
test('a name that is none is refused', refused, {}, /"Store" can't name an app/, 'Store');
test('the same name is refused', refused, {}, 'the app is called "shop" already', 'shop');
test('an app that there is not is refused', (t) => {
  t.throws(() => runOn({}, renameApp(SHOP, STORE)), {instanceOf: EditRefused, message: 'there is no app "shop"'});
});
test('a role that is left of another app becomes none for this one', refused, {'people/eve.yaml': `${head('Person')}name: Eve\nemail: e@b.c\napps: {store: maintainer}\n`}, 'people/eve.yaml names an app "store" already, which there is not: take that out first');
test('nobody gets rid of a review by it', refused, {'cluster.yaml': `${head('Cluster')}name: x\ndomain: x.test\nreview: {paths: ["apps/{shop,blog}/**"]}\n`}, /review\.paths of cluster\.yaml has "apps\/\{shop,blog\}\/\*\*", which would not be about "store"/);
test('a review of all apps is as good afterwards', changes, 'cluster.yaml', 'name: x\ndomain: x.test\nreview: {paths: ["apps/**"]}\n', undefined);
test('a manifest that is wrong is put right first', refused, {'apps/shop/app.yaml': `${head('App')}replicas: 3\n`}, /put right first/);
