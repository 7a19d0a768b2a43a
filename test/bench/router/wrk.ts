import {execa} from 'execa';

export interface WrkFigures {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  readonly answered: number;
  /** Answers other than 2xx and 3xx, and connections that failed. */
  readonly failed: number;
}

export interface WrkLoad {
  readonly port: number;
  readonly host: string;
  readonly seconds: number;
}

/** Connections that are kept alive; two threads, because the machines that this runs on have two cores. */
const CONNECTIONS = 32;
const THREADS = 2;
const LONGER_SECONDS = 30;

/** As many requests as go, one after the other on each connection. Rejects when wrk is not installed. */
export async function wrk({port, host, seconds}: WrkLoad, signal: AbortSignal): Promise<WrkFigures> {
  const args = ['--latency', `-t${THREADS}`, `-c${CONNECTIONS}`, `-d${seconds}s`, '-H', `Host: ${host}`, `http://127.0.0.1:${port}/`];
  const {stdout} = await execa('wrk', args, {cancelSignal: signal, timeout: (seconds + LONGER_SECONDS) * 1000}).catch((error: unknown) => {
    throw (error as {code?: string}).code === 'ENOENT' ? new Error('wrk is not installed: apt-get install wrk') : error;
  });
  return parseWrk(stdout);
}

/** What wrk 4.1 prints. */
export function parseWrk(text: string): WrkFigures {
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  const [, value = '', unit = ''] = /^\s+99%\s+([\d.]+)(us|ms|s)$/m.exec(text) ?? [];
  const errors = ['connect', 'read', 'write', 'timeout'].map((kind) => number(new RegExp(`Socket errors:.*\\b${kind} (\\d+)`)));
  return {
    requestsPerSecond: number(/^Requests\/sec:\s+([\d.]+)$/m),
    p99Ms: Number(value) * ({us: 0.001, ms: 1, s: 1000}[unit] ?? Number.NaN),
    answered: number(/^\s*(\d+) requests in /m),
    failed: errors.reduce((sum, count) => sum + count, number(/^\s*Non-2xx or 3xx responses: (\d+)$/m)),
  };
}
