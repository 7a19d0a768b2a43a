/** Where hosts get their certificates from. */
export interface DesiredTls {
  /** Absent: nobody is asked for certificates. */
  readonly acme?: DesiredAcme;
  /** Domains that ACME has no part in, beside those that are nobody's (`RESERVED_DOMAINS`). Sorted. */
  readonly internal: readonly string[];
  /** The cluster's own: git and the API. */
  readonly platformHosts: readonly string[];
  /** `Strict-Transport-Security` of hosts whose HTTP is redirected. Absent: not sent. */
  readonly hsts?: string;
  /** People's own, sorted by name. */
  readonly certificates: readonly DesiredCertificate[];
}

export interface DesiredAcme {
  readonly directory: string;
  readonly email?: string;
  readonly eab?: {readonly keyId: string; readonly sealedKey: string};
  /** Certificates, PEM. */
  readonly ca?: string;
}

export interface DesiredCertificate {
  /** Of its file, without folder and ending. */
  readonly name: string;
  /** Of the chain. A key that is sealed anew is the same key. */
  readonly id: string;
  /** Small letters; the first label may be `*`. Sorted. */
  readonly hosts: readonly string[];
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** PEM. */
  readonly chain: string;
  readonly sealedKey: string;
  /** Why it is not used, in words. Absent: it is. */
  readonly problem?: string;
}
