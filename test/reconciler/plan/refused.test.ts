import test from 'ava';
import type {AppName, ServiceName} from '../../../schemas/ids.ts';
import type {RouteStructure} from '../../../reconciler/observed/structure.ts';
import type {RoutedPath} from '../../../reconciler/plan/app.ts';
import {formatWaiting} from '../../../reconciler/plan/format.ts';
import {withoutRefused} from '../../../reconciler/plan/refused.ts';
import {observed} from '../../support/make.ts';

const [GOOD, BAD, BEFORE] = [['good.test', '/a'], ['bad.test', '/b'], ['bad.test', '/before']].map(([host = '', path = '']) => ({host, paths: [{path, name: '_svc._tcp.web.shop.flynn.internal'}]}));
const ROUTES = ['good.test', 'bad.test'].map((host): RoutedPath => ({host, path: '/', service: 'web' as ServiceName, app: 'shop' as AppName, targets: [], isHeld: false}));

function left({file, refused}: {readonly file: RouteStructure; readonly refused: readonly (typeof GOOD)[]}) {
  const {router} = observed({});
  if (router.state !== 'ready' || GOOD === undefined || BAD === undefined) throw new Error('it is ready here');
  const {structure, waiting} = withoutRefused({hosts: [GOOD, BAD]}, ROUTES, {...router, file, refused: new Map(refused.map((host) => [JSON.stringify(host), 'unknown policy']))});
  return [structure.hosts, waiting.map(formatWaiting)];
}

test('a host that Caddy refused stays as it was, or away, and its app is told why', (t) => {
  const told = ['wait shop the routes of bad.test  # on a change of them that Caddy takes: unknown policy'];
  t.deepEqual(left({file: {hosts: []}, refused: [BAD]}), [[GOOD], told]);
  t.deepEqual(left({file: {hosts: BEFORE === undefined ? [] : [BEFORE]}, refused: [BAD]}), [[GOOD, BEFORE], told]);
});

test('once it has been changed it is tried again', (t) => {
  t.deepEqual(left({file: {hosts: []}, refused: [BEFORE]}), [[GOOD, BAD], []]);
});
