import type {DesiredState} from '../desired/state.ts';
import type {NameTable, ObservedState, Target} from '../observed/state.ts';
import type {RouteStructure, StructuredHost, TlsStructure} from '../observed/structure.ts';
import type {Action, Plan} from './action.ts';
import type {AppPlan, RoutedPath} from './app.ts';
import {byAddress} from './routed.ts';
import {streamNames} from './tcp.ts';
import {hostName, serviceName} from '../router/names.ts';

/** What the DNS server is to answer and what Caddy is to be configured with; nothing when both are so already. */
export function planRouter(apps: readonly AppPlan[], {trustedProxies, structure: tls}: Pick<DesiredState, 'trustedProxies'> & {readonly structure: TlsStructure | undefined}, observed: ObservedState): Plan {
  const {router, operations} = observed;
  if (router.state === 'unreachable') return {actions: [], waiting: [{subject: 'router', on: `an answer: ${router.error}`}]};
  const {names: plain, structure: hosts} = routing(apps.flatMap(({routes}) => routes));
  const structure: RouteStructure = {...hosts, ...(trustedProxies && {trustedProxies}), ...(tls && {tls})};
  const names = new Map([...plain, ...heldStreams(streamNames(apps.flatMap(({ports}) => ports)), observed)].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const actions: Action[] = [];
  if (!operations.has('names') && !sameNames(names, router.names)) actions.push({kind: 'publish-names', names, reason: namesReason(names, router.names, router.maintenance)});
  if (!operations.has('routes') && !sameStructure(structure, router.structure)) {
    actions.push({kind: 'load-routes', structure, reason: structureReason(structure, router.structure)});
  }
  return {actions, waiting: []};
}

/** A worker of HAProxy that is just being started knows the replicas of a moment ago: it has to have asked once before they are replaced by others. */
function heldStreams(wanted: NameTable, {router, operations}: ObservedState): NameTable {
  if (!operations.has('tcp') || router.state !== 'ready') return wanted;
  return new Map([...wanted].map(([name, targets]) => [name, router.names.get(name) ?? targets]));
}

/** A host with nothing but `/` and no options is a name; others have to be in Caddy's configuration. */
export function routing(routes: readonly RoutedPath[]): {readonly names: NameTable; readonly structure: RouteStructure} {
  const names = new Map<string, readonly Target[]>();
  const hosts: StructuredHost[] = [];
  for (const [host, paths] of Map.groupBy(withoutRivals(routes), (route) => route.host)) {
    const [only] = paths;
    if (paths.length === 1 && only?.path === '/' && only.options === undefined && only.errorPages === undefined) {
      names.set(hostName(host), only.targets);
      continue;
    }
    const byLength = paths.toSorted((a, b) => b.path.length - a.path.length || (a.path < b.path ? -1 : 1));
    hosts.push({host, paths: byLength.map(({path, service, app, options, errorPages}) => ({path, name: serviceName(service, app), ...(options && {options}), ...(errorPages && {pagesOf: app})}))});
    for (const {service, app, targets} of paths) names.set(serviceName(service, app), targets);
  }
  return {
    names: new Map([...names].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, targets]) => [name, targets.toSorted(byAddress)])),
    structure: {hosts: hosts.toSorted((a, b) => (a.host < b.host ? -1 : 1)), ...pagesOf(routes)},
  };
}

/** The pages of apps that have some, and which hosts are theirs alone. */
function pagesOf(routes: readonly RoutedPath[]): Pick<RouteStructure, 'pages'> {
  const withPages = routes.filter(({errorPages}) => errorPages !== undefined);
  if (withPages.length === 0) return {};
  const owners = new Map([...Map.groupBy(routes, ({host}) => host)].map(([host, paths]) => [host, new Set(paths.map(({app}) => app))]));
  const pages = [...Map.groupBy(withPages, ({app}) => app)].flatMap(([app, [first, ...others]]) => {
    const hosts = [...new Set([first, ...others].flatMap((route) => route?.host ?? []))].filter((host) => owners.get(host)?.size === 1).toSorted();
    return first?.errorPages === undefined ? [] : [{app, hosts, errorPages: first.errorPages}];
  });
  return {pages: pages.toSorted((a, b) => (a.app < b.app ? -1 : 1))};
}

/**
 * Each host and path once. Where two apps have it, the one that holds on to its last good manifests was there first: whoever claims
 * it now does not take its traffic away.
 */
function withoutRivals(routes: readonly RoutedPath[]): readonly RoutedPath[] {
  const claims = Map.groupBy(routes, ({host, path}) => `${host} ${path}`);
  return [...claims.values()].flatMap((rivals) => rivals.find(({isHeld}) => isHeld) ?? rivals.slice(0, 1));
}

function sameNames(a: NameTable, b: NameTable): boolean {
  return a.size === b.size && [...a].every(([name, targets]) => sameTargets(targets, b.get(name)));
}

function sameTargets(a: readonly Target[], b: readonly Target[] | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every(({address, port}, index) => address === b[index]?.address && port === b[index]?.port);
}

function sameStructure(a: RouteStructure, b: RouteStructure | undefined): boolean {
  return b !== undefined && inOrder(a) === inOrder(b);
}

function structureReason({tls, ...wanted}: RouteStructure, seen: RouteStructure | undefined): string {
  if (seen === undefined) return 'the router\'s configuration is not what was loaded';
  const {tls: tlsSeen, ...others} = seen;
  if (inOrder(wanted) !== inOrder(others)) return 'hosts with paths or options changed';
  return 'certificates changed';
}

/** What comes back from Caddy has the fields of each object in another order. */
function inOrder(structure: Partial<RouteStructure>): string {
  return JSON.stringify(structure, (_, value: unknown) => (isObject(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Names at most this many changed hosts: a reason is read by people. */
const NAMED_IN_REASON_MAX = 3;

function namesReason(wanted: NameTable, seen: NameTable, maintenance: Target): string {
  const changed = [...new Set([...wanted.keys(), ...seen.keys()])].filter((name) => !sameTargets(wanted.get(name) ?? [], seen.get(name)) || wanted.has(name) !== seen.has(name));
  const shown = changed.slice(0, NAMED_IN_REASON_MAX).map((name) => `${name.replace(/^_[a-z]+\._tcp\./, '')}: ${behind(seen.get(name), maintenance)} → ${behind(wanted.get(name), maintenance)}`);
  const more = changed.length - shown.length;
  return `replicas behind ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function behind(targets: readonly Target[] | undefined, maintenance: Target): string {
  return sameTargets([maintenance], targets) ? 'maintenance' : String(targets?.length ?? 'none');
}
