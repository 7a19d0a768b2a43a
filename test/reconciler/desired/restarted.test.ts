import test from 'ava';
import type {SpecHash} from '../../../schemas/ids.ts';
import {restarted} from '../../../reconciler/desired/restarted.ts';
import {formatPlan} from '../../../reconciler/plan/format.ts';
import {plan} from '../../../reconciler/plan/plan.ts';
import {app, desired, good, observed, service} from '../../support/make.ts';

const note = {service: 'web', specHash: 'v1' as SpecHash, atMs: 5};

test('without a note that counts an app is the very same object', (t) => {
  const shop = app('v1', 2);
  t.is(restarted(shop, []), shop);
  t.is(restarted(shop, [{...note, service: 'worker'}]), shop);
  t.is(restarted(shop, [{...note, specHash: 'v0' as SpecHash}]), shop, 'what it was about has been replaced meanwhile');
});

test('the same note makes the same hashes, another one makes others', (t) => {
  const shop = app('v1', 2);
  const once = restarted(shop, [note]);
  t.deepEqual(restarted(shop, [note]), once);
  const again = restarted(shop, [{...note, atMs: 6}]);
  if (once.state === 'invalid' || again.state === 'invalid') return t.fail();
  t.is(new Set([shop, once, again].map(({specKey}) => specKey)).size, 3);
  t.is(new Set([shop, once, again].map(({services}) => services[0]?.specHash)).size, 3);
  t.is(once.treeId, shop.treeId);
  t.deepEqual(once.services.map(({container}) => container), shop.services.map(({container}) => container));
});

test('a restart does not run the release command again, a new release in its place does', (t) => {
  const migrating = (release: string) => ({...app(release, 1), releaseJob: service(release, 1).container});
  const begun = (wanted: ReturnType<typeof restarted>) => {
    const [action] = plan(desired(wanted), observed({have: ['web.1 v1 up'], record: good(migrating('v1')), names: ['10.0.1.1']})).actions;
    return action?.kind === 'write-deploy' && action.deploy.state === 'deploying' && action.deploy.releaseJob?.state;
  };
  t.is(begun(restarted(migrating('v1'), [note])), undefined);
  t.is(begun(restarted(migrating('v2'), [note])), 'due');
  t.is(begun(restarted(migrating('v2'), [{...note, specHash: 'v2' as SpecHash}])), 'due');
});

test('a restart is planned as a deploy: the old replica serves until the new one is healthy', (t) => {
  const shop = app('v1', 1);
  const text = formatPlan(plan(desired(restarted(shop, [note])), observed({have: ['web.1 v1 up'], record: good(shop), names: ['10.0.1.1']})));
  t.regex(text, /^mark shop deploying/m);
  t.regex(text, /^run shop\.web\.1-[0-9a-f]{8}-0 {2}# web\.1 is missing$/m);
  t.notRegex(text, /stop|publish/);
});
