import test from 'ava';
import type {AppName} from '../../../schemas/ids.ts';
import type {DesiredApp, ResolvedApp} from '../../../reconciler/desired/state.ts';
import {agreedPairs} from '../../../reconciler/plan/agreed.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {planNetworks} from '../../../reconciler/plan/networks.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {planConnections} from '../../../reconciler/plan/shared-networks.ts';
import {app, deploying, desired, good, observed, type World} from '../../support/make.ts';

interface Says {
  readonly reach?: readonly string[];
  readonly allowFrom?: readonly string[];
}

function named(name: string, {reach, allowFrom}: Says = {}): ResolvedApp {
  return {...app('v1', 1), name: name as AppName, ...(reach && {reach: reach as readonly AppName[]}), ...(allowFrom && {allowFrom: allowFrom as readonly AppName[]})};
}

const shop = named('shop', {reach: ['db']});
const db = named('db', {allowFrom: ['shop']});
const UP = {networks: ['db', 'shop'], connected: ['db.web.1-v1-0 on db', 'shop.web.1-v1-0 on shop']};

function planned(apps: readonly DesiredApp[], world: World): string {
  const seen = observed(world);
  return formatPlan({
    actions: [...planNetworks(desired(...apps), seen).actions, ...planConnections(desired(...apps), seen).actions],
    waiting: planConnections(desired(...apps), seen).waiting,
  });
}

const plans = test.macro<[{readonly want: readonly DesiredApp[]; readonly plan: string} & World]>((t, {want, plan: expected, ...world}) => {
  t.is(planned(want, world), expected);
});

test('two apps that agree get a network to share', plans, {
  want: [db, shop],
  ...UP,
  plan: 'make the network that db and shop share: 10.213.37.128/25  # shop reaches db, which allows it',
});

test('what runs of both is connected to it, by the full names of services; nothing is restarted', plans, {
  want: [db, shop],
  networks: ['db', 'shop'],
  shared: ['db.shop'],
  connected: ['db.web.1-v1-0 on db', 'shop.web.1-v1-0 on shop db.shop', 'shop.run.7 on shop'],
  plan: 'connect db.web.1-v1-0 to flynn.db.shop  # shop reaches db, which allows it\n'
    + 'connect shop.run.7 to flynn.db.shop  # shop reaches db, which allows it',
});

test('a replica is found by its service\'s full name, a command by none', (t) => {
  const {actions} = planConnections(desired(db, shop), observed({networks: ['db', 'shop'], shared: ['db.shop'], connected: ['db.web.1-v1-0 on db', 'shop.run.7 on shop']}));
  t.deepEqual(actions.map((action) => (action.kind === 'connect' ? action.aliases : [])), [['web.db.internal'], []]);
});

test('the wish of one side opens nothing, and says what it waits for', plans, {
  want: [named('db'), shop],
  ...UP,
  plan: 'wait shop its way to db  # on db to allow it: "allowFrom: [shop]" in apps/db/app.yaml',
});

test('an app that allows what nobody asks for waits for nothing', plans, {want: [db, named('shop')], ...UP, plan: ''});

test('an app that there is not, or that was never pushed, is waited for', (t) => {
  const {release: _, ...unpushed} = db;
  t.is(planned([shop], {...UP, networks: ['shop']}), 'wait shop its way to db  # on an app "db", which there is not');
  t.is(planned([{...unpushed, services: []}, shop], UP), 'wait shop its way to db  # on a release of db');
});

test('who does not agree any more is disconnected at once, and the network goes when nobody is on it', (t) => {
  const world = {networks: ['db', 'shop'], shared: ['db.shop'], connected: ['db.web.1-v1-0 on db db.shop', 'shop.web.1-v1-0 on shop db.shop']};
  t.is(planned([named('db'), shop], world), 'disconnect db.web.1-v1-0 from flynn.db.shop  # shop and db do not both agree to it\n'
    + 'disconnect shop.web.1-v1-0 from flynn.db.shop  # db and shop do not both agree to it\n'
    + 'wait shop its way to db  # on db to allow it: "allowFrom: [shop]" in apps/db/app.yaml');
  t.is(planned([named('db'), named('shop')], {...world, connected: UP.connected}), 'remove the network flynn.db.shop  # db and shop do not both agree to it');
});

test('an app that is gone leaves the network, too', plans, {
  want: [shop],
  networks: ['shop'],
  shared: ['db.shop'],
  connected: ['db.web.1-v1-0 on db.shop'],
  plan: 'disconnect db.web.1-v1-0 from flynn.db.shop  # shop and db do not both agree to it\n'
    + 'wait shop its way to db  # on an app "db", which there is not',
});

test('a container that somebody put on another app\'s network is taken off it', plans, {
  want: [named('db'), named('shop')],
  networks: ['db', 'shop'],
  connected: ['shop.web.1-v1-0 on db shop'],
  plan: 'disconnect shop.web.1-v1-0 from flynn.db  # flynn.db is the network of db',
});

test('what is being connected, disconnected or removed is left alone', (t) => {
  const operations = ['connection db.web.1-v1-0 flynn.db.shop', 'connection shop.web.1-v1-0 flynn.db.shop', 'network db.shop'];
  t.is(planned([db, shop], {...UP, shared: ['db.shop'], operations}), '');
  t.is(planned([named('db'), named('shop')], {...UP, shared: ['db.shop'], operations}), '');
  t.is(planned([db, shop], {...UP, operations}), '');
});

test('an app whose manifests are wrong keeps what it had said', (t) => {
  const invalid: DesiredApp = {state: 'invalid', name: shop.name, treeId: shop.treeId, problems: []};
  const seen = observed({record: good(shop)});
  t.deepEqual(agreedPairs(desired(db, invalid), seen).map(({apps}) => apps.join()), ['db,shop']);
  t.deepEqual(agreedPairs(desired(db, invalid), observed({})), []);
});

test('both may reach each other: it is one network', (t) => {
  const apps = [named('db', {reach: ['shop'], allowFrom: ['shop']}), named('shop', {reach: ['db'], allowFrom: ['db']})];
  t.deepEqual(agreedPairs(desired(...apps), observed({})), [{apps: ['db', 'shop'] as never, reason: 'db reaches shop, which allows it; shop reaches db, which allows it'}]);
});

test('what starts is on the network from its first moment, unless it is not there yet', (t) => {
  const shared = (...there: readonly string[]) => plan(desired(db, shop), observed({record: deploying(shop), networks: ['db', 'shop'], shared: there})).actions
    .flatMap((action) => (action.kind === 'run-container' && action.app === 'shop' ? [action.shared] : []));
  t.deepEqual(shared('db.shop'), [[{apps: ['db', 'shop'] as never, subnet: '10.213.100.0/25'}]]);
  t.deepEqual(shared(), [undefined]);
});
