/** Longest pause before a restart, in milliseconds: an operator who fixes a machine should see it heal within a minute. */
const PAUSE_MS_MAX = 60_000;

/** A container that stayed up this long, in milliseconds, starts with a clean slate when it fails. */
export const CLEAN_SLATE_MS = 5 * 60_000;

/**
 * How long to wait before the next try after `failures` in a row: 0, 1, 2, 4 … 60 s.
 *
 * Without jitter, because what is restarted is local: there is no crowd to spread.
 *
 * @param failures  An integer >= 1.
 * @returns         Milliseconds; 0 <= result <= 60,000.
 * @throws {RangeError} If `failures` is not an integer >= 1. That is a bug in the caller, never a state of the world.
 */
export function pauseMs(failures: number): number {
  if (!Number.isInteger(failures) || failures < 1) throw new RangeError(`failures must be an integer >= 1, got ${failures}`);
  return failures === 1 ? 0 : Math.min(PAUSE_MS_MAX, 1000 * 2 ** (failures - 2));
}
