import type {StructuredHost} from '../observed/structure.ts';
import {answer, type Json} from './caddy-parts.ts';
import {routeHandlers, type RouteContext} from './caddy-options.ts';
import {isHost} from './names.ts';
import {NO_SUCH_PATH_PAGE} from './pages.ts';

/** One route of Caddy for each host with options of its own. A host that would mean something else to Caddy is left out. */
export function hostRoutes(hosts: readonly StructuredHost[], context: RouteContext): readonly Json[] {
  return hosts.filter(({host}) => isHost(host)).map((host) => structuredRoute(host, context));
}

function structuredRoute({host, paths}: StructuredHost, context: RouteContext): Json {
  const known = paths.filter(({path}) => PATH.test(path)).toSorted((a, b) => b.path.length - a.path.length);
  return {
    // A dot at its end is the same host, and Caddy's matcher does not know.
    match: [{host: [host, `${host}.`]}],
    terminal: true,
    handle: [{
      handler: 'subroute',
      routes: [
        ...known.map(({path, name, options}) => ({
          ...(path !== '/' && {match: [{path: [path, `${path}/*`]}]}),
          handle: routeHandlers(`${name}.`, options, context),
          terminal: true,
        })),
        {handle: [answer(404, NO_SUCH_PATH_PAGE)]},
      ],
    }],
  };
}

/** Letters, digits and what a URL's path may have besides, without `*`, `{`, `}` and `\`. */
const PATH = /^\/(?:[\w.~!$&'()+,;=:@%-]+(?:\/[\w.~!$&'()+,;=:@%-]+)*)?$/;
