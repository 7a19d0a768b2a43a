import path from 'node:path';
import type {Layout} from '../layout.ts';

/** The router's files below the data directory. */
export interface RouterFiles {
  /** What Caddy starts from: always the configuration that was loaded last. */
  readonly caddyConfig: string;
  readonly caddySocket: string;
  /** Caddy's certificates and its own certificate authority. */
  readonly caddyStorage: string;
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
  /** Addresses of replicas, from one worker to the next. */
  readonly haproxyState: string;
}

export function routerFiles({caddy, unbound, haproxy}: Pick<Layout, 'caddy' | 'unbound' | 'haproxy'>): RouterFiles {
  return {
    caddyConfig: path.join(caddy, 'config.json'),
    caddySocket: path.join(caddy, 'admin.sock'),
    caddyStorage: path.join(caddy, 'storage'),
    accessLog: path.join(caddy, 'access.log'),
    unboundConfig: path.join(unbound, 'unbound.conf'),
    records: path.join(unbound, 'records.conf'),
    unboundSocket: path.join(unbound, 'control.sock'),
    haproxyConfig: path.join(haproxy, 'haproxy.cfg'),
    haproxySocket: path.join(haproxy, 'stats.sock'),
    haproxyMasterSocket: path.join(haproxy, 'master.sock'),
    haproxyState: path.join(haproxy, 'servers.state'),
  };
}
