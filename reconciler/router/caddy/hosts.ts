import {comparablePath} from '../../../schemas/route-place.ts';
import type {StructuredHost, StructuredPath} from '../../observed/structure.ts';
import {withCookiesApart} from './cookies.ts';
import {anyMatchers, conditionMatcher, exactMatchers, hostMatcher, HOSTS_IN_LIST_MAX, inChunks, noteOddHosts, pathPatternOf, type Matcher} from './matchers.ts';
import {handlersBefore, type RouteContext} from './options.ts';
import {NO_SUCH_PATH_PAGE} from './page-texts.ts';
import {markPages, noSuchPath} from './pages.ts';
import {answer, type Json} from './parts.ts';
import {commonWays, Ways} from './ways.ts';
import {isHostOrWildcard, isWildcard} from '../names.ts';

/**
 * Routes for the hosts with options of their own. A host that would mean something else to Caddy is left out. Caddy asks one matcher after the
 * other, whichever host is asked for: so they stand in a tree, which the requests of all other hosts pass by at its root.
 *
 * What a path says is which name to ask for and by which way, nothing more: the ways are the same for most, and making one costs Caddy as much as
 * twenty paths.
 */
export function hostRoutes(hosts: readonly StructuredHost[], context: RouteContext): readonly Json[] {
  const known = hosts.filter(({host}) => isHostOrWildcard(host)).map(withCookiesApart);
  const exact = known.filter(({host}) => !isWildcard(host));
  const common = commonWays(exact, context);
  const tree = exact.length === 0 ? [] : [noteOddHosts, ...branches(exact, {common, context}), ...common.routes(), {match: [{vars: {way: [NOWHERE]}}], handle: [NO_SUCH_PATH], terminal: true}];
  return [...tree, ...known.filter(({host}) => isWildcard(host)).map((wildcard) => wildcardRoute(wildcard, context))];
}

function wildcardRoute(wildcard: StructuredHost, context: RouteContext): Json {
  const {host, except = []} = wildcard;
  const ways = new Ways(context);
  const choices = pathRoutes(wildcard, ways, context);
  return {
    match: [{...hostMatcher(host), ...(except.length > 0 && {not: exactMatchers(except)})}],
    handle: [{handler: 'subroute', routes: [...choices, ...ways.routes(), {handle: [NO_SUCH_PATH]}]}],
    terminal: true,
  };
}

const NO_SUCH_PATH: Json = answer(404, NO_SUCH_PATH_PAGE);
/** The way to take for paths that a host does not have. */
const NOWHERE = 'none';

/** Longer than what Caddy goes through entry by entry. */
const LEAF_HOSTS = HOSTS_IN_LIST_MAX + 4;
/** Most that stand side by side: all of them are asked. */
const BRANCHES_MAX = 12;

interface Tree {
  /** Ways that stand behind it. */
  readonly common: Ways;
  readonly context: RouteContext;
}

/**
 * In even parts and as flat as may be: before Caddy (2.6.2) reads a handler, it takes apart and puts together again all that is in it, and so each level of
 * the tree with all that is below.
 */
function branches(hosts: readonly StructuredHost[], tree: Tree): readonly Json[] {
  const leaves = Math.ceil(hosts.length / LEAF_HOSTS);
  if (leaves <= BRANCHES_MAX) return inChunks(hosts, LEAF_HOSTS).map((some) => leaf(some, tree));
  const levels = Math.ceil(Math.log(leaves) / Math.log(BRANCHES_MAX));
  const size = LEAF_HOSTS * Math.ceil(leaves ** ((levels - 1) / levels));
  return inChunks(hosts, size).map((some) => ({match: oneOf(some), handle: [{handler: 'subroute', routes: branches(some, tree)}]}));
}

/** What routes choose, and then the ways that only they can choose. */
function leaf(hosts: readonly StructuredHost[], {common, context}: Tree): Json {
  const ways = new Ways(context, common);
  const routes = hosts.map((host): Json => ({match: [hostMatcher(host.host)], handle: handlersOfHost(host, ways, context)}));
  return {match: oneOf(hosts), handle: [{handler: 'subroute', routes: [...routes, ...ways.routes()]}]};
}

function oneOf(hosts: readonly StructuredHost[]): readonly Matcher[] {
  return anyMatchers(hosts.map(({host}) => host));
}

function handlersOfHost(host: StructuredHost, ways: Ways, context: RouteContext): readonly Json[] {
  const [only] = host.paths;
  const routes = pathRoutes(host, ways, context);
  if (only !== undefined && routes.length === 1 && takesAll(only)) return handlersOf(only, ways, context);
  return [{handler: 'subroute', routes}];
}

/** The first that fits is the only one: that is what a group is. */
const PATH_GROUP = 'path';

function pathRoutes(host: StructuredHost, ways: Ways, context: RouteContext): readonly Json[] {
  const routes = host.paths.flatMap((path) => pathRoute(path, ways, context));
  if (host.paths.some(takesAll)) return routes;
  const ownPage = noSuchPath(host, context.pages);
  return [...routes, {group: PATH_GROUP, handle: ownPage.length === 0 ? [{handler: 'vars', way: NOWHERE}] : ownPage}];
}

function takesAll({path, when = []}: StructuredPath): boolean {
  return path === '/' && when.length === 0;
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
