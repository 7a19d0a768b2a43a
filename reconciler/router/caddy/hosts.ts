import {comparablePath} from '../../../schemas/route-place.ts';
import type {StructuredHost, StructuredPath} from '../../observed/structure.ts';
import {conditionMatcher, exactMatchers, hostMatcher, HOSTS_IN_LIST_MAX, inChunks, pathPatternOf, withDots} from './matchers.ts';
import {handlersBefore, routeHandlers, type RouteContext} from './options.ts';
import {markPages, noSuchPath} from './pages.ts';
import type {Json} from './parts.ts';
import {isHostOrWildcard, isWildcard} from '../names.ts';

/**
 * One route of Caddy for each host with options of its own. A host that would mean something else to Caddy is left out. Caddy asks one matcher after the
 * other, whichever host is asked for: so one for many hosts stands before those of each, and the requests of all other hosts pass by in long strides.
 */
export function hostRoutes(hosts: readonly StructuredHost[], context: RouteContext): readonly Json[] {
  const known = hosts.filter(({host}) => isHostOrWildcard(host));
  const exact = known.filter(({host}) => !isWildcard(host));
  const routes = (some: readonly StructuredHost[]) => some.map((host) => structuredRoute(host, context));
  const strides = exact.length <= STRIDE ? routes(exact) : inChunks(exact, STRIDE).map((some): Json => (
    {match: [{host: withDots(some.map(({host}) => host))}], handle: [{handler: 'subroute', routes: routes(some)}], terminal: true}
  ));
  return [...strides, ...routes(known.filter(({host}) => isWildcard(host)))];
}

/** Each is in the list of its stride twice. */
const STRIDE = HOSTS_IN_LIST_MAX / 2;

function structuredRoute(structured: StructuredHost, context: RouteContext): Json {
  const {host, except = [], paths} = structured;
  return {
    match: [{...hostMatcher(host), ...(except.length > 0 && {not: exactMatchers(except)})}],
    terminal: true,
    handle: [{
      handler: 'subroute',
      routes: [
        ...paths.flatMap((path) => pathRoute(path, context)),
        {handle: noSuchPath(structured, context.pages)},
      ],
    }],
  };
}

/** Nothing for a path that would mean something else to Caddy. */
function pathRoute(structured: StructuredPath, context: RouteContext): readonly Json[] {
  const {path, when = []} = structured;
  const compared = comparablePath(path);
  if (compared === undefined || !PATH.test(path)) return [];
  const match = {
    ...(path !== '/' && {path: [compared, `${compared}/*`]}),
    // All have to be true, and Caddy takes one matcher of a kind: none may be false.
    ...(when.length > 0 && {not: when.map((condition) => ({not: [conditionMatcher(condition)]}))}),
  };
  return [{
    ...(Object.keys(match).length > 0 && {match: [match]}),
    handle: handlersOf(structured, context),
    terminal: true,
  }];
}

/** Letters, digits and what a URL's path may have besides, without `*`, `{`, `}` and `\`. */
const PATH = /^\/(?:[\w.~!$&'()+,;=:@%-]+(?:\/[\w.~!$&'()+,;=:@%-]+)*)?$/;

function handlersOf({path, name, redirect, stripPrefix, options, pagesOf}: StructuredPath, context: RouteContext): readonly Json[] {
  if (redirect === undefined) return [...markPages(pagesOf), ...(stripPrefix === true ? [withoutPrefix(path), {handler: 'headers', request: {set: {'X-Forwarded-Prefix': [path]}}}] : []), ...routeHandlers(`${name}.`, options, context)];
  const {to, status, keepPath} = redirect;
  // What follows a path begins with a slash, and `to` has a host or a segment: it can't be taken for another host.
  const location = keepPath ? `${to}{http.request.uri}` : to;
  return [
    ...markPages(pagesOf),
    ...handlersBefore(options, context),
    ...(keepPath && path !== '/' ? [withoutPrefix(path)] : []),
    {handler: 'static_response', status_code: status, headers: {Location: [location], 'Cache-Control': ['no-store']}},
  ];
}

/**
 * The rest of the path as it came, byte for byte: Caddy's `strip_path_prefix` would merge double slashes in it. A prefix that is written in another
 * way than byte for byte or with escapes (`/a/../api`) stays.
 */
function withoutPrefix(path: string): Json {
  return {handler: 'rewrite', path_regexp: [{find: `(?i)^/+${pathPatternOf(path.slice(1))}(?:/|$)`, replace: '/'}]};
}
