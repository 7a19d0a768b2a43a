import type {RouteStructure} from '../observed/structure.ts';
import {isSameJson} from '../router/same.ts';

export function isSameStructure(a: RouteStructure, b: RouteStructure | undefined): boolean {
  return b !== undefined && isSameJson(a, b);
}
