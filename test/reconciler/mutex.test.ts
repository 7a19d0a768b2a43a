import test from 'ava';
import {orAborted} from '../../reconciler/mutex.ts';

test('what fails after nobody waits for it any more is nobody\'s problem', async (t) => {
  const unheard: unknown[] = [];
  const onUnheard = (reason: unknown) => unheard.push(reason);
  process.on('unhandledRejection', onUnheard);
  t.teardown(() => process.off('unhandledRejection', onUnheard));
  const aborted = AbortSignal.abort(new Error('the client has gone'));
  const failures = [Promise.reject(new Error('before')), Promise.resolve().then(() => Promise.reject(new Error('after')))];
  for (const failing of failures) await t.throwsAsync(orAborted(failing, aborted), {message: 'the client has gone'});
  // A rejection that nobody has heard of is told when this turn has ended.
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(unheard, []);
});
