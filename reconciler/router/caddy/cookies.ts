import {createHash} from 'node:crypto';
import {STICKY_COOKIE_DEFAULT} from '../../../schemas/route-options.ts';
import type {StructuredHost, StructuredPath} from '../../observed/structure.ts';

/**
 * Caddy's cookies are for a whole host. Where sticky routes of one lead to different services, each would take the other's cookie for a made-up one and
 * replace it. So those that lead where the last one does (`/`, if it is sticky) keep the usual name, and others have one by where they lead. Not all
 * hosts do it like that, because routes with the same options share a proxy. A name that somebody chose stays.
 */
export function withCookiesApart(host: StructuredHost): StructuredHost {
  const usual = host.paths.filter(({options}) => options?.stickyCookie === STICKY_COOKIE_DEFAULT);
  const last = usual.at(-1)?.name;
  if (usual.every(({name}) => name === last)) return host;
  return {...host, paths: host.paths.map((path) => (usual.includes(path) && path.name !== last ? withCookieOf(path) : path))};
}

function withCookieOf(path: StructuredPath): StructuredPath {
  const id = createHash('sha256').update(path.name ?? '').digest('hex').slice(0, 8);
  return {...path, options: {...path.options, stickyCookie: `${STICKY_COOKIE_DEFAULT}_${id}`}};
}
