import type {DesiredState} from '../desired/state.ts';
import type {NameTable, ObservedRouter, ObservedState, Target} from '../observed/state.ts';
import type {RouteStructure, TlsStructure} from '../observed/structure.ts';
import type {Action, Plan} from './action.ts';
import type {AppPlan} from './app.ts';
import {planHandOver} from './handover.ts';
import {routing} from './hosts.ts';
import {withoutRefused} from './refused.ts';
import {isSameStructure} from './structure.ts';
import {streamNames} from './tcp.ts';
import {hostName, serviceNamesIn} from '../router/names.ts';

/** What the DNS server is to answer, and what Caddy is to be configured with and by which container; nothing when both are so already. */
export function planRouter(apps: readonly AppPlan[], {system, trustedProxies, structure: tls}: Pick<DesiredState, 'system' | 'trustedProxies'> & {readonly structure: TlsStructure | undefined}, observed: ObservedState): Plan {
  const {names, structure: hosts} = routing(apps.flatMap(({routes}) => routes));
  const {structure, waiting} = withoutRefused({...hosts, ...(trustedProxies && {trustedProxies}), ...(tls && {tls})}, apps.flatMap(({routes}) => routes), observed.router);
  const caddy = system.filter(({role}) => role === 'router').map((one) => planHandOver(one, structure, observed));
  const published = planNames(new Map([...names, ...heldStreams(streamNames(apps.flatMap(({ports}) => ports)), observed)]), structure, observed);
  const times = caddy.flatMap(({lookAgainAtMs}) => lookAgainAtMs ?? []);
  return {
    actions: [...published.actions, ...caddy.flatMap(({actions}) => actions)],
    waiting: [...published.waiting, ...waiting, ...caddy.flatMap(({waiting}) => waiting)],
    ...(times.length > 0 && {lookAgainAtMs: Math.min(...times)}),
  };
}

function planNames(wanted: NameTable, structure: RouteStructure, observed: ObservedState): Plan {
  const {router, operations} = observed;
  if (router.state === 'unreachable') return {actions: [], waiting: [{subject: 'router', on: `an answer: ${router.error}`}]};
  if (operations.has('names')) return {actions: [], waiting: [{subject: 'router', on: 'its names to be published'}]};
  const names = new Map([...wanted, ...heldNames(wanted, structure, router)].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const actions: readonly Action[] = sameNames(names, router.names) ? [] : [{kind: 'publish-names', names, reason: namesReason(names, router.names, router.maintenance)}];
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
