import test from 'ava';
import type {RouteStructure} from '../../../reconciler/observed/structure.ts';
import type {LeavingShift, ObservedSystem} from '../../../reconciler/observed/system.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import type {RoutedPath} from '../../../reconciler/plan/app.ts';
import {routing} from '../../../reconciler/plan/hosts.ts';
import {planRouter} from '../../../reconciler/plan/router.ts';
import {app, desired, good, observed} from '../../support/make.ts';
import type {AppName, ContainerId, ServiceName, SpecHash} from '../../../schemas/ids.ts';

/** Fields of each object the other way round: Caddy gives them back by name. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).toReversed().map(([key, one]) => [key, turned(one)])) : value;
}

test('a structure whose fields come back in another order is the same one', (t) => {
  const wanted = {...app('v1', 1), routes: [{host: 'shop.test', path: '/api', service: 'web' as ServiceName}]};
  const {structure} = routing([{host: 'shop.test', path: '/api', service: 'web' as ServiceName, app: wanted.name, targets: [], isHeld: false}]);
  const seen = observed({record: good(wanted), have: ['web.1 v1 up'], names: ['10.0.1.1']});
  if (seen.router.state !== 'ready') throw new Error('it is ready here');
  const {router} = seen;
  const caddy: ObservedSystem = {id: 'r1' as ContainerId, name: 'flynn-router-1', role: 'router', specHash: 'r' as SpecHash, state: 'running', createdAtMs: 0, startedAtMs: 0, shift: 1, isKept: true};
  const loads = (run: RouteStructure) => plan({...desired(wanted), system: [{role: 'router', specHash: 'r' as SpecHash}]}, {...seen, system: [caddy], router: {...router, structure: run, file: run}}).actions.filter(({kind}) => kind === 'hand-over').length;
  t.is(loads(structure), 0);
  t.is(loads(turned(structure) as RouteStructure), 0);
  t.is(loads({hosts: []}), 1);
});

/** What is published while a Caddy that was started with `before` still takes connections. */
function published({before, after, leaving}: {before: readonly RoutedPath[]; after: readonly RoutedPath[]; leaving?: LeavingShift}): readonly string[] {
  const seen = observed({});
  if (seen.router.state !== 'ready') throw new Error('it is ready here');
  const {structure, names} = routing(before);
  const router = {...seen.router, names, structure, file: leaving === undefined ? structure : routing(after).structure, leaving: new Map(leaving === undefined ? [] : [[1, leaving]])};
  const [action] = planRouter([{actions: [], waiting: [], routes: after, ports: []}], {system: [], structure: undefined}, {...seen, router}).actions;
  return [...(action?.kind === 'publish-names' ? action.names : names).keys()];
}

const at = (host: string, path: string, service = 'web'): RoutedPath => ({host, path, service: service as ServiceName, app: 'shop' as AppName, targets: [{address: '10.0.0.1', port: 80}], isHeld: false});
const PLAIN = [at('shop.test', '/')];
const PATHS = [at('shop.test', '/', 'web'), at('shop.test', '/api', 'api')];
const OF_PATHS = ['_svc._tcp.api.shop.flynn.internal', '_svc._tcp.web.shop.flynn.internal'];

test('until another Caddy has taken over, the names stay that the old one asks for', (t) => {
  t.deepEqual(published({before: PLAIN, after: PATHS}), ['_http._tcp.shop.test', ...OF_PATHS]);
  t.deepEqual(published({before: PATHS, after: PLAIN}), ['_http._tcp.shop.test', ...OF_PATHS]);
  t.deepEqual(published({before: PATHS, after: PLAIN, leaving: {}}), ['_http._tcp.shop.test', ...OF_PATHS], 'it still takes connections');
  t.deepEqual(published({before: PATHS, after: PLAIN, leaving: {closedAtMs: 0}}), ['_http._tcp.shop.test']);
  t.deepEqual(published({before: [...PLAIN, at('gone.test', '/')], after: PATHS}), ['_http._tcp.shop.test', ...OF_PATHS], 'a host that is gone is gone at once');
});

test('names that are being published are waited for, right as they may look', (t) => {
  const wanted = app('v1', 1);
  for (const names of [[], ['10.0.1.1']]) {
    const seen = observed({record: good(wanted), have: ['web.1 v1 up'], names, operations: ['names']});
    t.is(formatPlan(plan(desired(wanted), seen)), 'wait router  # on its names to be published');
  }
});
