import {comparablePath} from '../../schemas/route-place.ts';
import type {StructuredHost, StructuredPath} from '../observed/structure.ts';
import {conditionMatcher, pathPatternOf, patternOf} from './caddy-matchers.ts';
import {handlersBefore, routeHandlers, type RouteContext} from './caddy-options.ts';
import {markPages, noSuchPath} from './caddy-pages.ts';
import type {Json} from './caddy-parts.ts';
import {isHostOrWildcard, isWildcard} from './names.ts';

/** One route of Caddy for each host with options of its own, in their order. A host that would mean something else to Caddy is left out. */
export function hostRoutes(hosts: readonly StructuredHost[], context: RouteContext): readonly Json[] {
  return hosts.filter(({host}) => isHostOrWildcard(host)).map((host) => structuredRoute(host, context));
}

function structuredRoute(structured: StructuredHost, context: RouteContext): Json {
  const {host, except = [], paths} = structured;
  return {
    match: [{...hostMatcher(host), ...(except.length > 0 && {not: chunks(withDots(except)).map((some) => ({host: some}))})}],
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

/** A wildcard has any number of labels in the place of its star; Caddy's own has one. The catch-all is for what is no host name as well. */
function hostMatcher(host: string): {readonly [key: string]: Json} {
  if (host === '*') return {};
  if (!isWildcard(host)) return {host: withDots([host])};
  return {header_regexp: {Host: {pattern: `(?i)^(?:[a-z0-9_-]+\\.)+${patternOf(host.slice(2))}\\.?(?::[0-9]*)?$`}}};
}

/** A host may be asked for with the dot that ends it, which Caddy takes for another one. */
function withDots(hosts: readonly string[]): readonly string[] {
  return hosts.flatMap((host) => [host, `${host}.`]);
}

/** Caddy looks for capital letters in short lists only (2.6.2: `MatchHost.large`). */
const HOSTS_IN_LIST_MAX = 100;

function chunks(hosts: readonly string[]): readonly (readonly string[])[] {
  return Array.from({length: Math.ceil(hosts.length / HOSTS_IN_LIST_MAX)}, (_, index) => hosts.slice(index * HOSTS_IN_LIST_MAX, (index + 1) * HOSTS_IN_LIST_MAX));
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
