import test from 'ava';
import type {BuildRequest} from '../../../reconciler/build/build.ts';
import {marked, noted} from '../../../reconciler/wiring/receiver.ts';

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

test('what a build prints, and why it failed, stand in the log of the app', async (t) => {
  const lines: string[] = [];
  const printed: string[] = [];
  const build = noted(async ({print}) => {
    print('-----> Building on the Flynn stack');
    return {ok: false, problem: {reason: 'no buildpack fits the app'}};
  }, (app, line) => lines.push(`${app}: ${line}`));
  await build({app: 'shop', print: (line: string) => printed.push(line)} as unknown as BuildRequest, AbortSignal.timeout(10_000));
  t.deepEqual(lines, ['shop: -----> Building on the Flynn stack', 'shop:  !     Build failed: no buildpack fits the app']);
  // Whoever ordered it is told in his own words.
  t.deepEqual(printed, ['-----> Building on the Flynn stack']);
});
