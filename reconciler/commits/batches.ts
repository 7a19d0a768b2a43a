import {orAborted} from '../mutex.ts';

/** Most that wait at once: more is a fault somewhere, and each holds a request open. */
const WAITING_MAX = 1000;

/** What somebody has asked for, and waits for. Only the first answer or refusal counts. */
export interface Wish<Asked, Answer> {
  readonly asked: Asked;
  readonly signal: AbortSignal;
  answer(answer: Answer): void;
  refuse(error: unknown): void;
}

/**
 * Makes a function whose calls are worked off together, at most `sizeMax` at once, in the order in which they came: what comes while a batch is worked on
 * is in the next one. A call whose signal is aborted is rejected at once, and left out as long as nobody has begun with it.
 *
 * `work` answers each wish of a batch; what it throws is the answer to those that have none. Its signal is aborted when nobody waits any more.
 */
export function inBatches<Asked, Answer>(sizeMax: number, work: (batch: readonly Wish<Asked, Answer>[], signal: AbortSignal) => Promise<void>): (asked: Asked, signal: AbortSignal) => Promise<Answer> {
  const waiting: Wish<Asked, Answer>[] = [];
  let isBusy = false;

  const workOff = async () => {
    isBusy = true;
    // What is asked for at the same moment is one batch.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting.splice(0, sizeMax).filter(({signal}) => !signal.aborted);
      await whileAnybodyWaits(batch, (signal) => work(batch, signal)).catch((error: unknown) => batch.forEach(({refuse}) => refuse(error)));
    }
    isBusy = false;
  };

  return async (asked, signal) => {
    signal.throwIfAborted();
    if (waiting.length >= WAITING_MAX) throw new Error(`more than ${WAITING_MAX} wait for the same thing`);
    const {promise, resolve: answer, reject: refuse} = Promise.withResolvers<Answer>();
    waiting.push({asked, signal, answer, refuse});
    if (!isBusy) void workOff();
    return orAborted(promise, signal);
  };
}

async function whileAnybodyWaits(wishes: readonly {readonly signal: AbortSignal}[], task: (signal: AbortSignal) => Promise<void>): Promise<void> {
  if (wishes.length === 0) return;
  const nobody = new AbortController();
  const over = new AbortController();
  for (const {signal} of wishes) {
    const look = () => {
      if (wishes.every((wish) => wish.signal.aborted)) nobody.abort(signal.reason);
    };
    signal.addEventListener('abort', look, {once: true, signal: over.signal});
  }
  try {
    await task(nobody.signal);
  } finally {
    over.abort();
  }
}
