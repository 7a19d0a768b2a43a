import type {Target} from '../observed/state.ts';
import {byAddress} from './routed.ts';

/** Records that a name may have, over all of its replicas: with this many an answer of the DNS server has about 15 KB. */
const RECORDS_MAX = 240;
/** What nobody can measure is not worth more records. */
const ERROR_MIN = 1e-9;

/** Replicas that get a part of the requests between them. One that is there several times gets as many times the others' part. */
export interface Group {
  readonly weight: number;
  readonly targets: readonly Target[];
}

/**
 * Each target as often as its group's weight asks for: whoever asks picks at random among the records. As near as it gets with few of them, and each is
 * there at least once. Groups without replicas leave their part to the others.
 */
export function shared(groups: readonly Group[]): readonly Target[] {
  const present = groups.filter(({weight, targets}) => weight > 0 && targets.length > 0);
  const total = present.reduce((sum, {weight}) => sum + weight, 0);
  const parts = present.flatMap(({weight, targets}) => targets.map((target) => ({target, part: weight / total / targets.length})));
  const copies = present.length < 2 ? parts.map(() => 1) : copiesOf(parts.map(({part}) => part));
  return parts.flatMap(({target}, index) => Array.from({length: copies[index] ?? 1}, () => target)).toSorted(byAddress);
}

/** The fewest records whose parts are nearest to these, which add up to 1. */
function copiesOf(parts: readonly number[]): readonly number[] {
  let best = {copies: parts.map(() => 1), error: Infinity};
  for (let records = parts.length; records <= RECORDS_MAX; records += 1) {
    const copies = parts.map((part) => Math.max(1, Math.round(part * records)));
    const sum = copies.reduce((a, b) => a + b, 0);
    const error = sum > RECORDS_MAX ? Infinity : Math.max(...copies.map((count, index) => Math.abs(count / sum - (parts[index] ?? 0))));
    if (error < best.error - ERROR_MIN) best = {copies, error};
  }
  return best.copies;
}
