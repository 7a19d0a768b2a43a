import test from 'ava';
import type {BuildRequest} from '../../reconciler/build/build.ts';
import {marked} from '../../reconciler/receiver.ts';

test('an app is marked as being built until the last of its builds has ended', async (t) => {
  const building = new Set<string>();
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let begun = 0;
  const build = marked(async () => {
    await gates[begun++]?.promise;
    return {ok: false, problem: {reason: 'over'}};
  }, building);
  const request = {app: 'shop'} as BuildRequest;
  const signal = AbortSignal.timeout(10_000);
  const builds = [build(request, signal), build(request, signal)];
  t.deepEqual([...building], ['shop']);
  gates[0]?.resolve();
  await builds[0];
  t.deepEqual([...building], ['shop']);
  gates[1]?.resolve();
  await builds[1];
  t.deepEqual([...building], []);
});
