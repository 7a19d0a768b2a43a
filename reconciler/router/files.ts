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
}

export function routerFiles({caddy, unbound}: Pick<Layout, 'caddy' | 'unbound'>): RouterFiles {
  return {
    caddyConfig: path.join(caddy, 'config.json'),
    caddySocket: path.join(caddy, 'admin.sock'),
    caddyStorage: path.join(caddy, 'storage'),
    accessLog: path.join(caddy, 'access.log'),
    unboundConfig: path.join(unbound, 'unbound.conf'),
    records: path.join(unbound, 'records.conf'),
    unboundSocket: path.join(unbound, 'control.sock'),
  };
}
