import {once} from 'node:events';
import http from 'node:http';
import net, {type AddressInfo} from 'node:net';
import type {Target} from '../../reconciler/observed/state.ts';
import {until} from './until.ts';

export interface Backend extends Target, AsyncDisposable {
  /** Connections that were made to it so far. */
  readonly connections: readonly net.Socket[];
}

/** A replica that speaks HTTP as Node does. */
export function httpBackend(answer: http.RequestListener, configure: (server: http.Server) => void = () => {}): Promise<Backend> {
  const server = http.createServer({keepAliveTimeout: 60_000}, answer);
  configure(server);
  return listening(server);
}

/** A replica that does with each connection what a test says, after the head of a first request has come. */
export function rawBackend(answer: (socket: net.Socket, head: string) => void): Promise<Backend> {
  return listening(net.createServer({allowHalfOpen: true}, (socket) => {
    let head = '';
    const read = (chunk: Buffer) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      answer(socket, head);
    };
    socket.on('data', read);
  }));
}

async function listening(server: net.Server): Promise<Backend> {
  const connections: net.Socket[] = [];
  server.on('connection', (socket) => {
    connections.push(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    connections,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of connections) socket.destroy();
    },
  };
}

/** A client that writes bytes, and reads them as they come. */
export class RawClient implements AsyncDisposable {
  readonly socket: net.Socket;
  /** All that has come. */
  received = '';
  isClosed = false;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => (this.received += chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => (this.isClosed = true));
  }

  static async connect(port: number): Promise<RawClient> {
    const client = new RawClient(net.connect({port, host: '127.0.0.1', allowHalfOpen: true}));
    await once(client.socket, 'connect');
    return client;
  }

  /** Sends bytes, and waits for what is to come of them. */
  async send(text: string, wanted: string | RegExp = /^/): Promise<string> {
    this.socket.write(text, 'latin1');
    return this.until(wanted);
  }

  async until(wanted: string | RegExp): Promise<string> {
    await until(`${String(wanted)} in ${JSON.stringify(this.received)}`, () => (typeof wanted === 'string' ? this.received.includes(wanted) : wanted.test(this.received)));
    return this.received;
  }

  async ended(): Promise<string> {
    this.socket.once('end', () => this.socket.destroy());
    await until(`the end after ${JSON.stringify(this.received.slice(-200))}`, () => this.isClosed || this.socket.readableEnded);
    return this.received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
  }
}

/** One request on a connection of its own; resolves to all that came until it was closed. */
export async function exchange(port: number, request: string): Promise<string> {
  await using client = await RawClient.connect(port);
  client.socket.write(request, 'latin1');
  // Awaited here: the client is gone afterwards.
  return await client.ended();
}
