import {conditionInWords, conditionsOf, type Condition} from './conditions.ts';
import type {RouteManifest} from './routes.ts';

/** Where a route is: no two may have the same. */
export type Place = Pick<RouteManifest, 'host' | 'path' | 'when'>;

/** The same of a route whose defaults are filled in. */
export interface Claim {
  readonly host: string;
  readonly path: string;
  readonly when?: readonly Condition[];
}

/** What two routes may not have both: the host, the path whatever the case of its letters, and the conditions. */
export function claimKey({host, path, when = []}: Claim): string {
  return `${host}${comparablePath(path) ?? path}${when.length === 0 ? '' : ` ${JSON.stringify(when)}`}`;
}

/** `shop.example.com/api`, `shop.example.com/ when header x-beta is 1` */
export function claimInWords({host, path, when = []}: Claim): string {
  return `${host}${path}${when.length === 0 ? '' : ` when ${when.map(conditionInWords).join(' and ')}`}`;
}

export function claimOf({host, path = '/', when}: Place): Claim {
  return {host, path, ...(when !== undefined && {when: conditionsOf(when)})};
}

/**
 * A path as it is compared: without escapes, in small letters, as some apps take `/ADMIN` for `/admin`. Undefined when its escapes are not UTF-8 or
 * stand for something that means more than itself, or when it ends as no path is compared.
 */
export function comparablePath(path: string): string | undefined {
  if (path === '/') return path;
  try {
    const decoded = path.split('/').map((segment) => decodeURIComponent(segment).toLowerCase());
    // Dots and spaces at the end of what is asked for count for nothing to the router.
    if (/[. ]$/.test(decoded.at(-1) ?? '')) return undefined;
    return decoded.some((segment) => /[/?[\]*{}\\\u0000-\u001f\u007f]/.test(segment) || segment === '.' || segment === '..') ? undefined : decoded.join('/');
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
