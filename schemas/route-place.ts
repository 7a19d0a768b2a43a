import {conditionInWords, conditionsOf} from './conditions.ts';
import type {RouteManifest} from './routes.ts';

/** Where a route is: no two may have the same. */
export type Place = Pick<RouteManifest, 'host' | 'path' | 'when'>;

/** What two routes may not have both: the host, the path whatever the case of its letters, and the conditions. */
export function placeKey({host, path = '/', when}: Place): string {
  const conditions = when === undefined ? [] : conditionsOf(when);
  return `${host}${comparablePath(path) ?? path}${conditions.length === 0 ? '' : ` ${JSON.stringify(conditions)}`}`;
}

/** `shop.example.com/api`, `shop.example.com/ when header X-Beta is 1` */
export function placeInWords({host, path = '/', when}: Place): string {
  const words = (when === undefined ? [] : conditionsOf(when)).map(conditionInWords);
  return `${host}${path}${words.length === 0 ? '' : ` when ${words.join(' and ')}`}`;
}

/**
 * A path as it is compared: without escapes, in small letters, as some apps take `/ADMIN` for `/admin`. Undefined when its escapes are not UTF-8 or
 * stand for something that means more than itself.
 */
export function comparablePath(path: string): string | undefined {
  try {
    const decoded = path.split('/').map((segment) => decodeURIComponent(segment).toLowerCase());
    return decoded.some((segment) => /[/?[\]*{}\\\u0000-\u001f\u007f]/.test(segment) || segment === '.' || segment === '..') ? undefined : decoded.join('/');
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
