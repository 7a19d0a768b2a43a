import type {AppName} from '../../schemas/ids.ts';

/** Fewer than this are never a mass delete, however few there were. */
const REMOVED_MIN = 3;
const SHOWN_MAX = 20;

/** The apps that `next` no longer has, when they are over half of the previous ones and at least three: nobody means that. */
export function massDelete(previous: readonly AppName[], next: readonly AppName[]): {readonly removed: readonly AppName[]} | undefined {
  const kept = new Set(next);
  const removed = previous.filter((app) => !kept.has(app)).toSorted();
  return removed.length >= REMOVED_MIN && removed.length * 2 > previous.length ? {removed} : undefined;
}

/** The first of those that would be gone, and how many more there are: it can be thousands. */
export function shownOf(removed: readonly AppName[]): readonly string[] {
  const more = removed.length - SHOWN_MAX;
  return more > 0 ? [...removed.slice(0, SHOWN_MAX), `${more} more`] : removed;
}
