import {claimKey, comparablePath} from '../../schemas/route-place.ts';
import type {NameTable, Target} from '../observed/state.ts';
import type {RouteStructure, StructuredHost, StructuredPath} from '../observed/structure.ts';
import {hostName, isBelow, isWildcard, serviceName, splitName} from '../router/names.ts';
import type {RoutedPath} from './app.ts';
import {byAddress} from './routed.ts';

/**
 * Which names lead to which replicas, and what has to be in Caddy's configuration beside them. A host with nothing but `/` is a name, a wildcard
 * too: the DNS server takes the nearest. All others are tried in Caddy before names are, the exact ones first.
 */
export function routing(routes: readonly RoutedPath[]): {readonly names: NameTable; readonly structure: RouteStructure} {
  const byHost = Map.groupBy(withoutRivals(routes), ({host}) => host);
  const structured = structuredHosts(byHost);
  const plain = [...byHost.keys()].filter((host) => !structured.has(host));
  const names = new Map<string, readonly Target[]>();
  for (const host of plain) names.set(hostName(host), byHost.get(host)?.[0]?.targets ?? []);
  for (const [host, wildcard] of halfway(plain)) names.set(hostName(host), byHost.get(wildcard)?.[0]?.targets ?? []);
  const hosts = [...byHost].filter(([host]) => structured.has(host)).map(([host, paths]) => structuredHost(host, paths, plain));
  for (const host of structured) for (const path of byHost.get(host) ?? []) if (path.redirect === undefined) names.set(replicasName(path), path.targets);
  return {
    names: new Map([...names].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, targets]) => [name, targets.toSorted(byAddress)])),
    structure: {hosts: hosts.toSorted(byExactness), ...pagesOf(routes)},
  };
}

/**
 * Hosts that wildcards are called after, and that the next wildcard above is for: as names nearer ones stand before farther ones, and `a.example.com` would be
 * taken for one of `*.a.example.com`.
 */
function halfway(plain: readonly string[]): readonly (readonly [host: string, wildcard: string])[] {
  const known = new Set(plain);
  const wildcards = plain.filter(isWildcard).toSorted((a, b) => labelsOf(b) - labelsOf(a));
  return wildcards.flatMap((wildcard) => {
    const host = wildcard.slice(2);
    const above = wildcards.find((one) => one !== wildcard && isBelow(host, one));
    return above === undefined || known.has(host) ? [] : [[host, above] as const];
  });
}

/** `*` has the fewest. */
function labelsOf(wildcard: string): number {
  return wildcard.split('.').length;
}

/** The pages of apps that have some, and which hosts are theirs alone. */
function pagesOf(routes: readonly RoutedPath[]): Pick<RouteStructure, 'pages'> {
  const withPages = routes.filter(({errorPages}) => errorPages !== undefined);
  if (withPages.length === 0) return {};
  const owners = new Map([...Map.groupBy(routes, ({host}) => host)].map(([host, paths]) => [host, new Set(paths.map(({app}) => app))]));
  const pages = [...Map.groupBy(withPages, ({app}) => app)].flatMap(([app, [first, ...others]]) => {
    const hosts = [...new Set([first, ...others].flatMap((route) => route?.host ?? []))].filter((host) => owners.get(host)?.size === 1 && !isWildcard(host)).toSorted();
    return first?.errorPages === undefined ? [] : [{app, hosts, errorPages: first.errorPages}];
  });
  return {pages: pages.toSorted((a, b) => (a.app < b.app ? -1 : 1))};
}

/** SRV name of the replicas that a structured route leads to. */
export function replicasName({service, split, app}: Pick<RoutedPath, 'service' | 'split' | 'app'>): string {
  if (split !== undefined) return splitName(split.id, app);
  if (service === undefined) throw new Error('bug: a redirect has no replicas');
  return serviceName(service, app);
}

/** Hosts that can't be names: those with paths or options, and wildcards below a wildcard that is none. */
function structuredHosts(byHost: ReadonlyMap<string, readonly RoutedPath[]>): ReadonlySet<string> {
  const optioned = [...byHost].filter(([, paths]) => !isPlain(paths)).map(([host]) => host);
  const above = optioned.filter(isWildcard);
  return new Set([...optioned, ...[...byHost.keys()].filter((host) => isWildcard(host) && above.some((wildcard) => isBelow(host, wildcard)))]);
}

function isPlain(paths: readonly RoutedPath[]): boolean {
  const [only] = paths;
  return paths.length === 1 && only !== undefined && only.path === '/' && only.redirect === undefined && Object.keys(optionsOf(only)).length === 0;
}

/** Everything about a route but where it is and who answers, and what is not in a host's own configuration. */
function optionsOf({host: _host, path: _path, service: _service, split: _split, app, isHeld: _isHeld, targets: _targets, https: _https, errorPages, ...options}: RoutedPath): Omit<StructuredPath, 'path' | 'name'> {
  return {...options, ...(errorPages && {pagesOf: app})};
}

function structuredHost(host: string, paths: readonly RoutedPath[], plain: readonly string[]): StructuredHost {
  const except = isWildcard(host) ? plain.filter((other) => isBelow(other, host)).toSorted() : [];
  return {
    host,
    ...(except.length > 0 && {except}),
    paths: paths.toSorted(byLongestPath).map((path) => ({path: path.path, ...optionsOf(path), ...(path.redirect === undefined && {name: replicasName(path)})})),
  };
}

/** Sorting is stable: conditions stay in the order of the file, and whatever has none comes after them. */
function byLongestPath(a: RoutedPath, b: RoutedPath): number {
  const [one, other] = [comparablePath(a.path) ?? a.path, comparablePath(b.path) ?? b.path];
  if (one !== other) return other.length - one.length || (one < other ? -1 : 1);
  return Number(a.when === undefined) - Number(b.when === undefined);
}

/** Hosts, then wildcards with more labels before those with fewer. */
function byExactness(a: StructuredHost, b: StructuredHost): number {
  const labels = ({host}: StructuredHost) => (isWildcard(host) ? labelsOf(host) : Infinity);
  if (labels(a) !== labels(b)) return labels(b) - labels(a);
  return a.host < b.host ? -1 : 1;
}

/**
 * Each host and path once. Where two apps have it, the one that holds on to its last good manifests was there first: whoever claims
 * it now does not take its traffic away.
 */
function withoutRivals(routes: readonly RoutedPath[]): readonly RoutedPath[] {
  const claims = Map.groupBy(routes, claimKey);
  return [...claims.values()].flatMap((rivals) => rivals.find(({isHeld}) => isHeld) ?? rivals.slice(0, 1));
}
