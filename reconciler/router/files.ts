import path from 'node:path';
import type {Layout} from '../layout.ts';
import type {TcpCertificate} from '../observed/ports.ts';

/** The router's files below the data directory. Caddy's are of one shift: see `shiftLayout`. */
export interface RouterFiles {
  /** What Caddy starts from. */
  readonly caddyConfig: string;
  readonly caddySocket: string;
  /** A request to it is never answered. */
  readonly holdSocket: string;
  /** Caddy's certificates and its own certificate authority, of all shifts. */
  readonly caddyStorage: string;
  /** People's own certificates: `<id>.crt`, `<id>.key`. */
  readonly ownCertificates: string;
  /** What orders of certificates need while they go on, and what became of those that failed: `<host>.failed`. */
  readonly orders: string;
  /** An empty file for each host whose HTTP is redirected. */
  readonly redirects: string;
  /** One line of JSON a request; rotated by Caddy, which begins it anew. */
  readonly accessLog: string;
  readonly unboundConfig: string;
  /** What unbound starts from: always the names that were published last. */
  readonly records: string;
  readonly unboundSocket: string;
  /** What HAProxy starts from. */
  readonly haproxyConfig: string;
  /** Its workers answer here about themselves. */
  readonly haproxySocket: string;
  /** Its master takes wishes here: another configuration. */
  readonly haproxyMasterSocket: string;
  /** One line a connection; rotated by who writes it: see `connection-log.ts`. */
  readonly haproxyLog: string;
  /** Addresses of replicas, from one worker to the next. */
  readonly haproxyState: string;
  /** Certificates with their keys in one file each, as HAProxy reads them. */
  readonly haproxyCertificates: string;
}

export type RouterLayout = Pick<Layout, 'caddy' | 'caddyShared' | 'unbound' | 'haproxy'>;

/** One Caddy among those that take over from each other has a folder of its own. */
export function shiftLayout<Some extends RouterLayout>(layout: Some, shift: number): Some {
  return {...layout, caddy: path.join(layout.caddy, String(shift))};
}

export function routerFiles({caddy, caddyShared, unbound, haproxy}: RouterLayout): RouterFiles {
  return {
    caddyConfig: path.join(caddy, 'config.json'),
    caddySocket: path.join(caddy, 'admin.sock'),
    holdSocket: path.join(caddy, 'hold.sock'),
    caddyStorage: path.join(caddyShared, 'storage'),
    ownCertificates: path.join(caddyShared, 'certificates'),
    orders: path.join(caddyShared, 'orders'),
    redirects: path.join(caddyShared, 'redirects'),
    accessLog: path.join(caddy, 'access.log'),
    unboundConfig: path.join(unbound, 'unbound.conf'),
    records: path.join(unbound, 'records.conf'),
    unboundSocket: path.join(unbound, 'control.sock'),
    haproxyConfig: path.join(haproxy, 'haproxy.cfg'),
    haproxySocket: path.join(haproxy, 'stats.sock'),
    haproxyMasterSocket: path.join(haproxy, 'master.sock'),
    haproxyLog: path.join(haproxy, 'connections.log'),
    haproxyState: path.join(haproxy, 'servers.state'),
    haproxyCertificates: path.join(haproxy, 'certificates'),
  };
}

export function ownCertificateFiles({ownCertificates}: Pick<RouterFiles, 'ownCertificates'>, id: string): {readonly certificate: string; readonly key: string} {
  return {certificate: path.join(ownCertificates, `${id}.crt`), key: path.join(ownCertificates, `${id}.key`)};
}

/** By host. `failed`: JSON, as `OrderFailure`. */
export function orderFiles({orders}: Pick<RouterFiles, 'orders'>, host: string): {readonly config: string; readonly ca: string; readonly log: string; readonly failed: string} {
  return {config: path.join(orders, `${host}.json`), ca: path.join(orders, `${host}.pem`), log: path.join(orders, `${host}.log`), failed: path.join(orders, `${host}.failed`)};
}

/** Another certificate is another file: one that is in use is never written over. */
export function haproxyCertificateFile({haproxyCertificates}: Pick<RouterFiles, 'haproxyCertificates'>, certificate: TcpCertificate): string {
  return path.join(haproxyCertificates, `${certificate.kind === 'own' ? certificate.id : `${certificate.host}-${certificate.notAfterMs}`}.pem`);
}

/** Where Caddy keeps what an authority gave it. `issuer`: see `issuerKey`. */
export function issuedCertificateFiles({caddyStorage}: Pick<RouterFiles, 'caddyStorage'>, issuer: string, host: string): {readonly certificate: string; readonly key: string} {
  const folder = path.join(caddyStorage, 'certificates', issuer, host);
  return {certificate: path.join(folder, `${host}.crt`), key: path.join(folder, `${host}.key`)};
}
