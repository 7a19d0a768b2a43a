import http from 'node:http';
import type {AddressInfo} from 'node:net';
import {once} from 'node:events';
import {monitorEventLoopDelay} from 'node:perf_hooks';

export interface TrialBackend {
  readonly address: string;
  readonly port: number;
  /** When each request came, milliseconds of `performance.now()`. */
  readonly requestsAtMs: number[];
  close(): Promise<void>;
}

/**
 * A replica for the router to talk to: `/` says its name, `/headers` what it was sent, `/hang` answers never, `/events`
 * is an event stream, an upgrade is echoed for ever.
 */
export async function startBackend(name: string, port = 0): Promise<TrialBackend> {
  const requestsAtMs: number[] = [];
  const server = http.createServer((request, response) => {
    requestsAtMs.push(performance.now());
    if (request.url === '/hang') return;
    if (request.url === '/headers') return response.end(JSON.stringify(request.headers));
    if (request.url !== '/events') return response.end(`${name} ${request.url}`);
    response.writeHead(200, {'Content-Type': 'text/event-stream'});
    const ticks = setInterval(() => response.write('data: tick\n\n'), 50);
    response.on('close', () => clearInterval(ticks));
  });
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    server.close();
  };
  return {address: '127.0.0.1', port: (server.address() as AddressInfo).port, requestsAtMs, close};
}

/** How much later than it came a request may have been noted from now on, at most: this process had something else to do, or no processor. */
export function lateness(): Disposable & {mostMs(): number} {
  const delays = monitorEventLoopDelay({resolution: LATENESS_LOOK_MS});
  delays.enable();
  return {mostMs: () => Math.max(0, delays.max / 1e6), [Symbol.dispose]: () => void delays.disable()};
}

const LATENESS_LOOK_MS = 5;
