import test from 'ava';
import type {RouteStructure} from '../../../reconciler/observed/structure.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {routing} from '../../../reconciler/plan/router.ts';
import {app, desired, good, observed} from '../../support/make.ts';
import type {ServiceName} from '../../../schemas/ids.ts';

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
  const loads = (run: RouteStructure) => plan(desired(wanted), {...seen, router: {...seen.router, structure: run} as typeof seen.router}).actions.filter(({kind}) => kind === 'load-routes').length;
  t.is(loads(structure), 0);
  t.is(loads(turned(structure) as RouteStructure), 0);
  t.is(loads({hosts: []}), 1);
});
