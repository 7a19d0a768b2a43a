import type {Condition} from '../../schemas/conditions.ts';
import type {AppName} from '../../schemas/ids.ts';
import type {RedirectStatus} from '../../schemas/redirects.ts';
import type {ErrorPages, RouteOptions} from '../desired/state.ts';

/** What has to be in Caddy's configuration, as data: only what JSON can say. */
export interface RouteStructure {
  /** Those with options of their own, in the order in which they are tried; all others are names only. */
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
  /** Hosts that are of this app alone, no wildcards: only they can have its page for maintenance. */
  readonly hosts: readonly string[];
  readonly errorPages: ErrorPages;
}

export interface TlsStructure {
  /** URL of the directory of the authority whose certificates are served. Absent: none. */
  readonly directory?: string;
  /** Domains that stay with the internal authority. Sorted. */
  readonly internal: readonly string[];
  /** Ids of people's own certificates, whose files are there: the first of those for a host is served. */
  readonly own: readonly string[];
  /** `Strict-Transport-Security` */
  readonly hsts?: string;
}

export interface StructuredHost {
  /** A host, `*.example.com` or `*`. */
  readonly host: string;
  /** Of a wildcard: hosts below it that are names only. Sorted. Absent: none. */
  readonly except?: readonly string[];
  /** In the order in which they are tried. */
  readonly paths: readonly StructuredPath[];
}

/** It has either a name or a redirect. */
export interface StructuredPath {
  /** As it was written. */
  readonly path: string;
  readonly when?: readonly Condition[];
  /** SRV name. */
  readonly name?: string;
  readonly redirect?: {readonly to: string; readonly status: RedirectStatus; readonly keepPath: boolean};
  readonly stripPrefix?: true;
  /** Absent: none. */
  readonly options?: RouteOptions;
  /** Whose pages are answered in place of the router's own. Absent: nobody's. */
  readonly pagesOf?: AppName;
}
