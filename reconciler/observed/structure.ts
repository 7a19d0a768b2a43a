/** What has to be in Caddy's configuration, as data: only what JSON can say. */
export interface RouteStructure {
  /** Those with options of their own, sorted; all others are names only. */
  readonly hosts: readonly StructuredHost[];
}

export interface StructuredHost {
  readonly host: string;
  /** Longest path first; `/` last where there is one. */
  readonly paths: readonly {readonly path: string; /** SRV name. */ readonly name: string}[];
}
