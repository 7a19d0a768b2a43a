import {hostSchema, serviceNameSchema} from './names.ts';
import type {ObjectSchema, Problem} from './schema.ts';
import {subnetSchema} from './subnet.ts';

/** A port of the node that leads to a service, byte for byte. */
export interface TcpRouteManifest {
  /** Absent: one of the cluster's range, written here by a commit. */
  readonly port?: number;
  readonly service: string;
  /** TLS connections for this host only (SNI). Routes with other hosts may have the same port. */
  readonly sni?: string;
  /** Who has the certificate of `sni`: the service, or the router, which passes on what was in it. */
  readonly tls?: TcpTls;
  /** How the service is told of the client's address. */
  readonly proxyProtocol?: ProxyProtocol;
  /** Networks whose connections begin with a PROXY header of their own. */
  readonly acceptProxyProtocol?: readonly string[];
  /** Clients from elsewhere are cut off. Absent: everybody may come. */
  readonly allow?: readonly string[];
  readonly idleTimeoutSeconds?: number;
}

export type TcpTls = 'passthrough' | 'terminate';
export type ProxyProtocol = 'none' | 'v1' | 'v2';

export const IDLE_TIMEOUT_SECONDS_DEFAULT = 3600;
const ROUTES_MAX = 100;
const NETWORKS_MAX = 1000;

const networks = {type: 'array', minItems: 1, maxItems: NETWORKS_MAX, items: {...subnetSchema, errorMessage: 'must be a network such as 10.0.0.0/8, or one address such as 203.0.113.7/32'}};

const tcpRouteSchema: ObjectSchema<TcpRouteManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['service'],
  properties: {
    port: {type: 'integer', minimum: 1, maximum: 65_535, description: 'Of the node: what clients connect to. Absent: one of `router.tcpPorts` in cluster.yaml is chosen and written here, by a commit.', examples: [5432]},
    service: {...serviceNameSchema, type: 'string', description: 'Who answers, on the port that it listens on.', examples: ['db']},
    sni: {...hostSchema, description: 'Only TLS connections that ask for this host (SNI). Several routes with other hosts can share a port.', examples: ['db.example.com']},
    tls: {enum: ['passthrough', 'terminate'], default: 'passthrough', errorMessage: 'must be passthrough or terminate', description: 'With `sni`: connections are passed on as they are, the service having the certificate; or TLS ends at the router, which has a certificate of the host (`flynn cert`), and the service gets what was in it.'},
    proxyProtocol: {enum: ['none', 'v1', 'v2'], default: 'none', errorMessage: 'must be none, v1 or v2', description: "Version of the PROXY header that tells the service the client's address. The service has to expect it."},
    acceptProxyProtocol: {...networks, description: "Networks of load balancers whose connections begin with a PROXY header (v1 or v2): the client is who it names. Others' are taken as they are.", examples: [['10.0.0.0/8']]},
    allow: {...networks, description: 'Only clients from these networks. Absent: everybody.', examples: [['10.0.0.0/8', '203.0.113.7/32']]},
    idleTimeoutSeconds: {type: 'number', minimum: 1, maximum: 604_800, default: IDLE_TIMEOUT_SECONDS_DEFAULT, description: 'A connection on which nothing is sent for so long is closed.'},
  },
};

export const tcpRoutesSchema = {type: 'array', items: tcpRouteSchema, maxItems: ROUTES_MAX, description: 'Ports of the node that lead to services: for everything that is not HTTP.'};

/** A route whose port is known. */
export type PlacedTcpRoute = TcpRouteManifest & {readonly port: number};

export function hasPort(route: TcpRouteManifest): route is PlacedTcpRoute {
  return route.port !== undefined;
}

/** Ports that are there twice, and hosts of a port that nobody has chosen yet. */
export function checkTcpRoutes(routes: readonly TcpRouteManifest[] = []): readonly Problem[] {
  return routes.flatMap((route, index): Problem[] => {
    if (route.tls !== undefined && route.sni === undefined) return [{path: ['tcp', index, 'tls'], message: 'tls needs `sni`: the host whose certificate it is'}];
    if (!hasPort(route)) return route.sni === undefined ? [] : [{path: ['tcp', index, 'sni'], message: 'a route with `sni` shares its port with others: say which `port`'}];
    const rival = routes.slice(0, index).filter(hasPort).find((other) => isSamePlace(route, other));
    if (rival === undefined) return [];
    const path = ['tcp', index, 'port'];
    if (isMixed(route, rival)) return [{path, message: `port ${route.port} is shared: then all of its routes have the same \`tls\``}];
    return [{path, message: (route.sni === undefined) === (rival.sni === undefined) ? `${placeOf(route)} is there twice` : `port ${route.port} is shared: then each of its routes needs another \`sni\``}];
  });
}

/** Whether two routes can't both have what they claim: a port, or a port's host where both name one. */
export function isSamePlace(one: Place, other: Place): boolean {
  return one.port === other.port && (isMixed(one, other) || one.sni === undefined || other.sni === undefined || one.sni === other.sni);
}

/** TLS that ends here can't share a port with TLS that is passed on. */
function isMixed(one: Place, other: Place): boolean {
  return (one.tls === 'terminate') !== (other.tls === 'terminate');
}

/** What a route claims. */
export type Place = Pick<PlacedTcpRoute, 'port' | 'sni' | 'tls'>;

/** `port 5432`, `port 443 for db.example.com` */
export function placeOf({port, sni}: Pick<PlacedTcpRoute, 'port' | 'sni'>): string {
  return `port ${port}${sni === undefined ? '' : ` for ${sni}`}`;
}
