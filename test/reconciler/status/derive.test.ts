import test from 'ava';
import {plan} from '../../../reconciler/plan/plan.ts';
import {deriveApp} from '../../../reconciler/status/derive.ts';
import {app, desired, good, observed, SHOP, type World} from '../../support/make.ts';

/** What people see of an app on which it waits, after one pass. */
function waits(world: World, wanted = app('v2', 1)): readonly string[] {
  const record = good(app('v2', 1));
  const seen = observed({...world, record, names: ['10.0.2.1']});
  const {actions, waiting} = plan(desired(wanted), seen);
  const ofShop = (one: {readonly app?: string}) => one.app === SHOP;
  return deriveApp({app: wanted, record, containers: seen.containers, runs: [], waiting: waiting.filter(ofShop), actions: actions.filter(ofShop), busy: seen.operations, urlOf: (host) => host}).waiting;
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

test('nor is it while what it is now is being written down', (t) => {
  const have = ['web.1 v2 up'];
  const changed = app('v2', 1, 'with another route');
  const writing = ['wait shop release v2  # on its state to be written down'];
  t.deepEqual(waits({have}, changed), writing);
  t.deepEqual(waits({have, operations: ['journal shop']}, changed), writing);
});
