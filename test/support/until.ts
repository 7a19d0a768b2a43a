import {setTimeout as pause} from 'node:timers/promises';

const LOOK_MS = 20;

/**
 * What is looked at in the meantime may take long itself on a busy machine: limits of tests are generous. Longer than the 30 s after which a node
 * looks at everything again: what nobody tells it, it finds out then.
 */
export const LIMIT_MS = 45_000;

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

/** What a promise comes to. Rejects after `limitMs`: what never ends would hide what it was that did not. */
export async function within<Value>(what: string, promise: Promise<Value>, limitMs = LIMIT_MS): Promise<Value> {
  const over = new AbortController();
  const late = pause(limitMs, undefined, {signal: over.signal}).then((): never => {
    throw new Error(`waited ${limitMs / 1000} s in vain for: ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}
