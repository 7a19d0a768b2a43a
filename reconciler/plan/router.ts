import type {DesiredState} from '../desired/state.ts';
import type {NameTable, ObservedRouter, ObservedState, Target} from '../observed/state.ts';
import type {RouteStructure, StructuredHost, TlsStructure} from '../observed/structure.ts';
import type {Action, Plan} from './action.ts';
import type {AppPlan, RoutedPath} from './app.ts';
import {planHandOver} from './handover.ts';
import {byAddress} from './routed.ts';
import {isSameStructure} from './structure.ts';
import {streamNames} from './tcp.ts';
import {hostName, serviceName, serviceNamesIn} from '../router/names.ts';

/** What the DNS server is to answer, and what Caddy is to be configured with and by which container; nothing when both are so already. */
export function planRouter(apps: readonly AppPlan[], {system, trustedProxies, structure: tls}: Pick<DesiredState, 'system' | 'trustedProxies'> & {readonly structure: TlsStructure | undefined}, observed: ObservedState): Plan {
  const {names, structure: hosts} = routing(apps.flatMap(({routes}) => routes));
  const structure: RouteStructure = {...hosts, ...(trustedProxies && {trustedProxies}), ...(tls && {tls})};
  const caddy = system.filter(({role}) => role === 'router').map((one) => planHandOver(one, structure, observed));
  const published = planNames(new Map([...names, ...heldStreams(streamNames(apps.flatMap(({ports}) => ports)), observed)]), structure, observed);
  const times = caddy.flatMap(({lookAgainAtMs}) => lookAgainAtMs ?? []);
  return {
    actions: [...published.actions, ...caddy.flatMap(({actions}) => actions)],
    waiting: [...published.waiting, ...caddy.flatMap(({waiting}) => waiting)],
    ...(times.length > 0 && {lookAgainAtMs: Math.min(...times)}),
  };
}

function planNames(wanted: NameTable, structure: RouteStructure, observed: ObservedState): Plan {
  const {router, operations} = observed;
  if (router.state === 'unreachable') return {actions: [], waiting: [{subject: 'router', on: `an answer: ${router.error}`}]};
  const names = new Map([...wanted, ...heldNames(wanted, structure, router)].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const actions: Action[] = [];
  if (!operations.has('names') && !sameNames(names, router.names)) actions.push({kind: 'publish-names', names, reason: namesReason(names, router.names, router.maintenance)});
  return {actions, waiting: []};
}

/**
 * Names that nothing wants any more, but that a Caddy still asks for which takes connections: they stay as they are until another one has taken over. A host
 * that was plain, and now has options, is asked for by its name until then; one that had options by those of its services.
 */
function heldNames(wanted: NameTable, structure: RouteStructure, {names, file, structure: running, leaving}: Extract<ObservedRouter, {state: 'ready'}>): NameTable {
  const isOpen = [...leaving.values()].some(({closedAtMs}) => closedAtMs === undefined);
  const isLate = file !== undefined && !isSameStructure(structure, file);
  if (!isOpen && !isLate) return new Map();
  const asked = new Set([...structure.hosts.map(({host}) => hostName(host)), ...[file, running].flatMap((one) => (one === undefined ? [] : serviceNamesIn(one)))]);
  return new Map([...names].filter(([name]) => !wanted.has(name) && (isOpen || asked.has(name))));
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
