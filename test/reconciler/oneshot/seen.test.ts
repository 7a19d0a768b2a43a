import test from 'ava';
import type {DesiredApp} from '../../../reconciler/desired/state.ts';
import {Refused} from '../../../reconciler/oneshot/oneshot.ts';
import {replicaToRestart, runningNamed, servicesToRestart, serviceToRun} from '../../../reconciler/oneshot/seen.ts';
import type {AppName, SpecHash, TreeId} from '../../../schemas/ids.ts';
import {app, deploying, desired, failed, good, observed, service, SHOP, type World} from '../../support/make.ts';

interface Case extends World {
  readonly want?: DesiredApp;
  readonly service?: string;
  readonly replica?: string;
  readonly app?: string;
  /** What is chosen, or `refused: …`. */
  readonly expect: string;
}

function outcome(choose: () => string): string {
  try {
    return choose();
  } catch (error) {
    if (error instanceof Refused) return `refused (${error.kind}): ${error.message}`;
    throw error;
  }
}

const {release: _, ...unreleased} = {...app('v1', 1), services: [], routes: []};
const seenOf = ({want = app('v2', 1), ...world}: Case) => ({desired: desired(want), observed: observed(world)});

const runs = test.macro<[Case]>((t, one) => {
  t.is(outcome(() => {
    const {release, service: chosen} = serviceToRun(seenOf(one), {app: (one.app ?? SHOP) as AppName, ...(one.service !== undefined && {service: one.service})});
    return `${chosen.name} v${release}`;
  }), one.expect);
});

test('a run is of the release that serves', runs, {record: good(app('v2', 1)), expect: 'web v2'});
test('while a release is deployed, a run is of the one before', runs, {record: deploying(app('v2', 1), app('v1', 1)), expect: 'web v1'});
test('when a release has failed, a run is of the one that serves on', runs, {record: failed(app('v2', 1), app('v1', 1)), expect: 'web v1'});
test('a run has the environment of the service that is named', runs, {record: good({...app('v2', 1), services: [service('v2', 1), service('w2', 0, 'worker')]}), want: {...app('v2', 1), services: [service('v2', 1), service('w2', 0, 'worker')]}, service: 'worker', images: ['v2', 'w2'], expect: 'worker v2'});
test('without a service web the first one is taken', runs, {record: good({...app('v2', 1), services: [service('w2', 0, 'worker')]}), want: {...app('v2', 1), services: [service('w2', 0, 'worker')]}, images: ['w2'], expect: 'worker v2'});
test('a run needs the image to be here', runs, {record: good(app('v2', 1)), images: [], expect: 'refused (impossible): the image of v2 is not on this node: flynn status shop'});
test('a run needs a service that there is', runs, {record: good(app('v2', 1)), service: 'worker', expect: 'refused (missing): release v2 of "shop" has no service "worker" (it has web)'});
test('before the first release there is nothing to run in', runs, {want: unreleased, expect: 'refused (impossible): no release of "shop" serves yet, so there is nothing to run a command in: git push flynn main'});
test('of a suspended app nothing is run', runs, {want: {...app('v2', 1), isSuspended: true}, record: good(app('v2', 1)), expect: 'refused (impossible): "shop" is suspended, and nothing of it runs until: flynn resume shop'});
test('a run needs an app that there is', runs, {app: 'blog', expect: 'refused (missing): there is no app "blog"'});

const named = test.macro<[Case]>((t, one) => {
  t.is(outcome(() => {
    const found = runningNamed(seenOf(one), {app: SHOP, replica: one.replica ?? 'web.1'});
    return found.kind === 'replica' ? found.container.name : found.run.name;
  }), one.expect);
});

test('a replica is found by its name', named, {record: good(app('v2', 2)), have: ['web.1 v2 up', 'web.2 v2 up'], replica: 'web.2', expect: 'shop.web.2-v2-0'});
test('of two with one name it is the one of the release that serves', named, {record: deploying(app('v2', 1), app('v1', 1)), have: ['web.1 v2 up', 'web.1 v1 up'], expect: 'shop.web.1-v1-0'});
test('of two of one release it is the healthy one', named, {record: good(app('v2', 1)), have: ['web.1 v2 starting attempt=1', 'web.1 v2 up'], expect: 'shop.web.1-v2-0'});
test('a replica that has ended does not run', named, {record: good(app('v2', 1)), have: ['web.1 v2 exited 3'], expect: 'refused (impossible): "web.1" of "shop" does not run now: flynn ps shop'});
test('nor does one that is being stopped', named, {record: good(app('v2', 1)), have: ['web.1 v2 up'], operations: ['container shop.web.1-v2-0'], expect: 'refused (impossible): "web.1" of "shop" does not run now: flynn ps shop'});
test('a replica that there is not is told so', named, {record: good(app('v2', 1)), have: ['web.1 v2 up'], replica: 'web.2', expect: 'refused (missing): "shop" has no "web.2": flynn ps shop lists what runs'});

const restarts = test.macro<[Case]>((t, one) => {
  t.is(outcome(() => servicesToRestart(seenOf(one), {app: SHOP, ...(one.service !== undefined && {service: one.service})}).map(({name}) => name).join(' ')), one.expect);
});

const two = {...app('v2', 1), services: [service('v2', 1), service('s2', 0, 'spare'), service('w2', 2, 'worker')]};
test('all services that run are restarted', restarts, {want: two, record: good(two), expect: 'web worker'});
test('or the one that is named', restarts, {want: two, record: good(two), service: 'worker', expect: 'worker'});
test('one that is scaled to nothing has nothing to restart', restarts, {want: two, record: good(two), service: 'spare', expect: 'refused (impossible): "spare" of "shop" is scaled to nothing, so nothing can be restarted'});
test('one that there is not is refused', restarts, {want: two, record: good(two), service: 'cron', expect: 'refused (missing): "shop" has no service "cron" (it has web, spare, worker)'});
test('what has failed is not tried again by a restart', restarts, {record: failed(app('v2', 1), app('v1', 1)), expect: 'refused (impossible): "shop" is stalled: web.1 exited with code 3; push what mends it, or take it back with git revert'});
const again = {...app('v2', 1), specKey: 'restarted' as SpecHash, restartOf: app('v2', 1).specKey};
test('a restart that has failed can be repeated', restarts, {want: again, record: failed(again, app('v2', 1)), expect: 'web'});
test('a suspended app is not restarted', restarts, {want: {...app('v2', 1), isSuspended: true}, record: good(app('v2', 1)), expect: 'refused (impossible): "shop" is suspended, and nothing of it runs until: flynn resume shop'});
test('an app whose manifests are wrong is not restarted', restarts, {
  want: {state: 'invalid', name: SHOP, treeId: 't' as TreeId, problems: []}, record: good(app('v1', 1)),
  expect: 'refused (impossible): the manifests of "shop" are wrong, and what serves is kept as it is until they are right: flynn status shop',
});
test('before the first push there is nothing to restart', restarts, {want: unreleased, expect: 'refused (impossible): nothing of "shop" was pushed yet: git push flynn main'});

const alone = test.macro<[Case]>((t, one) => {
  t.is(outcome(() => replicaToRestart(seenOf(one), {app: SHOP, replica: one.replica ?? 'web.2'}).name), one.expect);
});

test('one replica is restarted alone', alone, {want: app('v2', 2), record: good(app('v2', 2)), have: ['web.1 v2 up', 'web.2 v2 up'], expect: 'shop.web.2-v2-0'});
test('also one that hangs', alone, {want: app('v2', 2), record: good(app('v2', 2)), have: ['web.2 v2 unhealthy'], expect: 'shop.web.2-v2-0'});
test('in the middle of a deploy it is replaced anyway', alone, {want: app('v2', 2), record: deploying(app('v2', 2), app('v1', 2)), have: ['web.2 v1 up'], expect: 'refused (impossible): "shop" is being deployed, which replaces its containers'});
test('while an app is stalled its containers are kept as they are', alone, {
  want: app('v2', 2), record: failed(app('v2', 2), app('v1', 2)), have: ['web.2 v1 up'],
  expect: 'refused (impossible): "shop" is stalled, and what serves is kept as it is: flynn status shop; to stop this container and start another: flynn kill web.2',
});
test('one that is surplus already is not restarted', alone, {want: app('v2', 1), record: good(app('v2', 1)), have: ['web.1 v2 up', 'web.2 v2 up'], expect: 'refused (impossible): "web.2" of "shop" is on its way out: flynn ps shop'});
