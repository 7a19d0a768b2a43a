import {once} from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type {AddressInfo} from 'node:net';
import type {Target} from '../../reconciler/observed/state.ts';

export interface OptionsBackend extends Target {
  /** Method and path of each request that came. */
  readonly requests: string[];
  close(): void;
}

/** More than the router lets through. */
const HEADER_BYTES_MAX = 1024 * 1024;

/**
 * A replica for options of routes: `/headers` what it was sent, `/edited` an answer with headers to be changed, `/page` 4 KiB of HTML, `/events` an
 * event stream, `/hang` nothing, `/halting` half an answer, `/length` how long the body was, `/broken` an end of the connection; else its name.
 */
export async function startOptionsBackend(name: string): Promise<OptionsBackend> {
  const requests: string[] = [];
  const server = http.createServer({maxHeaderSize: HEADER_BYTES_MAX}, (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    switch (request.url) {
      case '/headers': return response.end(JSON.stringify(request.headers));
      case '/edited': return response.writeHead(200, {'X-Old': 'old', 'X-Kept': 'kept', 'X-Powered-By': 'us'}).end();
      case '/page': return response.writeHead(200, {'Content-Type': 'text/html; charset=utf-8'}).end('0123456789abcdef'.repeat(256));
      case '/events':
        response.writeHead(200, {'Content-Type': 'text/event-stream'}).write('data: tick\n\n');
        return undefined;
      case '/hang': return undefined;
      case '/halting':
        response.writeHead(200, {'Content-Length': '100'}).write('half');
        return undefined;
      case '/broken': return request.socket.destroy();
      case '/length': {
        let bytes = 0;
        request.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        request.on('end', () => response.end(String(bytes)));
        // The router ends the request of a client that sends too much.
        request.on('error', () => {});
        return undefined;
      }
      default: return response.end(name);
    }
  });
  return listen(server, requests);
}

/** What gRPC needs of HTTP/2 without TLS: bodies both ways at the same time, and trailers. Sends back what it gets, piece by piece. */
export async function startGrpcBackend(): Promise<OptionsBackend> {
  const requests: string[] = [];
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    requests.push(`${headers[':method']} ${headers[':path']}`);
    stream.respond({':status': 200, 'content-type': 'application/grpc'}, {waitForTrailers: true});
    stream.on('wantTrailers', () => stream.sendTrailers({'grpc-status': '0', 'grpc-message': `te=${headers['te']}`}));
    stream.on('data', (chunk: Buffer) => stream.write(chunk));
    stream.on('end', () => stream.end());
    stream.on('error', () => {});
  });
  return listen(server, requests);
}

async function listen(server: http.Server | http2.Http2Server, requests: string[]): Promise<OptionsBackend> {
  const sockets = new Set<{destroy(): void}>();
  server.on('connection', (socket: {destroy(): void}) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    requests,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
