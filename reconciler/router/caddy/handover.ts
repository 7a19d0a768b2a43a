import {duration, type Json} from './parts.ts';
import type {RouterFiles} from '../files.ts';
import {LEAVING_MS, STREAMS_KEPT_MS} from '../times.ts';

// How one Caddy leaves the ports to the next (2.6.2). SIGTERM: for `shutdown_delay` it still takes connections and says of itself that it is shutting down,
// then it closes its listeners and idle connections, waits for the requests that are being answered, for `grace_period` at most, and then closes all
// websockets, for which it would not wait. So one request of ours that never ends keeps websockets as long as event streams.

/** Beside the servers of `apps.http`. */
export const HANDOVER_OPTIONS: Readonly<Record<string, Json>> = {shutdown_delay: duration(LEAVING_MS), grace_period: duration(STREAMS_KEPT_MS)};

/**
 * A server on a unix socket on which a request is never answered: it is held for a backend, of which there is none. It goes on being held when who asked
 * hangs up, so nobody has to stay connected. A configuration that is loaded in place of this one ends it.
 */
export function holdServer({holdSocket}: Pick<RouterFiles, 'holdSocket'>): Json {
  return {
    listen: [`unix/${holdSocket}`],
    protocols: ['h1'],
    automatic_https: {disable: true},
    routes: [{handle: [{handler: 'reverse_proxy', load_balancing: {try_duration: duration(HELD_MS), try_interval: duration(HELD_MS)}}]}],
  };
}

/** Longer than anything that is waited for. */
const HELD_MS = 2 * STREAMS_KEPT_MS;
