import {setTimeout as pause} from 'node:timers/promises';

const LOOK_MS = 20;

/** What is looked at in the meantime may take long itself on a busy machine: limits of tests are generous. */
export const LIMIT_MS = 30_000;

/** Looks until there is an answer (anything but `undefined` and `false`). Rejects after `limitMs`, with what was waited for. */
export async function until<Value>(what: string, look: () => Promise<Value | undefined | false> | Value | undefined | false, limitMs = LIMIT_MS): Promise<Value> {
  const startedAtMs = performance.now();
  let last = '';
  for (;;) {
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = `; last error: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() - startedAtMs > limitMs) throw new Error(`waited ${limitMs / 1000} s in vain for: ${what}${last}`);
    await pause(LOOK_MS);
  }
}

/** The same; resolves to how long it took, in milliseconds. */
export async function timeUntil(what: string, look: () => Promise<unknown>, limitMs = LIMIT_MS): Promise<number> {
  const startedAtMs = performance.now();
  await until(what, async () => (await look()) || undefined, limitMs);
  return Math.round(performance.now() - startedAtMs);
}
