import type {DomainAnswer, RouteAnswer} from './route-answers.ts';

/** What is known of where a host has to lead. */
export interface DnsFacts {
  /** `<app>.<domain>` */
  readonly own: string;
  /** The cluster's. */
  readonly domain: string;
  readonly node: string;
  /** Address that its router listens on. */
  readonly listen: string;
}

/** Hosts of an app's routes, each once, its own one first. */
export function domainsOf(routes: readonly RouteAnswer[], facts: DnsFacts): readonly DomainAnswer[] {
  const hosts = new Set(routes.flatMap((one) => (one.kind === 'http' ? [one.route.host] : [])));
  const domains = [...hosts].map((host) => domainOf(host, facts));
  return [...domains.filter(({isOwn}) => isOwn), ...domains.filter(({isOwn}) => !isOwn)];
}

/** What has to be in the DNS for a host, as Heroku tells it. */
export function domainOf(host: string, {own, domain, node, listen}: DnsFacts): DomainAnswer {
  const isOwn = host === own;
  // The cluster's domain leads to the cluster with all that is below it; names of this machine need no DNS.
  if (isOwn || host.endsWith(`.${domain}`) || isLocal(host) || !host.includes('.')) return {host, isOwn};
  // A name that nobody but this machine knows is nothing that another one can lead to.
  if (isLocal(domain)) return {host, isOwn, record: {type: 'A', target: /^(127\.|0\.0\.0\.0$|::)/.test(listen) ? `the address of ${node}` : listen}};
  // A CNAME can't stand beside the other records that the top of a zone has (RFC 1912, 2.4). Where a zone begins is not in its name: two labels are a guess.
  return {host, isOwn, record: {type: host.replace(/^\*\./, '').split('.').length > 2 || host.startsWith('*.') ? 'CNAME' : 'ALIAS', target: own}};
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}
