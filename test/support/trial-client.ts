import {once} from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly tookMs: number;
}

export interface Question {
  readonly port: number;
  readonly host: string;
  readonly path?: string;
  readonly method?: string;
  readonly body?: string | Buffer;
  readonly agent?: http.Agent;
  readonly tls?: boolean;
  /** Beside Host. */
  readonly headers?: http.OutgoingHttpHeaders;
  /** Where the client seems to be: an address of this machine. */
  readonly from?: string;
}

const ANSWER_MS_MAX = 15_000;

/** One request to the router. Rejects when the connection fails. */
export async function ask({port, host, path = '/', method = 'GET', body, agent, tls = false, headers = {}, from}: Question): Promise<Answer> {
  const startMs = performance.now();
  const options = {port, path, method, headers: {Host: host, ...headers}, signal: AbortSignal.timeout(ANSWER_MS_MAX), agent: agent ?? false, ...(from !== undefined && {localAddress: from})};
  const request = tls ? https.request({host: '127.0.0.1', servername: host, rejectUnauthorized: false, ...options}) : http.request({host: '127.0.0.1', ...options});
  // One that comes after the answer has begun is told by the answer, too: without a listener it would end the process.
  request.on('error', () => {});
  request.end(body);
  const [response] = await once(request, 'response') as [http.IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return {status: response.statusCode ?? 0, headers: response.headers, body: text, tookMs: performance.now() - startMs};
}

/** Opens a connection that is upgraded, as a websocket is, and echoed from then on. */
export async function openEcho(host: string, port: number, path = '/echo'): Promise<{echo(text: string): Promise<string>; close(): void}> {
  // Whoever waits for an echo is told.
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  const [head] = await once(socket, 'data') as [Buffer];
  if (!head.toString().startsWith('HTTP/1.1 101')) throw new Error(`no upgrade: ${head.toString()}`);
  return {
    async echo(text) {
      socket.write(text);
      return String(await once(socket, 'data'));
    },
    close: () => socket.destroy(),
  };
}

/** Opens an event stream that ticks 20 times a second. */
export async function openEvents(host: string, port: number): Promise<{ticks(): Promise<boolean>; close(): void}> {
  const request = http.get({host: '127.0.0.1', port, path: '/events', headers: {Host: host}}).on('error', () => {});
  const [response] = await once(request, 'response') as [http.IncomingMessage];
  response.on('error', () => {});
  response.resume();
  return {ticks: async () => String(await once(response, 'data')).includes('tick'), close: () => request.destroy()};
}

/** Eight keep-alive clients, each with one request after the other. */
export function startLoad(host: string, port: number, path = '/'): {stop(): Promise<{done: number; failed: string[]}>} {
  const agent = new http.Agent({keepAlive: true, maxSockets: 8});
  const failed: string[] = [];
  let done = 0;
  let isOver = false;
  const clients = Array.from({length: 8}, async () => {
    while (!isOver) {
      try {
        const {status} = await ask({port, host, path, agent});
        if (status !== 200) failed.push(`status ${status}`);
      } catch (error) {
        failed.push((error as Error).message);
      }
      done += 1;
    }
  });
  return {
    async stop() {
      isOver = true;
      await Promise.all(clients);
      agent.destroy();
      return {done, failed};
    },
  };
}
