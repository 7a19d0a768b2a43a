import test from 'ava';
import type {ContainerSpec} from '../../../reconciler/adapters/engine.ts';
import {AppIds} from '../../../reconciler/app-ids.ts';
import * as labels from '../../../reconciler/labels.ts';
import {EngineObserver} from '../../../reconciler/observed/engine-observer.ts';
import type {ProbeResult} from '../../../reconciler/observed/health.ts';
import {Prober} from '../../../reconciler/observed/prober.ts';
import type {AppId, AppName} from '../../../schemas/ids.ts';
import {FakeEngine} from '../../support/fake-engine.ts';
import {FACTS} from '../../support/make.ts';

const INSTANCE = 'flynn';
const SPEC: ContainerSpec = {
  name: 'flynn-shop.web.1-aaaaaaaa-0', image: 'sha256:v1', command: ['run'], env: {}, network: 'flynn.shop', mounts: [], memoryBytes: 256, cpus: 0.5, pidsMax: 100,
  capabilities: [], restart: 'never', logBytesMax: 1024,
  labels: {
    [labels.LABEL_INSTANCE]: INSTANCE, [labels.LABEL_ROLE]: 'app', [labels.LABEL_APP]: 'shop', [labels.LABEL_SERVICE]: 'web', [labels.LABEL_SLOT]: '1', [labels.LABEL_RELEASE]: '1',
    [labels.LABEL_SPEC]: 'aaaaaaaa', [labels.LABEL_ATTEMPT]: '0', [labels.LABEL_FAILURES]: '0', [labels.LABEL_FACTS]: JSON.stringify(FACTS), [labels.LABEL_LIMITS]: '256/0.5',
  },
};

/** One running replica; `onHealth` resolves at the next change of a health. */
async function setUp(signal: AbortSignal, ids = new AppIds()) {
  const engine = new FakeEngine();
  engine.addImage('sha256:v1');
  await engine.ensureNetwork({name: 'flynn.shop', labels: {[labels.LABEL_INSTANCE]: INSTANCE, [labels.LABEL_APP]: 'shop'}, subnet: '10.213.0.0/25'});
  let answer: ProbeResult = {ok: false, detail: 'nothing listens'};
  let changed = Promise.withResolvers<void>();
  const prober = new Prober({
    probe: async () => answer,
    onChange: () => {
      changed.resolve();
      changed = Promise.withResolvers();
    },
    signal,
  });
  // After the prober was made: it has seen the start.
  const id = await engine.run(SPEC);
  const observer = new EngineObserver({engine, instance: INSTANCE, prober, hostSubnets: async () => ['192.168.1.0/24'], isBuilding: () => false, isAttended: () => false, ids});
  const look = async () => (await observer.look(Date.now(), signal)).containers[0];
  const answerWith = (next: ProbeResult) => {
    answer = next;
    return changed.promise;
  };
  return {engine, observer, id, look, answerWith};
}

test('a replica that becomes healthy is seen as healthy, although the engine says the same of it as before', async (t) => {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const {look, answerWith} = await setUp(stop.signal);
  t.like(await look(), {state: 'running', health: {state: 'starting'}});
  await answerWith({ok: true});
  t.like(await look(), {state: 'running', health: {state: 'healthy'}});
});

test('what was done to a container is seen once it has been called changed', async (t) => {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const {engine, observer, id, look} = await setUp(stop.signal);
  t.like(await look(), {state: 'running'});
  engine.tamper(id, {memoryBytes: 1});
  observer.invalidate(id);
  t.like(await look(), {drift: 'was changed by hand: its memory limit is 1 bytes, not 256'});
  engine.exit(id, 3);
  observer.invalidate(id);
  t.like(await look(), {state: 'exited', exitCode: 3});
});

test('a paused replica is ill, whatever its last probe said', async (t) => {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const {engine, observer, id, look, answerWith} = await setUp(stop.signal);
  await look();
  await answerWith({ok: true});
  engine.tamper(id, {isPaused: true});
  observer.invalidate(id);
  t.like(await look(), {health: {state: 'unhealthy', detail: 'it is paused'}, drift: 'was changed by hand: it is paused'});
});

test('a replica of an app that was renamed is one of it, and to be replaced', async (t) => {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const ids = new AppIds();
  const {look, observer} = await setUp(stop.signal, ids);
  ids.see([{name: 'store' as AppName, id: 'shop' as AppId}, {name: 'shop' as AppName, id: 'shop-2' as AppId}]);
  t.like(await look(), {app: 'store', name: 'shop.web.1-aaaaaaaa-0', drift: 'was made when the app was called shop'});
  t.like((await observer.look(Date.now(), stop.signal)).connected[0], {app: 'shop', isFormer: true}, 'on the networks that it has it stays to its end');
  ids.see([{name: 'shop' as AppName}]);
  t.is((await observer.look(Date.now(), stop.signal)).connected[0]?.isFormer, undefined);
  t.false('drift' in (await look() ?? {}), 'after a revert it is as it has to be');
});
