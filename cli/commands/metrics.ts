import {formatBytes} from '../../schemas/quantity.ts';
import type {HttpMetrics, NodeMetrics, TcpMetrics, TcpReplicaMetrics} from '../../reconciler/node.ts';
import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {age} from '../output/time.ts';

export const metrics: Command = {
  usage: 'metrics [<app>]',
  summary: 'Show what the router has answered, by app and replica',
  details: [
    'Without an app all of them are listed. Counting begins when the reconciler starts; requests of the time without it are counted when it has read them.',
    'REQ/MIN   of the last minute        OPEN   not over yet: websockets and event streams too',
    'P50, P95  until the answer began    IN, OUT   bodies',
    'For Prometheus the same is at /metrics of the API, for programs at /v1/metrics.',
  ],
  examples: ['flynn metrics', 'flynn metrics -a shop', 'flynn metrics --json | jq ".http[] | {app, replica, p95Ms}"'],

  async run(args, context, signal) {
    const {words: [named]} = parseFlags(args, {}, {wordsMax: 1});
    const app = named === undefined && context.appFlag === undefined ? undefined : await context.app(named, signal);
    const client = await context.client();
    const found = await client.get<NodeMetrics>(`/v1/metrics${app === undefined ? '' : `?app=${app}`}`, signal);
    // One that is gone may still have figures; one that never was has none.
    if (app !== undefined && found.http.length + found.tcp.length === 0) await client.app(app, signal);
    if (context.isJson) context.out(JSON.stringify(found, null, 2));
    else for (const line of lines(found)) context.out(line);
    if (!context.isJson) context.err(found.http.length + found.tcp.length === 0 ? 'no requests yet' : `since ${age(found.since, context.nowMs())} ago`);
    for (const problem of found.problems) context.err(problem);
    return 0;
  },
};

function lines({http, tcp, tcpReplicas}: NodeMetrics): readonly string[] {
  return [
    ...(http.length === 0 ? [] : table([['APP', 'REPLICA', 'REQUESTS', 'REQ/MIN', '2XX', '3XX', '4XX', '5XX', 'P50', 'P95', 'IN', 'OUT', 'OPEN', 'ERRORS'], ...http.map(httpRow)])),
    ...(http.length === 0 || tcp.length === 0 ? [] : ['']),
    ...(tcp.length === 0 ? [] : table([['APP', 'SERVICE', 'PORT', 'CONNECTIONS', 'OPEN', 'IN', 'OUT', 'REFUSED'], ...tcp.map(tcpRow)])),
    ...(tcpReplicas.length === 0 ? [] : ['', ...table([['APP', 'PORT', 'REPLICA', 'OVER', 'OPEN', 'IN', 'OUT', 'ERRORS'], ...tcpReplicas.map(replicaRow)])]),
  ];
}

function httpRow({app, replica, requests, requestsOfLastMinute, statuses, p50Ms, p95Ms, bytesIn, bytesOut, open, errors}: HttpMetrics): readonly string[] {
  const count = (status: string) => String(statuses[status] ?? 0);
  const within = (ms: number | undefined) => (ms === undefined ? '-' : `${Math.round(ms)} ms`);
  return [
    app, replica ?? '-', String(requests), String(requestsOfLastMinute), count('2xx'), count('3xx'), count('4xx'), count('5xx'),
    within(p50Ms), within(p95Ms), formatBytes(bytesIn), formatBytes(bytesOut), open === undefined ? '-' : String(open),
    counted(errors),
  ];
}

function counted(errors: HttpMetrics['errors']): string {
  return Object.entries(errors).map(([code, times]) => `${code} ${times}`).join(', ');
}

function portOf({port, sni}: Pick<TcpMetrics, 'port' | 'sni'>): string {
  return sni === undefined ? String(port) : `${port} ${sni}`;
}

function replicaRow({app, replica, connections, open, bytesIn, bytesOut, errors, ...place}: TcpReplicaMetrics): readonly string[] {
  return [app, portOf(place), replica ?? '-', String(connections), open === undefined ? '-' : String(open), formatBytes(bytesIn), formatBytes(bytesOut), counted(errors)];
}

function tcpRow({app, service, connections, open, bytesIn, bytesOut, refused, ...place}: TcpMetrics): readonly string[] {
  return [app, service, portOf(place), String(connections), String(open), formatBytes(bytesIn), formatBytes(bytesOut), String(refused)];
}
