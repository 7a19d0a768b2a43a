import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import type {NodeView} from '../../../reconciler/node.ts';
import {convergedInTime} from '../../../reconciler/release/converged.ts';
import {ReleaseRefused} from '../../../reconciler/release/refused.ts';
import type {AppName} from '../../../schemas/ids.ts';

const app = 'shop' as AppName;

/** As a node that is held back: it says why, and goes on waiting. */
function heldBack(...lines: readonly string[]): Pick<NodeView, 'converged'> {
  return {converged: async (_app, onProgress, signal) => {
    for (const line of lines) onProgress(line);
    // A node lives on; nothing else here does.
    return sleep(60_000, undefined, {signal}).then(() => Promise.reject(new Error('bug: nobody ended the wait')), () => Promise.reject(signal.reason as Error));
  }};
}

test('a node that never answers is waited for only so long, and the last it said is the reason', async (t) => {
  const printed: string[] = [];
  const waiting = convergedInTime({app, node: heldBack('waiting', 'cluster.yaml is wrong'), limitMs: 50, print: (line) => printed.push(line)}, AbortSignal.timeout(30_000));
  await t.throwsAsync(waiting, {instanceOf: ReleaseRefused, message: /^not deployed within 0\.1 s: cluster\.yaml is wrong$/});
  t.deepEqual(printed, ['waiting', 'cluster.yaml is wrong']);
});

test('a pusher that goes away while a node is waited for is the reason itself', async (t) => {
  const gone = new AbortController();
  const waiting = convergedInTime({app, node: heldBack('waiting'), limitMs: 60_000, print: () => gone.abort(new Error('the pusher went away'))}, gone.signal);
  await t.throwsAsync(waiting, {message: 'the pusher went away'});
});

test('what the node answers in time is passed on', async (t) => {
  const outcome = {result: 'removed', commit: '0'.repeat(40) as never} as const;
  t.deepEqual(await convergedInTime({app, node: {converged: async () => outcome}, limitMs: 60_000, print: () => {}}, AbortSignal.timeout(30_000)), outcome);
});
