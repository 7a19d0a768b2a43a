import net from 'node:net';
import {anySignal} from '../any-signal.ts';

/** What the pass needs of HAProxy, in its words (HAProxy 3.0 management guide, 9.3 and 9.4). */
export interface HaproxyControl {
  /** `description` of the worker that takes new connections. Rejects when none answers. */
  description(signal: AbortSignal): Promise<string>;
  /** The addresses that its servers have now, in the format of a server-state-file. */
  serversState(signal: AbortSignal): Promise<string>;
  /** What the worker that takes new connections has done since it began, by backend. */
  traffic(signal: AbortSignal): Promise<ReadonlyMap<string, TcpTraffic>>;
  /**
   * Starts a worker with the configuration file as it is now; the old one keeps the connections that it has, and the listening sockets are
   * handed over. Rejects with a `HaproxyRefused` when the file is wrong or a port can't be had, and then everything is as it was.
   */
  reload(signal: AbortSignal): Promise<void>;
}

export interface TcpTraffic {
  readonly connections: number;
  readonly open: number;
  /** From clients, and to them. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** No server took them. */
  readonly refused: number;
  /** Connections that are open, by address of the server. Absent: none. */
  readonly openByAddress: ReadonlyMap<string, number>;
}

export class HaproxyRefused extends Error {
  override readonly name = 'HaproxyRefused';
}

const ASK_MS = 2000;
/** A reload takes 118 ms with 10 and 259 ms with 1,000 frontends (HAProxy 2.6). */
const RELOAD_MS = 15_000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const ERROR_LENGTH_MAX = 500;

export function connectHaproxy({socketPath, masterSocketPath}: {readonly socketPath: string; readonly masterSocketPath: string}): HaproxyControl {
  return {
    async description(signal) {
      return /^description: (.*)$/m.exec(await ask(socketPath, {command: 'show info', deadlineMs: ASK_MS}, signal))?.[1] ?? '';
    },
    serversState: (signal) => ask(socketPath, {command: 'show servers state', deadlineMs: ASK_MS}, signal),
    traffic: async (signal) => parseTraffic(await ask(socketPath, {command: 'show stat', deadlineMs: ASK_MS}, signal)),
    async reload(signal) {
      const answer = await ask(masterSocketPath, {command: 'reload', deadlineMs: RELOAD_MS}, signal);
      if (!/^Success=1$/m.test(answer)) throw new HaproxyRefused(`HAProxy refused its configuration: ${alertsOf(answer)}`);
    },
  };
}

/** The table that `show stat` prints (HAProxy 3.0 management guide, 9.1): comma-separated, the names of the columns first. */
export function parseTraffic(text: string): ReadonlyMap<string, TcpTraffic> {
  const [head = [], ...rows] = text.trim().split('\n').map((line) => line.replace(/^# /, '').split(','));
  const column = (row: readonly string[], name: string) => row[head.indexOf(name)] ?? '';
  const openOf = (backend: string) => rows.flatMap((row): [string, number][] => {
    const [address = '', open] = [/^(.+):\d+$/.exec(column(row, 'addr'))?.[1], Number(column(row, 'scur'))];
    return column(row, 'pxname') === backend && address !== '' && open > 0 ? [[address, open]] : [];
  });
  return new Map(rows.filter((row) => column(row, 'svname') === 'BACKEND').map((row) => {
    const count = (name: string) => Number(column(row, name));
    const backend = column(row, 'pxname');
    return [backend, {connections: count('stot'), open: count('scur'), bytesIn: count('bin'), bytesOut: count('bout'), refused: count('econ'), openByAddress: new Map(openOf(backend))}];
  }));
}

/** Its words about what is wrong, without what it says besides. */
function alertsOf(answer: string): string {
  const alerts = answer.split('\n').filter((line) => line.startsWith('[ALERT]')).map((line) => line.replace(/^\[ALERT\]\s+\(\d+\) : /, ''));
  return (alerts.length > 0 ? alerts.join('; ') : answer.trim()).slice(0, ERROR_LENGTH_MAX);
}

function ask(path: string, {command, deadlineMs}: {command: string; deadlineMs: number}, signal: AbortSignal): Promise<string> {
  const {promise, resolve, reject} = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let length = 0;
  const socket = net.connect({path});
  const limit = anySignal([signal, AbortSignal.timeout(deadlineMs)]);
  const stop = () => socket.destroy(new Error(`HAProxy did not answer "${command}" within ${deadlineMs} ms`));
  limit.addEventListener('abort', stop, {once: true});
  if (limit.aborted) stop();
  // One command a connection: it is closed after the answer. Ending our side early would make the master drop the command.
  socket.on('connect', () => socket.write(`${command}\n`));
  socket.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) return void socket.destroy(new Error(`HAProxy's answer to "${command}" is longer than ${ANSWER_BYTES_MAX} bytes`));
    chunks.push(chunk);
  });
  socket.on('end', () => resolve(Buffer.concat(chunks).toString()));
  socket.on('error', reject);
  socket.on('close', () => {
    limit.removeEventListener('abort', stop);
    reject(new Error(`HAProxy closed the connection without an answer to "${command}"`));
  });
  return promise.finally(() => socket.destroy());
}
