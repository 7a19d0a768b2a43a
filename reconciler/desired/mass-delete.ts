import type {AppName} from '../../schemas/ids.ts';

/** Fewer than this are never a mass delete, however few there were. */
const REMOVED_MIN = 3;

/** The apps that `next` no longer has, when they are over half of the previous ones and at least three: nobody means that. */
export function massDelete(previous: readonly AppName[], next: readonly AppName[]): {readonly removed: readonly AppName[]} | undefined {
  const kept = new Set(next);
  const removed = previous.filter((app) => !kept.has(app)).toSorted();
  return removed.length >= REMOVED_MIN && removed.length * 2 > previous.length ? {removed} : undefined;
}
