import type {Partition} from './partition.ts';
import {formatAt, headOf, linesOf, msOf} from './record.ts';

/** Where a container's log is gone on with: the engine is asked for lines from `since` on, and the first ones are here already. */
export interface Resume {
  /** Absent: from the beginning. */
  readonly since?: string;
  /** Lines from `since` on that are here already. The engine tells them in the same order. */
  readonly known: number;
  /** Time of the last of them: a line of a later time is new, whatever was counted. */
  readonly lastAt: string;
}

/** Stdout and stderr are stamped by two threads before they are put in order: their times may be this much out of it. */
const DISORDER_MS = 10;
/** The store's clock and the engine's are the same machine's. */
const CLOCK_MS = 5_000;

/**
 * What there is of a container, from the store itself: a place written down elsewhere could disagree with it after a kill. Looks no further
 * back than the container's beginning.
 */
export async function resumeOf(partition: Partition, {container, createdAtMs}: {readonly container: string; readonly createdAtMs: number}): Promise<Resume> {
  let lastAt = '';
  let since = '';
  let known = 0;
  for (const segment of partition.segments.toReversed()) {
    if (segment.writtenAtMs < createdAtMs - CLOCK_MS) break;
    const heads = headsOf(await partition.readSegment(segment));
    for (const {at} of heads.filter((head) => head.container === container)) {
      if (at <= lastAt) continue;
      lastAt = at;
      since = formatAt(msOf(at) - DISORDER_MS);
    }
    if (lastAt === '') continue;
    known += heads.filter((head) => head.container === container && head.at >= since).length;
    if ((heads[0]?.at ?? '') < formatAt(msOf(since) - CLOCK_MS)) break;
  }
  return lastAt === '' ? {known: 0, lastAt} : {since, known, lastAt};
}

function headsOf(bytes: Buffer): readonly ReturnType<typeof headOf>[] {
  return [...linesOf(bytes)].map(([start]) => headOf(bytes, start));
}
