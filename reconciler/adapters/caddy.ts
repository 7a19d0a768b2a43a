import {askOverUnixSocket, type UnixAnswer} from './unix-http.ts';

/**
 * What the pass needs of Caddy's admin API, in Caddy's words. `caddy.ts` speaks to the real one,
 * `test/support/fake-router.ts` is one in memory.
 */
export interface CaddyAdmin {
  /** The configuration that runs now, as parsed JSON; null when there is none. Of 5,000 hosts with paths it is some megabytes. */
  config(signal: AbortSignal): Promise<unknown>;
  /** Short, and another one once somebody has asked for another configuration, or Caddy was started anew. */
  mark(signal: AbortSignal): Promise<string>;
  /** Whether it runs a configuration, and the whole of it: while it begins with one, it does not answer. */
  isReady(signal: AbortSignal): Promise<boolean>;
  /**
   * Replaces the whole configuration, or keeps the old one and rejects with a `ConfigRefused` when the new one is wrong. Loading what runs
   * already changes nothing; anything else closes idle connections and all websockets (measured on 2.6.2).
   */
  load(config: unknown, signal: AbortSignal): Promise<void>;
  /**
   * Requests in flight by `host:port` of the upstream, as it was dialled. Websockets and event streams count until
   * they end. Upstreams without requests are mostly absent.
   */
  requestsInFlight(signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
}

export class ConfigRefused extends Error {
  override readonly name = 'ConfigRefused';
}

/** 10 times what 5,000 structured routes took (700 ms, 2.6.2). */
const LOAD_DEADLINE_MS = 10_000;
const READ_DEADLINE_MS = 2000;
/** Caddy's own words in an error can be long. */
const ERROR_LENGTH_MAX = 500;

export function connectCaddy(socketPath: string): CaddyAdmin {
  const get = (path: string, signal: AbortSignal) => askOverUnixSocket({socketPath, method: 'GET', path, deadlineMs: READ_DEADLINE_MS}, signal);
  return {
    async config(signal) {
      return parse(await get('/config/', signal), 'reading the configuration of Caddy');
    },
    async mark(signal) {
      const answer = await get('/metrics', signal);
      const problem = problemOf(answer, 'reading the counters of Caddy');
      if (problem !== undefined) throw new Error(problem);
      return markIn(answer.body);
    },
    async isReady(signal) {
      return parse(await get('/config/admin', signal), 'reading the configuration of Caddy') !== null;
    },
    async load(config, signal) {
      const body = JSON.stringify(config);
      const answer = await askOverUnixSocket({socketPath, method: 'POST', path: '/load', body, deadlineMs: LOAD_DEADLINE_MS}, signal);
      const problem = problemOf(answer, 'loading a configuration into Caddy');
      if (problem !== undefined) throw new ConfigRefused(problem);
    },
    async requestsInFlight(signal) {
      return inFlight(parse(await get('/reverse_proxy/upstreams', signal), 'reading the upstreams of Caddy'));
    },
  };
}

/** What asks for a configuration does not change it. */
function markIn(counters: string): string {
  const started = /^process_start_time_seconds (\S+)$/m.exec(counters)?.[1];
  const wishes = [...counters.matchAll(/^caddy_admin_http_requests_total\{.*method="(\w+)".*\} (\S+)$/gm)].filter(([, method]) => method !== 'GET');
  return JSON.stringify([started, ...wishes.map(([line]) => line)]);
}

function problemOf({status, body}: UnixAnswer, what: string): string | undefined {
  return status === 200 ? undefined : `${what} failed with status ${status}: ${body.trim().slice(0, ERROR_LENGTH_MAX)}`;
}

function parse(answer: UnixAnswer, what: string): unknown {
  const problem = problemOf(answer, what);
  if (problem !== undefined) throw new Error(problem);
  try {
    return JSON.parse(answer.body);
  } catch (cause) {
    throw new Error(`${what} failed: the answer is not JSON`, {cause});
  }
}

function inFlight(upstreams: unknown): ReadonlyMap<string, number> {
  if (upstreams === null) return new Map();
  if (!Array.isArray(upstreams)) throw new Error('reading the upstreams of Caddy failed: the answer is not a list');
  const counts = new Map<string, number>();
  for (const {address, num_requests: count} of upstreams as readonly {address?: unknown; num_requests?: unknown}[]) {
    if (typeof address === 'string' && typeof count === 'number' && count > 0) counts.set(address, (counts.get(address) ?? 0) + count);
  }
  return counts;
}
