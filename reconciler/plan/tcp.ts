import type {AppName} from '../../schemas/ids.ts';
import type {DesiredApp, DesiredTcpRoute} from '../desired/state.ts';
import type {TcpCertificate, TcpListener, TcpStructure} from '../observed/ports.ts';
import type {NameTable, ObservedState, Target} from '../observed/state.ts';
import {streamName} from '../router/names.ts';
import {STREAM_LETS_GO_MS} from '../router/times.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {TAKEN_LOOK_MS} from './limits.ts';

/** A port of the node and the replicas that may get its connections now. */
export interface RoutedPort extends DesiredTcpRoute {
  readonly app: AppName;
  /** As of `RoutedPath`. */
  readonly isHeld: boolean;
  /** Each once. */
  readonly targets: readonly Target[];
  /** Replicas that are wanted. */
  readonly replicas: number;
}

export interface TcpPlan extends Plan {
  /** HAProxy has something to do. */
  readonly isWanted: boolean;
  /** It may be started: its file says what is wanted. */
  readonly isFileRight: boolean;
}

/** Fewest replicas of a service that there is room for without a change of the configuration. */
const SLOTS_MIN = 8;

/** What HAProxy is to be configured with. `certificateOf`: of a host, when its files are there. A port that something else on this node has waits, and keeps no other one from being served. */
export function planTcp(routes: readonly RoutedPort[], observed: ObservedState, certificateOf: (host: string) => TcpCertificate | undefined): TcpPlan {
  const {tcp, router, operations} = observed;
  const claimed = withoutRivals(routes);
  const notTaken = claimed.filter(({port}) => !tcp.takenPorts.has(port) && !tcp.ownPorts.has(port));
  const withCertificates = new Map(notTaken.flatMap(({tls, sni}): [string, TcpCertificate][] => {
    const certificate = tls === 'terminate' && sni !== undefined ? certificateOf(sni) : undefined;
    return certificate === undefined || sni === undefined ? [] : [[sni, certificate]];
  }));
  const free = notTaken.filter(({tls, sni}) => tls !== 'terminate' || withCertificates.has(sni ?? ''));
  const unproven = notTaken.filter((route) => !free.includes(route)).map(({app, port, sni}): Waiting => ({app, subject: `${PORT_SUBJECT} ${port}`, on: `a certificate of ${sni}: flynn cert add, or one of an authority`}));
  const taken = claimed.filter((route) => !notTaken.includes(route)).map(({app, port}): Waiting => {
    const purpose = tcp.ownPorts.get(port);
    if (purpose !== undefined) return {app, subject: `${PORT_SUBJECT} ${port}`, on: `another number in app.yaml: this node has it for ${purpose}`};
    return {app, subject: `${PORT_SUBJECT} ${port}`, on: 'whatever else listens on it on this node to let it go', untilMs: observed.nowMs + TAKEN_LOOK_MS};
  });
  const waiting = [...taken, ...unproven];
  const structure = structureOf(free, withCertificates);
  const isFileRight = isSame(structure, tcp.file);
  const isWanted = structure.length > 0;
  const isRight = isFileRight && (tcp.running.state === 'silent' || tcp.running.isFromFile);
  // Until it has ended, a worker of the ports before may take a connection.
  if (operations.has('tcp')) return {actions: [], waiting: [...waiting, {subject: 'tcp', on: 'its ports to be loaded'}], isWanted, isFileRight};
  if (isRight || (!isWanted && tcp.file === undefined && tcp.running.state === 'silent')) return {actions: [], waiting, isWanted, isFileRight};
  // Of a name that is not there yet the DNS server says that nobody knows it.
  const isNamed = router.state === 'ready' && free.every(({service, app}) => router.names.has(streamName(service, app)));
  if (!isNamed) return {actions: [], waiting: [...waiting, {subject: 'tcp', on: 'the names of its replicas'}], isWanted, isFileRight};
  const followedAtMs = Math.max(0, ...[...router.leftStreams].map((key) => (router.leftAtMs.get(key) ?? 0) + STREAM_LETS_GO_MS));
  if (observed.nowMs < followedAtMs) return {actions: [], waiting: [...waiting, {subject: 'tcp', on: 'HAProxy to have followed the last change of replicas', untilMs: followedAtMs}], isWanted, isFileRight};
  return {actions: [{kind: 'load-tcp', structure, reason: reasonFor(structure, tcp.file)} satisfies Action], waiting, isWanted, isFileRight};
}

/** One wait a route that names no port. */
export function waitsForPorts(app: DesiredApp): readonly Waiting[] {
  if (app.state === 'invalid') return [];
  return (app.portsWanted ?? []).map((service) => ({app: app.name, subject: `${PORT_SUBJECT} of ${service}`, on: 'one to be chosen, by a commit'}));
}

/** What the ports of apps wait for, in words, by app: one whose port is not served is not all there. */
export function waitsOfPorts(waiting: readonly Waiting[]): ReadonlyMap<AppName, string> {
  const ofPorts = waiting.filter(({app, subject}) => app !== undefined && subject.startsWith(`${PORT_SUBJECT} `));
  return new Map([...Map.groupBy(ofPorts, ({app}) => app as AppName)].map(([app, waits]) => [app, waits.map(({subject, on}) => `${subject} waits on ${on}`).join('; ')]));
}

const PORT_SUBJECT = 'TCP port';

/** Of the services that ports lead to; also of those that wait for their port. */
export function streamNames(routes: readonly RoutedPort[]): NameTable {
  return new Map(withoutRivals(routes).map(({service, app, targets}) => [streamName(service, app), targets]));
}

/** Where two apps have a port, the one that holds on to its last good manifests was there first. */
function withoutRivals(routes: readonly RoutedPort[]): readonly RoutedPort[] {
  return [...Map.groupBy(routes, ({port}) => port).values()].flatMap((rivals) => {
    const [first] = [...rivals.filter(({isHeld}) => isHeld), ...rivals];
    const shares = (route: RoutedPort) => route.sni !== undefined && first?.sni !== undefined && route.tls === first.tls;
    const bySni = [...Map.groupBy(rivals.filter(shares), ({sni}) => sni).values()].flatMap((claims) => claims.find(({isHeld}) => isHeld) ?? claims.slice(0, 1));
    return bySni.length > 0 ? bySni : first === undefined ? [] : [first];
  });
}

function structureOf(routes: readonly RoutedPort[], certificates: ReadonlyMap<string, TcpCertificate>): TcpStructure {
  const ports = [...Map.groupBy(routes, ({port}) => port)].toSorted(([a], [b]) => a - b);
  return ports.map(([port, ofPort]): TcpListener => {
    const acceptProxyFrom = [...new Set(ofPort.flatMap((route) => route.acceptProxyFrom ?? []))].toSorted();
    const backends = ofPort.toSorted((a, b) => ((a.sni ?? '') < (b.sni ?? '') ? -1 : 1)).map(({app, service, sni, tls, allow, proxyProtocol, idleTimeoutMs, replicas}) => {
      const certificate = tls === 'terminate' ? certificates.get(sni ?? '') : undefined;
      return {name: streamName(service, app), slots: slotsFor(replicas), ...(sni !== undefined && {sni}), ...(certificate && {certificate}), ...(allow && {allow}), proxyProtocol, idleTimeoutMs};
    });
    return {port, ...(acceptProxyFrom.length > 0 && {acceptProxyFrom}), backends};
  });
}

/** Old and new ones side by side, and a power of two, so that scaling seldom changes the configuration. */
function slotsFor(replicas: number): number {
  return Math.max(SLOTS_MIN, 2 ** Math.ceil(Math.log2(2 * Math.max(1, replicas))));
}

function isSame(one: TcpStructure, other: TcpStructure | undefined): boolean {
  return other !== undefined && JSON.stringify(one) === JSON.stringify(other);
}

function reasonFor(wanted: TcpStructure, seen: TcpStructure | undefined): string {
  if (seen === undefined) return 'HAProxy\'s configuration is not what was loaded';
  if (isSame(wanted, seen)) return 'HAProxy runs another configuration than its file';
  const [now, before] = [wanted, seen].map((structure) => new Map(structure.map((listener) => [listener.port, JSON.stringify(listener)])));
  const changed = [...new Set([...now?.keys() ?? [], ...before?.keys() ?? []])].filter((port) => now?.get(port) !== before?.get(port)).toSorted((a, b) => a - b);
  return `TCP ports changed: ${changed.slice(0, PORTS_IN_REASON_MAX).join(', ')}${changed.length > PORTS_IN_REASON_MAX ? ' …' : ''}`;
}

/** A reason is read by people. */
const PORTS_IN_REASON_MAX = 5;
