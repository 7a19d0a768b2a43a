import type {AppName} from '../../schemas/ids.ts';
import type {TcpTraffic} from '../adapters/haproxy.ts';
import type {Attribution} from '../logs/router-log.ts';
import type {Traffic} from '../logs/traffic.ts';
import type {TcpCounters} from '../logs/tcp-traffic.ts';
import type {HttpMetrics, MetricsDesk, TcpMetrics, TcpReplicaMetrics} from '../node.ts';
import type {TcpStructure} from '../observed/ports.ts';
import {addressOf, serviceOfStream} from '../router/names.ts';
import {backendName} from '../router/haproxy-config.ts';

/** What the router's own processes have to say of the traffic. */
export interface RouterFigures {
  /** Requests that are not over, by `host:port` as Caddy dials it. */
  requestsInFlight(signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /** HAProxy's counters by backend, and which ports they are of. Undefined: no app has a port. */
  tcp(signal: AbortSignal): Promise<{readonly structure: TcpStructure; readonly traffic: ReadonlyMap<string, TcpTraffic>} | undefined>;
}

export interface MetricsParts extends RouterFigures {
  readonly traffic: Traffic;
  readonly connections: TcpCounters;
  replicaAt(address: string): Attribution | undefined;
  /** When this process began to count. */
  readonly sinceMs: number;
}

/** Counters of what was, and a look at what is. A part that does not answer takes nothing away from the others. */
export function metricsDesk({traffic, connections, replicaAt, sinceMs, requestsInFlight, tcp}: MetricsParts): MetricsDesk {
  return {
    async look(signal) {
      const [inFlight, ports] = await Promise.allSettled([requestsInFlight(signal), tcp(signal)]);
      signal.throwIfAborted();
      const figures = traffic.figures(Date.now());
      return {
        since: new Date(sinceMs).toISOString(),
        http: inFlight.status === 'fulfilled' ? withOpen(figures, inFlight.value, replicaAt) : figures,
        tcp: ports.status === 'fulfilled' && ports.value !== undefined ? tcpMetrics(ports.value) : [],
        tcpReplicas: ports.status === 'fulfilled' && ports.value !== undefined ? replicaMetrics(connections, ports.value, replicaAt) : connections.figures(),
        problems: [problemOf('Caddy', inFlight), problemOf('HAProxy', ports)].flatMap((problem) => problem ?? []),
      };
    },
  };
}

/** A replica whose first requests are not over yet is there too. */
function withOpen(figures: readonly HttpMetrics[], inFlight: ReadonlyMap<string, number>, replicaAt: MetricsParts['replicaAt']): readonly HttpMetrics[] {
  const open = new Map<string, {readonly app: AppName; readonly replica: string; readonly count: number}>();
  for (const [dialled, count] of inFlight) {
    const {app, replica} = replicaAt(addressOf(dialled.slice(0, dialled.lastIndexOf(':'))) ?? '') ?? {};
    if (app === undefined || replica === undefined) continue;
    const key = keyOf({app, replica});
    open.set(key, {app, replica, count: count + (open.get(key)?.count ?? 0)});
  }
  const known = new Set(figures.map(keyOf));
  const fresh = [...open].filter(([key]) => !known.has(key)).map(([, {app, replica, count}]) => ({...NOTHING_YET, app, replica, open: count}));
  return [...figures.map((one) => ({...one, ...(one.replica !== undefined && {open: open.get(keyOf(one))?.count ?? 0})})), ...fresh];
}

const NOTHING_YET = {requests: 0, requestsOfLastMinute: 0, statuses: {}, errors: {}, bytesIn: 0, bytesOut: 0, answeredWithin: [], answerMsSum: 0};

function keyOf({app, replica = ''}: Pick<HttpMetrics, 'app' | 'replica'>): string {
  return `${app} ${replica}`;
}

type Ports = NonNullable<Awaited<ReturnType<RouterFigures['tcp']>>>;

function tcpMetrics({structure, traffic}: Ports): readonly TcpMetrics[] {
  return structure.flatMap(({port, backends}) => backends.flatMap(({name, sni}) => {
    const counted = traffic.get(backendName(port, {name, ...(sni !== undefined && {sni})}));
    const whose = serviceOfStream(name);
    if (counted === undefined || whose === undefined) return [];
    const {openByAddress: _, ...figures} = counted;
    return [{...whose, port, ...(sni !== undefined && {sni}), ...figures}];
  }));
}

/** A replica whose first connections are not over yet is there too. */
function replicaMetrics(connections: TcpCounters, {structure, traffic}: Ports, replicaAt: MetricsParts['replicaAt']): readonly TcpReplicaMetrics[] {
  const open = new Map<string, TcpReplicaMetrics>();
  for (const {port, backends} of structure) {
    for (const {name, sni} of backends) {
      const whose = serviceOfStream(name);
      for (const [address, count] of traffic.get(backendName(port, {name, ...(sni !== undefined && {sni})}))?.openByAddress ?? []) {
        const replica = replicaAt(address)?.replica;
        if (whose === undefined || replica === undefined) continue;
        const found: TcpReplicaMetrics = {...whose, port, ...(sni !== undefined && {sni}), replica, connections: 0, bytesIn: 0, bytesOut: 0, errors: {}};
        open.set(placeOf(found), {...found, open: count + (open.get(placeOf(found))?.open ?? 0)});
      }
    }
  }
  const figures = connections.figures();
  const known = new Set(figures.map(placeOf));
  return [...figures.map((one) => ({...one, ...(one.replica !== undefined && {open: open.get(placeOf(one))?.open ?? 0})})), ...[...open].flatMap(([place, one]) => (known.has(place) ? [] : [one]))];
}

function placeOf({app, port, sni = '', service, replica = ''}: TcpReplicaMetrics): string {
  return [app, port, sni, service, replica].join(' ');
}

function problemOf(who: string, outcome: PromiseSettledResult<unknown>): string | undefined {
  return outcome.status === 'fulfilled' ? undefined : `${who} can't be asked: ${outcome.reason instanceof Error ? outcome.reason.message : String(outcome.reason)}`;
}
