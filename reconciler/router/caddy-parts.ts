import {DIAL_MS, HOLD_MS, KEEP_ALIVE_MS, REFRESH_MS, RETRY_EVERY_MS} from './times.ts';

/** Anything that JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | {readonly [key: string]: Json};

/** `flush_interval` must not be set: event streams are flushed anyway, and -1 kills them at each change (2.6.2). */
export function toReplicas(name: string, dnsPort: number): Json {
  return {
    handler: 'reverse_proxy',
    // Over TCP: Caddy does not ask again over TCP when an answer was cut, and 25 replicas do not fit into a UDP packet.
    dynamic_upstreams: {source: 'srv', name, refresh: duration(REFRESH_MS), resolver: {addresses: [`tcp/127.0.0.1:${dnsPort}`]}},
    load_balancing: {try_duration: duration(HOLD_MS), try_interval: duration(RETRY_EVERY_MS)},
    transport: {
      protocol: 'http',
      dial_timeout: duration(DIAL_MS),
      resolver: {addresses: [`127.0.0.1:${dnsPort}`]},
      keep_alive: {idle_timeout: duration(KEEP_ALIVE_MS)},
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
