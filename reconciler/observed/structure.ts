import type {AppName} from '../../schemas/ids.ts';
import type {ErrorPages, RouteOptions} from '../desired/state.ts';

/** What has to be in Caddy's configuration, as data: only what JSON can say. */
export interface RouteStructure {
  /** Those with options of their own, sorted; all others are names only. */
  readonly hosts: readonly StructuredHost[];
  /** Networks of proxies before us that may say who the client is. Absent: none. */
  readonly trustedProxies?: readonly string[];
  /** Sorted by app. Absent: none. */
  readonly pages?: readonly PagesOfApp[];
  /** Absent: every certificate is the internal authority's, and HTTP is redirected nowhere. */
  readonly tls?: TlsStructure;
}

export interface PagesOfApp {
  readonly app: AppName;
  /** Hosts that are of this app alone: only they can have its page for maintenance. */
  readonly hosts: readonly string[];
  readonly errorPages: ErrorPages;
}

export interface TlsStructure {
  /** URL of the directory of the authority whose certificates are served. Absent: none. */
  readonly directory?: string;
  /** Domains that stay with the internal authority. Sorted. */
  readonly internal: readonly string[];
  /** Ids of people's own certificates, whose files are there. Sorted. */
  readonly own: readonly string[];
  /** `Strict-Transport-Security` */
  readonly hsts?: string;
}

export interface StructuredHost {
  readonly host: string;
  /** Longest path first; `/` last where there is one. */
  readonly paths: readonly StructuredPath[];
}

export interface StructuredPath {
  readonly path: string;
  /** SRV name. */
  readonly name: string;
  /** Absent: none. */
  readonly options?: RouteOptions;
  /** Whose pages are answered in place of the router's own. Absent: nobody's. */
  readonly pagesOf?: AppName;
}
