import {CONTINUE_MS, HOLD_MS, KEEP_ALIVE_MS, REFRESH_MS, RETRY_EVERY_MS, TRY_MS} from '../times.ts';

/** Anything that JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | {readonly [key: string]: Json};

/** No request has this method. */
export const NEVER = 'FLYNN-NEVER';

/**
 * When another try is made: only while no connection to a replica can be had, or no answer of the DNS server. Caddy's own rule also sends a GET
 * again that a replica has taken and not answered, 97 times within the 5 s (2.6.2): one that makes a replica crash would go round all of them.
 * A placeholder that nothing has set yet reads as "<nil>" here: no replica was chosen.
 */
export const TRIES = {try_duration: duration(HOLD_MS), try_interval: duration(RETRY_EVERY_MS), retry_match: [{vars: {'{http.reverse_proxy.upstream.address}': ['<nil>']}}]} as const;

/**
 * Connections to replicas and to our own API that are kept for the next request. Caddy (2.6.2) takes Go's number unless it is told another one, which is 2 for
 * each: of 32 clients at once, 30 had a name looked up and a connection made for each of their requests, 40 % of all that a request cost.
 */
export const KEEP_ALIVE = {idle_timeout: duration(KEEP_ALIVE_MS), max_idle_conns_per_host: 512} as const;

export interface ProxyContext {
  readonly dnsPort: number;
  /** Networks of proxies before us that may say who the client is. */
  readonly trustedProxies: readonly string[];
}

/** The way to replicas: options of a route add to its parts. */
export type ReplicaProxy = {readonly [key: string]: Json} & {readonly load_balancing: {readonly [key: string]: Json}; readonly transport: {readonly [key: string]: Json}};

/** `flush_interval` must not be set: event streams are flushed anyway, and -1 kills them at each change (2.6.2). */
export function toReplicas(name: string, {dnsPort, trustedProxies}: ProxyContext): ReplicaProxy {
  return {
    handler: 'reverse_proxy',
    // Over TCP: Caddy does not ask again over TCP when an answer was cut, and 25 replicas do not fit into a UDP packet.
    dynamic_upstreams: {source: 'srv', name, refresh: duration(REFRESH_MS), resolver: {addresses: [`tcp/127.0.0.1:${dnsPort}`]}},
    ...(trustedProxies.length > 0 && {trusted_proxies: trustedProxies}),
    load_balancing: TRIES,
    transport: {
      protocol: 'http',
      dial_timeout: duration(TRY_MS),
      resolver: {addresses: [`127.0.0.1:${dnsPort}`]},
      keep_alive: KEEP_ALIVE,
      // Else Caddy tells a client who asks before he sends a body to go on, whatever the app says.
      expect_continue_timeout: duration(CONTINUE_MS),
      // Else Caddy asks for gzip where the client did not, and unpacks it: the app is to see what was asked, the client what was answered.
      compression: false,
    },
  };
}

export function answer(status: number | string, body: string, headers: {readonly [name: string]: readonly string[]} = {}): Json {
  return {
    handler: 'static_response',
    status_code: status,
    headers: {'Content-Type': ['text/html; charset=utf-8'], 'Cache-Control': ['no-store'], ...headers},
    body,
  };
}

/** A text that Caddy takes as it is: what it would put in the place of `{…}` is not the business of who wrote it. Backslashes go where there are braces (2.6.2). */
export function literal(text: string): string {
  return text.includes('{') ? text.replaceAll(/[{}]/g, String.raw`\$&`) : text;
}

/** Nanoseconds, Caddy's own unit for durations in JSON. */
export function duration(milliseconds: number): number {
  return milliseconds * 1_000_000;
}
