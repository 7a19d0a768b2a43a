import {DIAL_MS, HOLD_MS, KEEP_ALIVE_MS, REFRESH_MS, RETRY_EVERY_MS} from './times.ts';

/** Anything that JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | {readonly [key: string]: Json};

/** No request has this method. */
export const NEVER = 'FLYNN-NEVER';

/**
 * When another try is made: only while no connection to a replica can be had. Caddy's own rule also sends a GET again that a replica has
 * taken and not answered, 97 times within the 5 s (2.6.2): one that makes a replica crash would go round all of them.
 */
export const TRIES: Json = {try_duration: duration(HOLD_MS), try_interval: duration(RETRY_EVERY_MS), retry_match: [{method: [NEVER]}]};

/** `flush_interval` must not be set: event streams are flushed anyway, and -1 kills them at each change (2.6.2). */
export function toReplicas(name: string, dnsPort: number): Json {
  return {
    handler: 'reverse_proxy',
    // Over TCP: Caddy does not ask again over TCP when an answer was cut, and 25 replicas do not fit into a UDP packet.
    dynamic_upstreams: {source: 'srv', name, refresh: duration(REFRESH_MS), resolver: {addresses: [`tcp/127.0.0.1:${dnsPort}`]}},
    load_balancing: TRIES,
    transport: {
      protocol: 'http',
      dial_timeout: duration(DIAL_MS),
      resolver: {addresses: [`127.0.0.1:${dnsPort}`]},
      keep_alive: {idle_timeout: duration(KEEP_ALIVE_MS)},
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

/** Nanoseconds, Caddy's own unit for durations in JSON. */
export function duration(milliseconds: number): number {
  return milliseconds * 1_000_000;
}
