import {createHash} from 'node:crypto';
import {isDeepStrictEqual} from 'node:util';
import type {AppName, ServiceName} from '../../schemas/ids.ts';
import type {TcpListener, TcpStructure} from '../observed/ports.ts';
import type {NodeSettings} from '../settings.ts';
import {LOG_DESCRIPTOR} from './connection-log.ts';
import {haproxyCertificateFile, type RouterFiles} from './files.ts';
import {serviceOfStream} from './names.ts';
import {DIAL_MS, REFRESH_MS, STREAM_KEPT_MS} from './times.ts';

export type TcpSettings = Pick<NodeSettings, 'listen' | 'dnsPort'>;

/** Descriptors: a connection has two. */
const FILES_MAX = 20_000;
/** How long HAProxy waits for the first bytes of TLS, which say what host is asked for, seconds. */
const HELLO_SECONDS = 5;
/** The line that says what the rest was made of. */
const STRUCTURE_LINE = /^# structure: (.*)$/m;

/**
 * The whole configuration of HAProxy. Replicas are not in it: HAProxy asks our DNS server for them, as Caddy does. So only ports and their
 * options are structure, and a change of it starts a new worker beside the old one, which keeps the connections that it has.
 *
 * Manifests' words get in as numbers, networks and hosts that were checked, never as they are written.
 */
export function renderHaproxyConfig({listen, dnsPort}: TcpSettings, files: RouterFiles, structure: TcpStructure): string {
  const address = listen.includes(':') ? `[${listen}]` : listen;
  const body = `
  stats socket ${files.haproxySocket} mode 600 level admin
  # Whatever the engine gives to containers; without it memory is taken for as many as that.
  fd-hard-limit ${FILES_MAX}
  # Addresses of replicas, for a worker that has not asked yet.
  server-state-file ${files.haproxyState}
  # Two threads that want to write a line of the log at the same moment: one of the lines is dropped (28 of 4,000 connections that ended at once).
  nbthread 1
  log stderr format raw local0 warning

defaults
  mode tcp
  option tcpka
  timeout connect ${DIAL_MS}ms
  # One line a connection, when it is over: see logs/tcp-entry.ts.
  log fd@${LOG_DESCRIPTOR} format raw local0 info
  log-format "%Ts%ms %ci %fp %b %[var(txn.refused)] %si %Tw %Tc %Tt %U %B %ts"
  # One that is gone since the last answer is refused at once: another one is tried.
  retries 3
  option redispatch 1
  load-server-state-from-file global

resolvers flynn
  # Over TCP, because answers about many replicas are cut over UDP.
  nameserver dns tcp@127.0.0.1:${dnsPort}
  accepted_payload_size 65535
  timeout resolve ${REFRESH_MS}ms
  timeout retry 500ms
  hold valid ${REFRESH_MS}ms
  hold obsolete ${STREAM_KEPT_MS}ms
  # A DNS server that is being restarted takes nobody's replicas away.
  hold nx 24h
  hold timeout 24h
  hold refused 24h
  hold other 24h
${structure.map((listener) => renderListener(listener, address, files)).join('')}`;
  return `# Written by Flynn; changes by hand are lost.\n# structure: ${JSON.stringify(structure)}\nglobal\n  description ${markOf(body)}${body}`;
}

/** What a worker says of the configuration that it runs. */
export function markIn(config: string): string | undefined {
  return /^ {2}description ([0-9a-f]{16})$/m.exec(config)?.[1];
}

/** The structure that a file was made for, or undefined when it is not exactly what we would write for it. */
export function tcpStructureOf(config: string, settings: TcpSettings, files: RouterFiles): TcpStructure | undefined {
  const structure = tcpStructureIn(config);
  return structure !== undefined && renderHaproxyConfig(settings, files, structure) === config ? structure : undefined;
}

/** What an earlier start wrote, possibly for other settings. */
export function tcpStructureIn(config: string): TcpStructure | undefined {
  try {
    return JSON.parse(STRUCTURE_LINE.exec(config)?.[1] ?? '') as TcpStructure;
  } catch {
    return undefined;
  }
}

export function isSameTcpStructure(one: TcpStructure, other: TcpStructure | undefined): boolean {
  return isDeepStrictEqual(one, other);
}

function markOf(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16);
}

function renderListener({port, acceptProxyFrom = [], backends}: TcpListener, address: string, files: RouterFiles): string {
  const idleMs = Math.max(...backends.map(({idleTimeoutMs}) => idleTimeoutMs));
  const certificates = backends.flatMap(({certificate}) => (certificate === undefined ? [] : [haproxyCertificateFile(files, certificate)]));
  const isTlsHere = certificates.length > 0;
  const isByHost = backends.some(({sni}) => sni !== undefined);
  // Its only certificate is for whoever comes: old clients do not say whom they ask for.
  const isOnlyHost = isTlsHere && backends.length === 1;
  const accept = acceptProxyFrom.length === 0 ? [] : [`  tcp-request connection expect-proxy layer4 if { src ${acceptProxyFrom.join(' ')} }`];
  const choice = backends.flatMap((backend) => {
    const {sni, allow = []} = backend;
    const name = backendName(port, backend);
    const isMeant = sni === undefined || isOnlyHost ? '' : `{ ${isTlsHere ? 'ssl_fc_sni' : 'req.ssl_sni'} -i ${sni} } `;
    // `session` would end them sooner, and tell nobody.
    const isForeign = allow.length === 0 ? [] : [`  tcp-request content set-var(txn.refused) str(${name}) if ${isMeant}!{ src ${allow.join(' ')} }`, '  tcp-request content reject if { var(txn.refused) -m found }'];
    return [...isForeign, isMeant === '' ? `  default_backend ${name}` : `  use_backend ${name} if ${isMeant.trim()}`];
  });
  return [
    '',
    `frontend p${port}`,
    `  bind ${address}:${port}${isTlsHere ? ` ssl${[...new Set(certificates)].map((file) => ` crt ${file}`).join('')} ssl-min-ver TLSv1.2${isOnlyHost ? '' : ' strict-sni'}` : ''}`,
    `  timeout client ${idleMs}ms`,
    ...accept,
    ...(isByHost && !isTlsHere ? [`  tcp-request inspect-delay ${HELLO_SECONDS}s`, ...choice.filter((line) => line.includes('refused')), '  tcp-request content accept if { req.ssl_hello_type 1 }', '  tcp-request content reject', ...choice.filter((line) => !line.includes('refused'))] : choice),
    ...backends.flatMap((backend) => renderBackend(backend, backendName(port, backend))),
    '',
  ].join('\n');
}

const PROXY_OPTION = {none: '', v1: ' send-proxy', v2: ' send-proxy-v2'} as const;

function renderBackend({name, slots, proxyProtocol, idleTimeoutMs}: TcpListener['backends'][number], backend: string): readonly string[] {
  return [
    '',
    `backend ${backend}`,
    '  balance leastconn',
    `  timeout server ${idleTimeoutMs}ms`,
    `  server-template r 1-${slots} ${name} resolvers flynn resolve-prefer ipv4 init-addr last,none${PROXY_OPTION[proxyProtocol]}`,
  ];
}

/** What HAProxy calls the replicas that one port, or one host on it, leads to. Says whose it is: a new worker takes the addresses of replicas over from the backend of the same name. */
export function backendName(port: number, {name, sni}: Pick<TcpListener['backends'][number], 'name' | 'sni'>): string {
  const {service, app} = serviceOfStream(name) ?? {service: '', app: ''};
  return [`p${port}`, ...(sni === undefined ? [] : [sni]), `${service}.${app}`].join('_');
}

/** Whose a name of `backendName` is; undefined for other names. */
export function ownerOfBackend(backend: string): {readonly service: ServiceName; readonly app: AppName; readonly sni?: string} | undefined {
  const [, sni, service, app] = BACKEND.exec(backend) ?? [];
  // Both stood in a name that was made of them.
  return service === undefined || app === undefined ? undefined : {service: service as ServiceName, app: app as AppName, ...(sni !== undefined && {sni})};
}

/** None of them has a `_` in it. */
const BACKEND = /^p\d+(?:_([^_]+))?_([^_.]+)\.([^_.]+)$/;
