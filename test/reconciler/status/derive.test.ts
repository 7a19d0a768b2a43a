import test from 'ava';
import {plan} from '../../../reconciler/plan/plan.ts';
import {deriveApp} from '../../../reconciler/status/derive.ts';
import {app, desired, good, observed, SHOP, type World} from '../../support/make.ts';

/** What people see of an app on which it waits, after one pass. */
function waits(world: World): readonly string[] {
  const wanted = app('v2', 1);
  const seen = observed({...world, record: good(wanted), names: ['10.0.2.1']});
  const {actions, waiting} = plan(desired(wanted), seen);
  const ofShop = (one: {readonly app?: string}) => one.app === SHOP;
  return deriveApp({app: wanted, record: good(wanted), containers: seen.containers, runs: [], waiting: waiting.filter(ofShop), actions: actions.filter(ofShop), busy: seen.operations, urlOf: (host) => host}).waiting;
}

test('an app is not done from the pass on that begins to stop what was replaced, until that is gone', (t) => {
  const stopping = ['wait shop web.1 (v1)  # on its end: it is being stopped'];
  const have = ['web.1 v2 up', 'web.1 v1 up'];
  t.deepEqual(waits({have, left: {'10.0.1.1': 0}}), ['wait shop web.1 (v1)  # on the router to let go']);
  t.deepEqual(waits({have, left: {'10.0.1.1': 5}}), stopping);
  t.deepEqual(waits({have, left: {'10.0.1.1': 5}, operations: ['container shop.web.1-v1-0']}), stopping);
  t.deepEqual(waits({have: ['web.1 v2 up', 'web.1 v1 exited 143']}), []);
});

test('nor is it while what had ended before is being removed', (t) => {
  const have = ['web.1 v2 up', 'web.1 v1 exited 143 ago=1', 'web.1 v1 exited 143 attempt=1 ago=2', 'web.1 v1 exited 143 attempt=2 ago=3'];
  const removing = ['wait shop web.1 (v1)  # on its end: it is being stopped'];
  t.deepEqual(waits({have}), removing);
  t.deepEqual(waits({have, operations: ['container shop.web.1-v1-2']}), removing);
});
