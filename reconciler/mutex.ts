/** Most that wait at once: more is a fault somewhere, and each holds a request open. */
const WAITERS_MAX = 1000;

/** Runs tasks one after the other, in the order in which they came. A task whose signal is aborted while it waits is not run. */
export function mutex(): <Value>(task: () => Promise<Value>, signal: AbortSignal) => Promise<Value> {
  let last: Promise<unknown> = Promise.resolve();
  let waiters = 0;
  return async (task, signal) => {
    if (waiters >= WAITERS_MAX) throw new Error(`more than ${WAITERS_MAX} wait for the same thing`);
    waiters += 1;
    const before = last;
    const run = (async () => {
      await before;
      signal.throwIfAborted();
      return task();
    })();
    last = run.then(() => undefined, () => undefined);
    try {
      return await orAborted(run, signal);
    } finally {
      waiters -= 1;
    }
  };
}

/** Rejects as soon as the signal is aborted; the promise itself goes on. */
export async function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  promise.catch(() => {}); // Nobody is left to be told when it fails after that: it must not end the process.
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  try {
    return await Promise.race([promise, new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, {once: true});
    })]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
