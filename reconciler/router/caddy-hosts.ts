import type {StructuredHost} from '../observed/structure.ts';
import type {Json} from './caddy-parts.ts';
import {routeHandlers, type RouteContext} from './caddy-options.ts';
import {isHost} from './names.ts';
import {markPages, noSuchPath} from './caddy-pages.ts';

/** One route of Caddy for each host with options of its own. A host that would mean something else to Caddy is left out. */
export function hostRoutes(hosts: readonly StructuredHost[], context: RouteContext): readonly Json[] {
  return hosts.filter(({host}) => isHost(host)).map((host) => structuredRoute(host, context));
}

function structuredRoute(host: StructuredHost, context: RouteContext): Json {
  const known = host.paths.filter(({path}) => PATH.test(path)).toSorted((a, b) => b.path.length - a.path.length);
  return {
    // A dot at its end is the same host, and Caddy's matcher does not know.
    match: [{host: [host.host, `${host.host}.`]}],
    terminal: true,
    handle: [{
      handler: 'subroute',
      routes: [
        ...known.map(({path, name, options, pagesOf}) => ({
          ...(path !== '/' && {match: [{path: [path, `${path}/*`]}]}),
          handle: [...markPages(pagesOf), ...routeHandlers(`${name}.`, options, context)],
          terminal: true,
        })),
        {handle: noSuchPath(host, context.pages)},
      ],
    }],
  };
}

/** Letters, digits and what a URL's path may have besides, without `*`, `{`, `}` and `\`. */
const PATH = /^\/(?:[\w.~!$&'()+,;=:@%-]+(?:\/[\w.~!$&'()+,;=:@%-]+)*)?$/;
