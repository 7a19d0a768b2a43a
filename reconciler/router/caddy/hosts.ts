import {comparablePath} from '../../../schemas/route-place.ts';
import type {StructuredHost, StructuredPath} from '../../observed/structure.ts';
import {anyMatchers, conditionMatcher, exactMatchers, hostMatcher, HOSTS_IN_LIST_MAX, inChunks, pathPatternOf, withDots, type Matcher} from './matchers.ts';
import {handlersBefore, type RouteContext} from './options.ts';
import {NO_SUCH_PATH_PAGE} from './page-texts.ts';
import {markPages, noSuchPath} from './pages.ts';
import {answer, type Json} from './parts.ts';
import {Ways} from './ways.ts';
import {isHostOrWildcard, isWildcard} from '../names.ts';

/**
 * Routes for the hosts with options of their own. A host that would mean something else to Caddy is left out. Caddy asks one matcher after the
 * other, whichever host is asked for: so they stand in a tree, which the requests of all other hosts pass by at its root.
 *
 * What a path says is which name to ask for and by which way, nothing more: the ways are the same for most, and making one costs Caddy as much as
 * twenty paths.
 */
export function hostRoutes(hosts: readonly StructuredHost[], context: RouteContext): readonly Json[] {
  const known = hosts.filter(({host}) => isHostOrWildcard(host));
  const exact = known.filter(({host}) => !isWildcard(host));
  const wildcards = known.filter(({host}) => isWildcard(host)).map((wildcard) => {
    const {host, except = []} = wildcard;
    return answered({...hostMatcher(host), ...(except.length > 0 && {not: exactMatchers(except)})}, (ways) => pathRoutes(wildcard, ways, context), context);
  });
  return [...(exact.length === 0 ? [] : [branch(exact, context)]), ...wildcards];
}

/** Twice as many names: the most that Caddy finds in capital letters. */
const LEAF_HOSTS = HOSTS_IN_LIST_MAX / 2;
const BRANCHES = 10;

function branch(hosts: readonly StructuredHost[], context: RouteContext): Json {
  if (hosts.length <= LEAF_HOSTS) return leaf(hosts, context);
  let size = LEAF_HOSTS;
  while (size * BRANCHES < hosts.length) size *= BRANCHES;
  return {match: anyMatchers(hosts.map(({host}) => host)), handle: [{handler: 'subroute', routes: inChunks(hosts, size).map((some) => branch(some, context))}]};
}

function leaf(hosts: readonly StructuredHost[], context: RouteContext): Json {
  const routes = (ways: Ways) => hosts.map((host): Json => ({match: [hostMatcher(host.host)], handle: [{handler: 'subroute', routes: pathRoutes(host, ways, context)}]}));
  return answered({host: withDots(hosts.map(({host}) => host))}, routes, context);
}

/** What routes choose, and then the ways that they can choose. Where none was chosen there is no such path. */
function answered(match: Matcher, choosing: (ways: Ways) => readonly Json[], context: RouteContext): Json {
  const ways = new Ways(context);
  const choices = choosing(ways);
  return {match: [match], terminal: true, handle: [{handler: 'subroute', routes: [...choices, ...ways.routes(), {handle: [answer(404, NO_SUCH_PATH_PAGE)]}]}]};
}

/** The first that fits is the only one: that is what a group is. */
const PATH_GROUP = 'path';

function pathRoutes(host: StructuredHost, ways: Ways, context: RouteContext): readonly Json[] {
  const ownPage = noSuchPath(host, context.pages);
  return [...host.paths.flatMap((path) => pathRoute(path, ways, context)), ...(ownPage.length === 0 ? [] : [{group: PATH_GROUP, handle: ownPage}])];
}

/** Nothing for a path that would mean something else to Caddy. */
function pathRoute(structured: StructuredPath, ways: Ways, context: RouteContext): readonly Json[] {
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
    group: PATH_GROUP,
    handle: handlersOf(structured, ways, context),
  }];
}

/** Letters, digits and what a URL's path may have besides, without `*`, `{`, `}` and `\`. */
const PATH = /^\/(?:[\w.~!$&'()+,;=:@%-]+(?:\/[\w.~!$&'()+,;=:@%-]+)*)?$/;

function handlersOf({path, name, redirect, stripPrefix, options, pagesOf}: StructuredPath, ways: Ways, context: RouteContext): readonly Json[] {
  if (redirect === undefined) {
    return [
      ...markPages(pagesOf),
      ...(stripPrefix === true ? [withoutPrefix(path), {handler: 'headers', request: {set: {'X-Forwarded-Prefix': [path]}}}] : []),
      ...handlersBefore(options, context),
      ways.to(`${name}.`, options),
    ];
  }
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
