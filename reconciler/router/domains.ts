/**
 * Domains that no public authority certifies: set aside by RFC 2606, 6761, 6762, 7686 and 8375, by ICANN (internal), or never to be given away
 * because networks use them (home, corp, mail, lan).
 */
export const RESERVED_DOMAINS: readonly string[] = ['localhost', 'local', 'internal', 'test', 'invalid', 'example', 'onion', 'home.arpa', 'home', 'corp', 'mail', 'lan', 'intranet', 'private'];

/** Labels below an internal domain that Caddy's patterns reach, which have a star for each. */
const LEVELS_MAX = 6;

/**
 * Who certifies a host: the cluster's own authority, one by ACME, or nobody (an address, a public wildcard, which would take changes of DNS records,
 * and what lies too deep below an internal domain to be told to Caddy).
 */
export function authorityOf(host: string, internal: readonly string[]): 'internal' | 'acme' | 'none' {
  if (host.startsWith('*.')) return authorityOf(host.slice(2), internal) === 'internal' ? 'internal' : 'none';
  if (/[^a-z0-9.-]|^$|(^|\.)\d+$/.test(host)) return 'none';
  if (!host.includes('.')) return 'internal';
  const domain = [...RESERVED_DOMAINS, ...internal].find((one) => host === one || host.endsWith(`.${one}`));
  if (domain === undefined) return 'acme';
  return host.split('.').length - domain.split('.').length <= LEVELS_MAX ? 'internal' : 'none';
}

/** The hosts of the internal authority, as Caddy's patterns: a star is one label. */
export function internalPatterns(internal: readonly string[]): readonly string[] {
  const domains = [...new Set([...RESERVED_DOMAINS, ...internal])];
  const below = domains.flatMap((domain) => Array.from({length: LEVELS_MAX + 1}, (_, level) => `${'*.'.repeat(level)}${domain}`));
  // Hosts of one label.
  return [...new Set(['*', ...below.filter((pattern) => pattern.includes('.') )])];
}

/** Whether a certificate for these hosts is one for this host too: a star is one label (RFC 6125). */
export function covers(hosts: readonly string[], host: string): boolean {
  return hosts.includes(host) || hosts.includes(host.replace(/^[^.]+/, '*'));
}

/** The one of several that a host is served with, in HTTP as in TCP: one for just this host before a wildcard's (so does Caddy), then the one that lasts longest. */
export function servedFor<One extends {readonly hosts: readonly string[]; readonly notAfterMs: number}>(host: string, certificates: readonly One[]): One | undefined {
  const isExact = ({hosts}: One) => Number(hosts.includes(host));
  return certificates.filter(({hosts}) => covers(hosts, host)).toSorted((a, b) => isExact(b) - isExact(a) || b.notAfterMs - a.notAfterMs)[0];
}

/** What the file is called that has a host's HTTP redirected. No host begins with `_`: of `*` Caddy would make any name. */
export function redirectEntry(host: string): string {
  return host.replace(/^\*/, '_');
}

/** What the file is called that keeps the rule of a wildcard from one of the hosts below it. */
export function exceptionEntry(host: string): string {
  return `${redirectEntry(host)}!`;
}
