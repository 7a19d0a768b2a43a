import {setTimeout as pause} from 'node:timers/promises';

/** Asks again and again until the answer is not undefined. Rejects with `what` after `msMax` milliseconds. */
export async function until<Value>(what: string, ask: () => Promise<Value | undefined>, {everyMs, msMax}: {everyMs: number; msMax: number}, signal: AbortSignal): Promise<Value> {
  const deadlineMs = performance.now() + msMax;
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${msMax / 1000} s`);
    await pause(everyMs, undefined, {signal});
  }
}

/** `task` once for each item, at most `atOnce` at a time. */
export async function inParallel<Item>(items: readonly Item[], atOnce: number, task: (item: Item) => Promise<void>): Promise<void> {
  const queue = [...items];
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await task(item);
  };
  await Promise.all(Array.from({length: atOnce}, work));
}

/** Milliseconds since 1970 with fractions, comparable with the engine's and the files' times. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
