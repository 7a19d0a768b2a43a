import {createHash} from 'node:crypto';
import type {SpecHash} from '../../schemas/ids.ts';

/** 16 hex digits (64 bits) of SHA-256 over the value as JSON with sorted keys: the same for equal data, whatever wrote it. */
export function hashOf(value: unknown): SpecHash {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16) as SpecHash;
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (
    typeof part === 'object' && part !== null && !Array.isArray(part) ? sortKeys(part) : part
  ));
}

/** With its keys in the order of their UTF-16 code units; own keys only, `__proto__` included. */
export function sortKeys<T extends object>(record: T): T {
  // Same keys, same values: the type can't change.
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1))) as T;
}
