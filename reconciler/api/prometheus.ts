import {ANSWER_BOUNDS_MS} from '../logs/traffic.ts';
import type {HttpMetrics, NodeMetrics, TcpMetrics, TcpReplicaMetrics} from '../node.ts';

/** Prometheus' text format, 0.0.4. */
export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** The name of a sample is the family's and this. */
  readonly samples: readonly {readonly suffix?: string; readonly labels: Labels; readonly value: number}[];
}

/** One line a figure. A family without figures is left out. */
export function prometheusText({since, http, tcp, tcpReplicas, problems}: NodeMetrics, node: string): string {
  const families = [
    ...httpFamilies(http),
    ...tcpFamilies(tcp),
    ...tcpReplicaFamilies(tcpReplicas),
    family('flynn_metrics_since_seconds', 'gauge', 'When counting began, seconds since 1970', [{labels: {}, value: Date.parse(since) / 1000}]),
    family('flynn_metrics_problems', 'gauge', 'Parts of the router that could not be asked', [{labels: {}, value: problems.length}]),
  ];
  return families.filter(({samples}) => samples.length > 0).map((one) => render(one, node)).join('');
}

function httpFamilies(http: readonly HttpMetrics[]): readonly Family[] {
  const each = (samplesOf: (one: HttpMetrics, labels: Labels) => Family['samples']) => http.flatMap((one) => samplesOf(one, labelsOf(one)));
  return [
    family('flynn_http_requests_total', 'counter', 'Requests that are over, by class of status', each(({statuses}, labels) => Object.entries(statuses).map(([status, value]) => ({labels: {...labels, status}, value})))),
    family('flynn_http_errors_total', 'counter', 'Requests that no replica answered, by code of the router', each(({errors}, labels) => Object.entries(errors).map(([code, value]) => ({labels: {...labels, code}, value})))),
    family('flynn_http_request_bytes_total', 'counter', 'Bodies of requests', each(({bytesIn}, labels) => [{labels, value: bytesIn}])),
    family('flynn_http_response_bytes_total', 'counter', 'Bodies of answers', each(({bytesOut}, labels) => [{labels, value: bytesOut}])),
    family('flynn_http_answer_seconds', 'histogram', 'Time until an answer began', each((one, labels) => (one.requests === 0 ? [] : [
      ...ANSWER_BOUNDS_MS.map((bound, index) => ({suffix: '_bucket', labels: {...labels, le: String(bound / 1000)}, value: one.answeredWithin[index] ?? 0})),
      {suffix: '_bucket', labels: {...labels, le: '+Inf'}, value: one.requests},
      {suffix: '_sum', labels, value: one.answerMsSum / 1000},
      {suffix: '_count', labels, value: one.requests},
    ]))),
    family('flynn_http_open', 'gauge', 'Requests that are not over, websockets and event streams among them', each(({open}, labels) => (open === undefined ? [] : [{labels, value: open}]))),
  ];
}

function tcpFamilies(tcp: readonly TcpMetrics[]): readonly Family[] {
  const each = (valueOf: (one: TcpMetrics) => number) => tcp.map((one) => ({labels: portLabels(one), value: valueOf(one)}));
  return [
    family('flynn_tcp_connections_total', 'counter', 'Connections to a port of the node', each(({connections}) => connections)),
    family('flynn_tcp_refused_total', 'counter', 'Connections that no replica took', each(({refused}) => refused)),
    family('flynn_tcp_received_bytes_total', 'counter', 'Bytes from clients', each(({bytesIn}) => bytesIn)),
    family('flynn_tcp_sent_bytes_total', 'counter', 'Bytes to clients', each(({bytesOut}) => bytesOut)),
    family('flynn_tcp_open', 'gauge', 'Connections that are open', each(({open}) => open)),
  ];
}

function tcpReplicaFamilies(replicas: readonly TcpReplicaMetrics[]): readonly Family[] {
  const each = (samplesOf: (one: TcpReplicaMetrics, labels: Labels) => Family['samples']) => replicas.flatMap((one) => samplesOf(one, {...portLabels(one), replica: one.replica ?? ''}));
  return [
    family('flynn_tcp_replica_connections_total', 'counter', 'Connections that are over', each(({connections}, labels) => [{labels, value: connections}])),
    family('flynn_tcp_replica_errors_total', 'counter', 'Connections that no replica served, by code of the router', each(({errors}, labels) => Object.entries(errors).map(([code, value]) => ({labels: {...labels, code}, value})))),
    family('flynn_tcp_replica_received_bytes_total', 'counter', 'Bytes from clients, of connections that are over', each(({bytesIn}, labels) => [{labels, value: bytesIn}])),
    family('flynn_tcp_replica_sent_bytes_total', 'counter', 'Bytes to clients, of connections that are over', each(({bytesOut}, labels) => [{labels, value: bytesOut}])),
    family('flynn_tcp_replica_open', 'gauge', 'Connections that are open', each(({open}, labels) => (open === undefined ? [] : [{labels, value: open}]))),
  ];
}

function portLabels({app, service, port, sni}: Pick<TcpMetrics, 'app' | 'service' | 'port' | 'sni'>): Labels {
  return {app, service, port: String(port), ...(sni !== undefined && {sni})};
}

/** `web.1` is a replica of `web`. Neither is there for requests that no replica got. */
function labelsOf({app, replica}: HttpMetrics): Labels {
  return {app, service: replica?.replace(/\.\d+$/, '') ?? '', replica: replica ?? ''};
}

function family(name: string, type: Family['type'], help: string, samples: Family['samples']): Family {
  return {name, type, help, samples};
}

function render({name, type, help, samples}: Family, node: string): string {
  const lines = samples.map(({suffix = '', labels, value}) => {
    const pairs = Object.entries({node, ...labels}).map(([label, text]) => `${label}="${escaped(text)}"`);
    return `${name}${suffix}{${pairs.join(',')}} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
