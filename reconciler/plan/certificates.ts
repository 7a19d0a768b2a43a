import type {AppName} from '../../schemas/ids.ts';
import type {DesiredAcme, DesiredCertificate, DesiredTls} from '../desired/certificates-state.ts';
import type {IssuedCertificate, ObservedCertificates, OrderFailure} from '../observed/certified.ts';
import type {ObservedState} from '../observed/state.ts';
import type {TlsStructure} from '../observed/structure.ts';
import {authorityOf, covers, exceptionEntry, redirectEntry, servedFor} from '../router/domains.ts';
import {currentShift} from '../router/shifts.ts';
import type {Action, Plan, Waiting} from './action.ts';
import type {RoutedPath} from './app.ts';
import type {RoutedPort} from './tcp.ts';
import type {TcpCertificate} from '../observed/ports.ts';
import {CERTIFICATE_RENEWED_AT, ORDER_PAUSES_MS} from './limits.ts';

export interface CertificatePlan extends Plan {
  /** What Caddy is to be configured with. Absent: nothing of its own. */
  readonly structure?: TlsStructure;
}

interface Host {
  readonly name: string;
  /** Absent: one of the cluster's own. */
  readonly app?: AppName;
  readonly https?: RoutedPath['https'];
}

/** Which certificates are to be had and served, and which hosts' HTTP is redirected. */
export function planCertificates({routes, ports}: {readonly routes: readonly RoutedPath[]; readonly ports: readonly RoutedPort[]}, tls: DesiredTls | undefined, observed: ObservedState): CertificatePlan {
  const {certificates: seen, router} = observed;
  const structured = router.state === 'ready' ? router.structure : undefined;
  const running = structured?.tls;
  const isNeeded = tls !== undefined || routes.some(({https}) => https === 'redirect');
  if (!isNeeded && seen !== undefined && seen.own.size + seen.redirected.size === 0) return {actions: [], waiting: []};
  if (seen === undefined) {
    return {actions: [], waiting: isNeeded ? [{subject: 'certificates', on: 'their files being readable'}] : [], ...(running && {structure: running})};
  }
  const hosts = isNeeded ? hostsOf(routes, tls?.platformHosts ?? []) : [];
  const ofPorts = isNeeded ? hostsOfPorts(ports, hosts) : [];
  const own = usable(tls, observed.nowMs);
  const structure = isNeeded ? structureOf({tls, own, seen, running}) : undefined;
  const orders = tls?.acme === undefined ? [] : [...hosts, ...ofPorts].map((host) => planOrder(host, tls.acme as DesiredAcme, {tls, own, seen, running, observed}));
  const files = planFiles(own, seen, running, observed);
  const redirected = redirectsOf(hosts, (host) => isRedirected(host, {tls, own, seen, running, isSure: structured !== undefined}));
  const dueMs = orders.flatMap(({lookAgainAtMs}) => lookAgainAtMs ?? []);
  return {
    actions: [...files, ...orders.flatMap(({actions}) => actions), ...publishRedirects(redirected, seen, observed)],
    waiting: orders.flatMap(({waiting}) => waiting),
    ...(dueMs.length > 0 && {lookAgainAtMs: dueMs.reduce((a, b) => Math.min(a, b))}),
    ...(structure && {structure}),
  };
}

/** When a certificate is ordered anew: a third of its time before its end, as Caddy counts. */
export function renewalAtMs({notBeforeMs, notAfterMs}: IssuedCertificate): number {
  return notAfterMs - (notAfterMs - notBeforeMs) * CERTIFICATE_RENEWED_AT;
}

/** When the next order may be made: the authority limits failed ones. */
export function nextOrderAtMs({failures, atMs}: OrderFailure): number {
  return atMs + (ORDER_PAUSES_MS[Math.min(failures, ORDER_PAUSES_MS.length) - 1] ?? 0);
}

function hostsOf(routes: readonly RoutedPath[], platform: readonly string[]): readonly Host[] {
  const byHost = [...Map.groupBy(routes, ({host}) => host)].map(([name, [first]]): Host => ({name, ...(first && {app: first.app, ...(first.https && {https: first.https})})}));
  return [...platform.map((name): Host => ({name, https: 'allow'})), ...byHost].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Those of TCP routes whose TLS ends here, and that no other route has. */
function hostsOfPorts(ports: readonly RoutedPort[], known: readonly Host[]): readonly Host[] {
  const ending = ports.flatMap(({app, sni, tls}): Host[] => (tls === 'terminate' && sni !== undefined && !known.some(({name}) => name === sni) ? [{name: sni, app}] : []));
  return [...new Map(ending.map((host) => [host.name, host])).values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The certificate of a host whose files are there; people's own first. */
export function certificateOf(host: string, tls: DesiredTls | undefined, {certificates: seen, nowMs}: ObservedState): TcpCertificate | undefined {
  const own = servedFor(host, usable(tls, nowMs).filter(({id}) => seen?.own.has(id) === true));
  if (own !== undefined) return {kind: 'own', id: own.id};
  const issued = seen?.issued.get(host);
  return issued === undefined || tls?.acme === undefined ? undefined : {kind: 'issued', host, directory: tls.acme.directory, notAfterMs: issued.notAfterMs};
}

/** Those that last longest first: of several for one host Caddy (2.6.2) serves the first. What has ended is there only where there is no other. */
function usable(tls: DesiredTls | undefined, nowMs: number): readonly DesiredCertificate[] {
  const fit = (tls?.certificates ?? []).filter(({problem}) => problem === undefined).toSorted((a, b) => b.notAfterMs - a.notAfterMs);
  return fit.filter(({hosts, notAfterMs, name}) => notAfterMs > nowMs || !fit.some((other) => other.name !== name && other.notAfterMs > nowMs && hosts.every((host) => covers(other.hosts, host))));
}

/** Only what there are files of: Caddy would not start without them. One that runs and has lost them is not changed for that: they come back. */
function structureOf({tls, own, seen, running}: Facts): TlsStructure {
  return {
    ...(tls?.acme && {directory: tls.acme.directory}),
    internal: tls?.internal ?? [],
    own: [...new Set(own.map(({id}) => id))].filter((id) => seen.own.has(id) || running?.own.includes(id) === true),
    ...(tls?.hsts !== undefined && {hsts: tls.hsts}),
  };
}

interface Facts {
  readonly tls: DesiredTls | undefined;
  readonly own: readonly DesiredCertificate[];
  readonly seen: ObservedCertificates;
  readonly running: TlsStructure | undefined;
}

/** Files are written before Caddy is told of them, and go when neither it nor the commit names them any more. */
function planFiles(own: readonly DesiredCertificate[], seen: ObservedCertificates, running: TlsStructure | undefined, {operations}: ObservedState): readonly Action[] {
  const missing = own.filter(({id}) => !seen.own.has(id));
  const ids = new Set([...own.map(({id}) => id), ...running?.own ?? []]);
  // While it is not known what Caddy runs, or it is being told something else, nothing of what it may need goes.
  const isSure = running !== undefined && !operations.has('routes');
  return [
    ...missing.filter(({id}) => !operations.has(`certificate ${id}`)).map(({id, name, chain, sealedKey, hosts}): Action => ({kind: 'write-certificate', id, name, chain, sealedKey, reason: `a certificate for ${hosts.join(', ')} is in the commit`})),
    ...(isSure ? [...seen.own].filter((id) => !ids.has(id) && !operations.has(`certificate ${id}`)).map((id): Action => ({kind: 'remove-certificate', id, reason: 'it is neither in the commit nor in use'})) : []),
  ];
}

function planOrder(host: Host, acme: DesiredAcme, {tls, own, seen, running, observed}: Facts & {readonly observed: ObservedState}): Plan {
  const {name, app} = host;
  const nothing: Plan = {actions: [], waiting: []};
  if (authorityOf(name, tls?.internal ?? []) !== 'acme' || own.some(({hosts}) => covers(hosts, name))) return nothing;
  const issued = seen.issued.get(name);
  const dueAtMs = issued === undefined ? 0 : renewalAtMs(issued);
  if (observed.nowMs < dueAtMs) return {...nothing, lookAgainAtMs: dueAtMs};
  const wait = (on: string, untilMs?: number): Plan => ({actions: [], waiting: [{subject: `certificate of ${name}`, on, ...(app !== undefined && {app}), ...(untilMs !== undefined && {untilMs})} satisfies Waiting]});
  const failure = seen.failures.get(name);
  if (failure?.directory === acme.directory && observed.nowMs < nextOrderAtMs(failure)) {
    return wait(`another try: ${failure.cause}`, nextOrderAtMs(failure));
  }
  const router = currentShift(observed.system.filter(({role, state}) => role === 'router' && state === 'running'));
  // Whoever asks for proof asks Caddy, which has to know of the authority by then: the one that was replaced may still take connections.
  if (router === undefined || running?.directory !== acme.directory || isHandingOver(observed)) return wait('the router being configured for it');
  if (observed.operations.has(`order ${name}`)) return nothing;
  const reason = issued === undefined ? `${name} has none` : `that of ${name} ends in ${timeLeft(issued.notAfterMs - observed.nowMs)}`;
  return {actions: [{kind: 'order-certificate', host: name, router: router.id, acme, isRenewal: issued !== undefined, reason, ...(app !== undefined && {app})}], waiting: []};
}

/** Hosts, and those below a wildcard that are no part of its rule. */
function redirectsOf(hosts: readonly Host[], isSecure: (host: Host) => boolean): readonly string[] {
  const [secure, plain] = [hosts.filter(isSecure), hosts.filter((host) => !isSecure(host))].map((some) => some.map(({name}) => name));
  const wildcards = (secure ?? []).filter((name) => name.startsWith('*.'));
  const exceptions = wildcards.length === 0 ? [] : (plain ?? []).filter((name) => covers(wildcards, name));
  return [...(secure ?? []).map(redirectEntry), ...exceptions.map(exceptionEntry)].toSorted();
}

function isHandingOver({router, operations}: ObservedState): boolean {
  return operations.has('routes') || router.state !== 'ready' || [...router.leaving.values()].some(({closedAtMs}) => closedAtMs === undefined);
}

/** While it is not known what Caddy runs, what is redirected stays so: nobody's passwords travel in the open because the router did not answer once. */
function isRedirected({name, https}: Host, {tls, own, seen, running, isSure}: Facts & {readonly isSure: boolean}): boolean {
  if (https !== undefined) return https === 'redirect';
  const isKept = !isSure && seen.redirected.has(redirectEntry(name));
  const isServed = ({id}: DesiredCertificate) => isKept || running?.own.includes(id) === true;
  if (own.some((certificate) => isServed(certificate) && covers(certificate.hosts, name))) return true;
  return tls?.acme !== undefined && (isKept || running?.directory === tls.acme.directory) && authorityOf(name, tls.internal) === 'acme' && seen.issued.has(name);
}

function timeLeft(ms: number): string {
  const hours = Math.max(0, Math.floor(ms / 3_600_000));
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

/** A reason is read by people. */
const NAMED_IN_REASON_MAX = 3;

function publishRedirects(entries: readonly string[], {redirected}: ObservedCertificates, {operations}: ObservedState): readonly Action[] {
  const wanted = new Set(entries);
  const [added, removed] = [entries.filter((entry) => !redirected.has(entry)), [...redirected].filter((entry) => !wanted.has(entry))];
  if (operations.has('redirects') || added.length + removed.length === 0) return [];
  const shown = [...added.map((entry) => whatBecomes(entry, 'redirected')), ...removed.map((entry) => whatBecomes(entry, 'answered'))];
  return [{kind: 'publish-redirects', entries, reason: shown.length > NAMED_IN_REASON_MAX ? `${shown.slice(0, NAMED_IN_REASON_MAX).join(', ')} and ${shown.length - NAMED_IN_REASON_MAX} more` : shown.join(', ')}];
}

/** An exception says the contrary. */
function whatBecomes(entry: string, how: 'redirected' | 'answered'): string {
  const isException = entry.endsWith('!');
  return `${entry.replace(/!$/, '').replace(/^_/, '*')} → ${(how === 'redirected') !== isException ? 'HTTPS' : 'HTTP'}`;
}
