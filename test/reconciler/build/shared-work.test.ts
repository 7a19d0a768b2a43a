import test from 'ava';
import {SharedWork, type Wanted} from '../../../reconciler/build/shared-work.ts';

/** Work that goes on until the test says so, also after it was given up. */
function subject() {
  const shared = new SharedWork<string>();
  const begun: {readonly signal: AbortSignal; end(): void}[] = [];
  const joined: string[] = [];
  const wantedBy = (name: string): Wanted<string> => ({
    begin: (signal) => {
      const {promise, resolve, reject} = Promise.withResolvers<string>();
      begun.push({signal, end: () => (signal.aborted ? reject(signal.reason) : resolve(`made for ${name}`))});
      return promise;
    },
    onJoin: () => joined.push(name),
  });
  return {begun, joined, join: (name: string, signal: AbortSignal) => shared.join('tag', wantedBy(name), signal)};
}

const NEVER = new AbortController().signal;

test('what several want is done once', async (t) => {
  const {begun, joined, join} = subject();
  const all = [join('ann', NEVER), join('bob', NEVER)];
  begun[0]?.end();
  t.deepEqual(await Promise.all(all), ['made for ann', 'made for ann']);
  t.deepEqual([begun.length, joined], [1, ['bob']]);
});

test('it goes on as long as one of them waits', async (t) => {
  const {begun, join} = subject();
  const ctrlC = new AbortController();
  const [first, second] = [join('ann', ctrlC.signal), join('bob', NEVER)] as const;
  ctrlC.abort(new Error('the pusher went away'));
  await t.throwsAsync(first, {message: 'the pusher went away'});
  begun[0]?.end();
  t.is(await second, 'made for ann');
});

test('who comes while it is being given up gets it all the same, begun anew when that has ended', async (t) => {
  const {begun, joined, join} = subject();
  const ctrlC = new AbortController();
  const first = join('ann', ctrlC.signal);
  ctrlC.abort(new Error('the pusher went away'));
  await t.throwsAsync(first);
  const again = [join('ann', NEVER), join('bob', NEVER)];
  t.is(begun.length, 1);
  t.true(begun[0]?.signal.aborted);
  begun[0]?.end();
  await new Promise((resolve) => setImmediate(resolve));
  t.is(begun.length, 2);
  begun[1]?.end();
  t.deepEqual(await Promise.all(again), ['made for ann', 'made for ann']);
  t.deepEqual(joined, ['bob']);
});
