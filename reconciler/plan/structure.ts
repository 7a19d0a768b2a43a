import type {RouteStructure} from '../observed/structure.ts';

export function isSameStructure(a: RouteStructure, b: RouteStructure | undefined): boolean {
  return b !== undefined && inOrder(a) === inOrder(b);
}

/** What comes back from Caddy has the fields of each object in another order. */
export function inOrder(structure: object): string {
  return JSON.stringify(structure, (_, value: unknown) => (isObject(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
