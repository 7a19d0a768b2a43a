import test from 'ava';
import type {AppName} from '../../../schemas/ids.ts';
import {doOverlap, parseSubnet} from '../../../schemas/subnet.ts';
import type {DesiredApp} from '../../../reconciler/desired/state.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {planNetworks} from '../../../reconciler/plan/networks.ts';
import {app, desired, observed, type World} from '../../support/make.ts';

function named(name: string): DesiredApp {
  return {...app('v1', 1), name: name as AppName};
}

function planned(apps: readonly string[], world: World, networks = {range: '10.213.0.0/16', prefix: 25}): string {
  return formatPlan(planNetworks({...desired(...apps.map(named)), networks}, observed(world)));
}

test('an app without a network gets one, at the place that its name says', (t) => {
  t.is(planned(['shop'], {networks: []}), 'make the network of shop: 10.213.84.128/25  # shop has no network');
  t.is(planned(['shop', 'blog'], {networks: ['shop']}), 'make the network of blog: 10.213.248.128/25  # blog has no network');
  t.is(planned(['shop'], {networks: ['shop']}), '');
});

test('a place that is taken, by a network or by a route of the host, is passed over', (t) => {
  const at = (...taken: readonly string[]) => planned(['shop'], {networks: [], taken}).split(' ')[5];
  t.deepEqual([at('10.213.84.128/25'), at('10.213.84.192/26'), at('10.213.84.0/22')], ['10.213.85.0/25', '10.213.85.0/25', '10.213.88.0/25']);
});

test('a route to more than the whole range does not count: no app could start', (t) => {
  t.is(planned(['shop'], {networks: [], taken: ['10.0.0.0/8', '10.213.0.0/16']}), 'make the network of shop: 10.213.84.128/25  # shop has no network');
});

test('without a free subnet an app waits, and says where to get more', (t) => {
  t.is(planned(['a', 'b', 'c'], {networks: []}, {range: '10.1.0.0/26', prefix: 27}), `make the network of a: 10.1.0.0/27  # a has no network
make the network of b: 10.1.0.32/27  # b has no network
wait c its network  # on a free subnet: those of 10.1.0.0/26 with prefix 27 are all in use (networks in cluster.yaml)`);
});

test('what is being made or removed is left alone', (t) => {
  t.is(planned(['shop'], {networks: [], operations: ['network shop']}), '');
  t.is(planned([], {networks: ['shop'], operations: ['network shop']}), '');
});

test('an app that was never pushed needs none, one that is scaled to nothing keeps its own', (t) => {
  const {release: _, ...unpushed} = app('v1', 1);
  t.is(formatPlan(planNetworks(desired({...unpushed, services: []}), observed({networks: []}))), '');
  t.is(formatPlan(planNetworks(desired(app('v1', 0)), observed({networks: ['shop']}))), '');
});

test('a network goes with its app, once no container of it is left', (t) => {
  t.is(planned([], {networks: ['shop'], have: ['web.1 v1 exited 143']}), '');
  t.is(planned([], {networks: ['shop']}), 'remove the network flynn.shop  # app shop is gone');
});

test('two hundred apps get two hundred networks that do not overlap', (t) => {
  const apps = Array.from({length: 200}, (_, index) => `app-${index}`);
  const {actions} = planNetworks(desired(...apps.map(named)), observed({networks: [], taken: ['10.213.0.0/20']}));
  const subnets = actions.flatMap((action) => (action.kind === 'make-network' ? [parseSubnet(action.subnet)] : [])).filter((subnet) => subnet !== undefined);
  t.is(subnets.length, 200);
  t.deepEqual(subnets.filter((one, index) => subnets.some((other, place) => place > index && doOverlap(one, other))), []);
});
