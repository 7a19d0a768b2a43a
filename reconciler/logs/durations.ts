/** Classes of durations: each is 10 % longer than the one before, from 1 ms to ten minutes. */
const CLASSES = 142;
const GROWTH = 1.1;

/** How often each class of durations has come. */
export function noDurations(): Uint32Array {
  return new Uint32Array(CLASSES);
}

export function countDuration(counts: Uint32Array, durationMs: number): void {
  const durationClass = Math.max(0, Math.min(CLASSES - 1, Math.ceil(Math.log(Math.max(1, durationMs)) / Math.log(GROWTH))));
  counts[durationClass] = (counts[durationClass] ?? 0) + 1;
}

/** What this share of all of them took at most, to within 10 %. Undefined: there are none. */
export function quantileMs(counts: readonly Uint32Array[], share: number): number | undefined {
  const total = counts.reduce((sum, one) => sum + one.reduce((all, count) => all + count, 0), 0);
  let seen = 0;
  for (let durationClass = 0; total > 0 && durationClass < CLASSES; durationClass++) {
    seen += counts.reduce((sum, one) => sum + (one[durationClass] ?? 0), 0);
    if (seen >= total * share) return Math.round(GROWTH ** durationClass * 10) / 10;
  }
  return undefined;
}
