import {createHash} from 'node:crypto';
import path from 'node:path';

/** What a node has to know before it can read any manifest: given to `flynn up`, kept in `<data>/settings.yaml`. */
export interface NodeSettings {
  /** Absolute path of the data directory. */
  readonly data: string;
  readonly node: string;
  readonly domain: string;
  /** Address that the router listens on: `127.0.0.1`, unless the domain is public or an address was given. */
  readonly listen: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  /** The reconciler's API and git server, always on 127.0.0.1; the router passes `api.<domain>` and `git.<domain>` on to it. */
  readonly apiPort: number;
  /** On 127.0.0.1: where Caddy asks unbound. */
  readonly dnsPort: number;
  /** Git over SSH, on the router's address. 0: there is none. */
  readonly sshPort: number;
  readonly cluster: ClusterSource;
}

export type ClusterSource =
  /** Our own bare repository, served over HTTP. */
  | {readonly kind: 'own'}
  /** HTTP(S), SSH, or the path of a bare repository on this disk. */
  | {readonly kind: 'remote'; readonly url: string; readonly tokenFile?: string; readonly keyFile?: string; readonly pollSeconds: number}
  /** A plain folder, reconciled as it is saved. */
  | {readonly kind: 'folder'; readonly folder: string};

export const DATA_DEFAULT = '/var/lib/flynn';
export const DOMAIN_DEFAULT = 'flynn.localhost';
export const HTTP_PORT_DEFAULT = 80;
export const HTTPS_PORT_DEFAULT = 443;
export const API_PORT_DEFAULT = 3580;
export const DNS_PORT_DEFAULT = 3553;
export const SSH_PORT_DEFAULT = 2222;

/**
 * What our containers, images and networks are labelled with and named after. Derived from the data directory alone,
 * so that several clusters can live on one engine and a lost data directory still finds its containers.
 */
export function instanceOf(data: string): string {
  const root = path.resolve(data);
  return root === DATA_DEFAULT ? 'flynn' : `flynn-${createHash('sha256').update(root).digest('hex').slice(0, 6)}`;
}

/** `http://shop.flynn.localhost/`, with the port where it is not the usual one. */
export function urlOf(host: string, {httpPort}: Pick<NodeSettings, 'httpPort'>): string {
  return `http://${host}${httpPort === 80 ? '' : `:${httpPort}`}/`;
}

/** The same over HTTPS. */
export function secureUrlOf(host: string, {httpsPort}: Pick<NodeSettings, 'httpsPort'>): string {
  return `https://${host}${httpsPort === 443 ? '' : `:${httpsPort}`}/`;
}

/** Where the source of an app is pushed to, over HTTP. */
export function gitUrlOf(app: string, settings: Pick<NodeSettings, 'domain' | 'httpPort'>): string {
  return `${urlOf(`git.${settings.domain}`, settings)}${app}.git`;
}

/** Where people reach the API (`api`) or git: without TLS only on a domain that no other machine can mean, because their tokens travel along. */
export function platformUrlOf(part: 'api' | 'git', settings: Pick<NodeSettings, 'domain' | 'httpPort' | 'httpsPort'>): string {
  const host = `${part}.${settings.domain}`;
  return isLoopbackDomain(settings.domain) ? urlOf(host, settings) : secureUrlOf(host, settings);
}

/** What git remotes over SSH begin with: `ssh://git@git.example.com:2222`. Undefined: there is no git over SSH. */
export function sshUrlOf({domain, sshPort}: Pick<NodeSettings, 'domain' | 'sshPort'>): string | undefined {
  if (sshPort === 0) return undefined;
  // ssh asks the system for the address, which knows `localhost` and mostly no name below it.
  const host = isLoopbackDomain(domain) ? 'localhost' : `git.${domain}`;
  return `ssh://git@${host}${sshPort === 22 ? '' : `:${sshPort}`}`;
}

/** A domain that no other machine can mean: it is this one by RFC 6761, 6.3. */
export function isLoopbackDomain(domain: string): boolean {
  return domain === 'localhost' || domain.endsWith('.localhost');
}
