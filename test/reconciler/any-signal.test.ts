import {setTimeout as sleep} from 'node:timers/promises';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import test from 'ava';
import {anySignal} from '../../reconciler/any-signal.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const DEADLINE_MS = 50;

/** Never aborted. */
function other(): AbortSignal {
  return new AbortController().signal;
}

/** Of a client that goes, and of whom nothing is left then. */
function gone(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('gone')), DEADLINE_MS);
  return controller.signal;
}

const MADE: Readonly<Record<string, () => AbortSignal>> = {
  'a deadline': () => anySignal([other(), AbortSignal.timeout(DEADLINE_MS)]),
  'somebody who has gone': () => anySignal([other(), gone()]),
  'one of one of these': () => anySignal([other(), anySignal([other(), AbortSignal.timeout(DEADLINE_MS)])]),
};

for (const [what, make] of Object.entries(MADE)) {
  test(`${what} is known of, also by those who ask for the first time when the garbage has been collected`, async (t) => {
    const signals = Array.from({length: 20}, make);
    t.deepEqual(signals.filter(({aborted}) => aborted), []);
    for (let round = 0; round < 6; round += 1) {
      await sleep(DEADLINE_MS / 2);
      collectGarbage();
    }
    t.is(signals.filter(({aborted}) => aborted).length, signals.length);
  });
}

test('one of which a signal is aborted already is so, too', (t) => {
  const reason = new Error('over');
  const signal = anySignal([other(), AbortSignal.abort(reason)]);
  t.true(signal.aborted);
  t.is(signal.reason, reason);
});

test('listeners are told once, with the reason', async (t) => {
  const controller = new AbortController();
  const signal = anySignal([controller.signal, other()]);
  const told: unknown[] = [];
  signal.addEventListener('abort', () => told.push(signal.reason));
  controller.abort('over');
  controller.abort('again');
  t.deepEqual(told, ['over']);
});
