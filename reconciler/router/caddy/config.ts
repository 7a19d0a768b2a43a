import type {Target} from '../../observed/state.ts';
import type {RouteStructure} from '../../observed/structure.ts';
import type {NodeSettings} from '../../settings.ts';
import type {RouterFiles} from '../files.ts';
import {hostRoutes} from './hosts.ts';
import {HANDOVER_OPTIONS, holdServer} from './handover.ts';
import {forwarding} from './forwarding.ts';
import {ENDS_CONNECTIONS} from './last-answers.ts';
import {carriedIn, carrier, carry, unpacked, type RouteConfig} from './carried.ts';
import {authServers, NO_SECRETS, type RouteContext} from './options.ts';
import {answer, duration, KEEP_ALIVE, toReplicas, TRIES, type Json, type ProxyContext} from './parts.ts';
import {errorRoutes, maintenanceRoutes} from './pages.ts';
import {redirectRoutes, storage, tlsApp} from './tls.ts';
import {NO_SUCH_HOST_PAGE} from './page-texts.ts';
import {DIAL_MS} from '../times.ts';
import {KEEPS_ANSWERS_WHOLE} from './whole-answers.ts';
import {isSameJson} from '../same.ts';
import {UNKNOWN_HOST_ADDRESS} from '../unbound-config.ts';

/** Where Caddy answers for apps in maintenance: apart from every other listener, on the DNS port, which is ours already (over TCP on 127.0.0.1). */
export const MAINTENANCE_ADDRESS = '127.0.0.3';
export const NO_STRUCTURE: RouteStructure = {hosts: []};

export type CaddySettings = Pick<NodeSettings, 'domain' | 'listen' | 'httpPort' | 'httpsPort' | 'apiPort' | 'dnsPort'>;

/**
 * The whole configuration of Caddy. Everything that changes often (plain hosts, replicas) is not in it: Caddy asks our
 * DNS server for `_http._tcp.<host>` (see `records.ts`), because each change of a configuration takes another Caddy.
 *
 * Manifests' words get in as JSON values only, and only hosts and paths that mean nothing special to Caddy
 * (`{…}` would be a placeholder, `*` a wildcard); others are left out.
 */
export function renderCaddyConfig(settings: CaddySettings, files: RouterFiles, made: RouteConfig): Json {
  return rendered({settings, files, carried: carry(made)}, made);
}

interface Place {
  readonly settings: CaddySettings;
  readonly files: RouterFiles;
  /** What it was made from, packed. */
  readonly carried: string;
}

function rendered({settings, files, carried}: Place, {structure, secrets = NO_SECRETS}: RouteConfig): Json {
  const {listen, httpPort, httpsPort, domain, apiPort, dnsPort} = settings;
  const context: RouteContext = {dnsPort, secrets, trustedProxies: structure.trustedProxies ?? [], pages: structure.pages ?? []};
  return {
    admin: {listen: `unix/${files.caddySocket}`, config: {persist: false}},
    storage: storage(files),
    logging: {logs: {
      default: {
        // One line for each failed request or try: the answer says as much, and anybody could fill the log.
        exclude: ['http.handlers.reverse_proxy', 'http.log.error', 'http.log.access'],
        level: 'WARN',
      },
      access: accessLog(files),
    }},
    apps: {
      http: {
        // The port of these two that gets no TLS, although one server has both.
        http_port: httpPort,
        https_port: httpsPort,
        ...HANDOVER_OPTIONS,
        servers: {
          apps: {
            listen: [httpPort, httpsPort].flatMap((port) => addressesOf(listen).map((address) => `${address}:${port}`)),
            protocols: ['h1', 'h2'],
            // Of those who send their headers by and by, and of those who send too many: they are answered 431.
            read_header_timeout: duration(READ_HEADER_MS),
            max_header_bytes: HEADER_BYTES_MAX,
            automatic_https: {disable: true},
            tls_connection_policies: [{}],
            // Git and the API are not apps.
            logs: {skip_hosts: ['git', 'api'].flatMap((name) => ['', `:${httpPort}`, `:${httpsPort}`].map((port) => `${name}.${domain}${port}`))},
            routes: [
              // Caddy names itself as the server before the app does, and beside it.
              {handle: [noteForAccessLog, KEEPS_ANSWERS_WHOLE, ENDS_CONNECTIONS, {handler: 'headers', response: {delete: ['Server']}}]},
              ...forwarding(settings, structure.trustedProxies ?? []),
              {match: [{host: ['git', 'api'].flatMap((name) => [`${name}.${domain}`, `${name}.${domain}.`])}], handle: [toApi(apiPort, structure.trustedProxies ?? [])], terminal: true},
              ...redirectRoutes(settings, files, structure.tls),
              ...hostRoutes(structure.hosts, context),
              catchAll(context),
              {handle: [answer(404, NO_SUCH_HOST_PAGE)]},
            ],
            errors: {routes: errorRoutes(context.pages)},
          },
          unknown: {
            listen: [`${UNKNOWN_HOST_ADDRESS}:${dnsPort}`],
            protocols: ['h1'],
            automatic_https: {disable: true},
            routes: [carrier(carried), {handle: [answer(404, NO_SUCH_HOST_PAGE)]}],
          },
          hold: holdServer(files),
          maintenance: {
            listen: [`${MAINTENANCE_ADDRESS}:${dnsPort}`],
            protocols: ['h1'],
            automatic_https: {disable: true},
            routes: maintenanceRoutes(context.pages),
          },
          ...authServers(structure, context),
        },
      },
      tls: tlsApp(settings, files, structure.tls),
      pki: {certificate_authorities: {local: {install_trust: false}}},
    },
  };
}

/**
 * Where Caddy listens so that it hears what comes to this address. Connections that a Caddy which leaves has not accepted go over to the next one only from a socket
 * of the same address (net/core/sock_reuseport.c): with the wildcard alone, beside a Caddy on 127.0.0.1, one of seven changes cut some of six busy clients.
 */
function addressesOf(listen: string): readonly string[] {
  if (listen === EVERYWHERE) return [EVERYWHERE, LOOPBACK];
  return [listen.includes(':') ? `[${listen}]` : listen];
}

const EVERYWHERE = '0.0.0.0';
const LOOPBACK = '127.0.0.1';

/** What the names of an app in maintenance lead to: a target as its replicas are, so that going there and back changes names only. */
export function maintenanceTarget({dnsPort}: Pick<CaddySettings, 'dnsPort'>): Target {
  return {address: MAINTENANCE_ADDRESS, port: dnsPort};
}

/** What a client has for all headers of a request; four times of what nginx takes for one of them. Go's own limit is 1 MiB. */
const HEADER_BYTES_MAX = 64 * 1024;
const READ_HEADER_MS = 30_000;

/** A file, and no connection: Caddy does not start when nobody listens at the other end of one (2.6.2). */
function accessLog({accessLog: filename}: RouterFiles): Json {
  // Headers may hold secrets, and would be most of each line.
  const deleted = ['request>headers', 'request>tls', 'resp_headers', 'logger', 'level', 'msg'];
  return {
    writer: {output: 'file', filename, roll_size_mb: ACCESS_LOG_MIB, roll_keep: ACCESS_LOGS_KEPT, roll_gzip: false},
    encoder: {format: 'filter', wrap: {format: 'json', time_format: 'rfc3339_nano'}, fields: Object.fromEntries(deleted.map((field) => [field, {filter: 'delete'}]))},
    include: ['http.log.access'],
  };
}

/** The access log is read as it grows; what is kept of it bridges the time in which no reconciler runs. */
const ACCESS_LOG_MIB = 16;
const ACCESS_LOGS_KEPT = 3;

/**
 * Brings the replica and what else the access log of Caddy 2.6 can't have into its field `user_id`: the value is made when the log asks for
 * it, after the answer. A response header would get it there too, and to the client with it. `parseNote` of logs/access-log.ts reads it.
 * Where somebody logs in at the router, Caddy would write his name there instead: see `authServers`.
 */
const noteForAccessLog: Json = {
  handler: 'map',
  source: 'request',
  destinations: ['{http.auth.user.id}'],
  mappings: [{input: 'request', outputs: [[
    '{http.request.scheme}', '{http.reverse_proxy.upstream.address}',
    '{http.reverse_proxy.upstream.latency_ms}', '{http.reverse_proxy.upstream.duration_ms}', '{http.reverse_proxy.duration_ms}',
    '{http.request.header.Content-Length}', '{http.request.header.X-Request-Id}', '{http.error.message}\t{http.request.header.X-Forwarded-For}',
  ].join(' ')]}],
};

/**
 * The structure that a running configuration has, or undefined when it is not exactly what we would load for it:
 * changed by hand, empty, or made for other settings or by another version.
 */
export function structureOf(config: unknown, settings: CaddySettings, files: RouterFiles): RouteStructure | undefined {
  const carried = carriedIn(config);
  const made = carried === undefined ? undefined : unpacked(carried);
  if (carried === undefined || made === undefined) return undefined;
  try {
    return isSameJson(rendered({settings, files, carried}, made), config) ? made.structure : undefined;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** What a configuration says that it was made from. */
export function routesIn(config: unknown): RouteConfig | undefined {
  return unpacked(carriedIn(config) ?? '');
}

/** The first group is the host, without port and without the dot that may end it. */
const HOST_HEADER = '^([a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*)\\.?(?::[0-9]*)?$';

/**
 * Any host that can be a name. The name that is asked for starts with `_http._tcp.` whatever the Host header says, so no
 * header leads to a service's own name, and ends in a dot, so that no search domain of the machine is tried.
 */
function catchAll(context: ProxyContext): Json {
  return {
    match: [{header_regexp: {Host: {name: 'host', pattern: HOST_HEADER}}}],
    handle: [toReplicas('_http._tcp.{http.regexp.host.1}.', context)],
    terminal: true,
  };
}

/** A proxy that is trusted says how its client came: over TLS, where it ends that. */
function toApi(apiPort: number, trustedProxies: readonly string[]): Json {
  return {
    handler: 'reverse_proxy',
    upstreams: [{dial: `127.0.0.1:${apiPort}`}],
    load_balancing: TRIES,
    ...(trustedProxies.length > 0 && {trusted_proxies: trustedProxies}),
    transport: {protocol: 'http', dial_timeout: duration(DIAL_MS), keep_alive: KEEP_ALIVE, compression: false},
  };
}
