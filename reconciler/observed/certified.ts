/** Certificates and their hosts, as the router's files on this node have them. */
export interface ObservedCertificates {
  /** Ids of people's own whose two files are there. */
  readonly own: ReadonlySet<string>;
  /** By host: what the authority in use has given. */
  readonly issued: ReadonlyMap<string, IssuedCertificate>;
  /** By host: orders that have failed since the last one that did not. */
  readonly failures: ReadonlyMap<string, OrderFailure>;
  /** Hosts whose HTTP is redirected, as files: see `redirectEntry`. */
  readonly redirected: ReadonlySet<string>;
}

export interface IssuedCertificate {
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface OrderFailure {
  /** In a row. */
  readonly failures: number;
  /** Of the last one, milliseconds since 1970. */
  readonly atMs: number;
  readonly cause: string;
  /** Whom it was asked of: another authority may say something else. */
  readonly directory: string;
}
