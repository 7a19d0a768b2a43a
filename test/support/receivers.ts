import {createSocket, type Socket as Datagrams} from 'node:dgram';
import {once} from 'node:events';
import {createServer as createHttp, type IncomingHttpHeaders} from 'node:http';
import net, {type AddressInfo} from 'node:net';
import {freePorts, isFree} from './free-ports.ts';
import {until} from './until.ts';

// Receivers of logs, as strict as their documents. Each listens on 127.0.0.1.

export interface SyslogMessage {
  readonly priority: number;
  readonly timestamp: string;
  readonly host: string;
  readonly app: string;
  readonly process: string;
  readonly id: string;
  readonly text: string;
}

/** RFC 5424, section 6: throws for what is none. */
export function parseSyslog(message: Buffer): SyslogMessage {
  const text = new TextDecoder('utf-8', {fatal: true}).decode(message);
  const match = /^<([1-9]?\d|1[0-8]\d|19[01])>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) (?:-|(?:\[[^\]]+\])+)(?: ([^]*))?$/.exec(text);
  if (match === null) throw new Error(`no message of RFC 5424: ${text}`);
  const [, priority, timestamp = '', host = '', app = '', process = '', id = '', rest = ''] = match;
  return {priority: Number(priority), timestamp, host, app, process, id, text: rest};
}

/** RFC 6587, 3.4.1: what is whole, and what is left. Throws for what is not octet counting. */
export function octetFrames(bytes: Buffer): {readonly frames: readonly Buffer[]; readonly rest: Buffer} {
  const frames: Buffer[] = [];
  let rest = bytes;
  for (;;) {
    const space = rest.indexOf(' ');
    if (space === -1 || space > 10) {
      if (space > 10 || rest.length > 10) throw new Error(`no length: ${rest.subarray(0, 40).toString()}`);
      return {frames, rest};
    }
    const length = rest.toString('latin1', 0, space);
    if (!/^[1-9]\d*$/.test(length)) throw new Error(`no length: ${length}`);
    const end = space + 1 + Number(length);
    if (rest.length < end) return {frames, rest};
    frames.push(rest.subarray(space + 1, end));
    rest = rest.subarray(end);
  }
}

/** A receiver of a stream, such as syslog over TCP. `take` gets all bytes of a connection that are not taken yet, and answers how many it took. */
export class StreamReceiver implements AsyncDisposable {
  readonly #take: (bytes: Buffer) => number;
  readonly #listen: (onSocket: (socket: net.Socket) => void) => net.Server;
  #server: net.Server | undefined;
  readonly #sockets = new Set<net.Socket>();
  port = 0;

  constructor(take: (bytes: Buffer) => number, listen: (onSocket: (socket: net.Socket) => void) => net.Server = (onSocket) => net.createServer(onSocket)) {
    this.#take = take;
    this.#listen = listen;
  }

  async start(): Promise<this> {
    // Its own for as long as it is used: killed, it comes back where it was.
    if (this.port === 0) [this.port = 0] = await freePorts(1);
    const server = this.#listen((socket) => {
      this.#sockets.add(socket);
      let rest: Buffer = Buffer.alloc(0);
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
      socket.on('data', (bytes: Buffer) => {
        rest = Buffer.concat([rest, bytes]);
        rest = rest.subarray(this.#take(rest));
      });
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    return this;
  }

  /** As when it is killed: connections are reset, what was not read is lost. */
  async kill(): Promise<void> {
    for (const socket of this.#sockets) socket.resetAndDestroy?.();
    await new Promise((resolve) => this.#server?.close(resolve));
    await until('nobody listens there', () => isFree(this.port));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server?.close(resolve));
  }
}

/** Lines of syslog over TCP (or TLS, by `listen`). */
export function syslogReceiver(messages: SyslogMessage[], listen?: ConstructorParameters<typeof StreamReceiver>[1]): StreamReceiver {
  return new StreamReceiver((bytes) => {
    const {frames, rest} = octetFrames(bytes);
    messages.push(...frames.map(parseSyslog));
    return bytes.length - rest.length;
  }, listen);
}

export interface HttpRequestSeen {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers each request with what `answer` says. */
export async function httpReceiver(answer: (request: HttpRequestSeen) => number | {readonly status: number; readonly text: string}): Promise<{readonly port: number; close(): Promise<void>}> {
  const server = createHttp((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
      const said = answer({path: request.url ?? '', headers: request.headers, body: Buffer.concat(parts).toString()});
      const {status, text} = typeof said === 'number' ? {status: said, text: 'as you say'} : said;
      response.statusCode = status;
      response.end(text);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {port: (server.address() as AddressInfo).port, close: () => new Promise((resolve) => server.close(() => resolve()))};
}

export async function datagramReceiver(take: (datagram: Buffer) => void): Promise<{readonly port: number; close(): Promise<void>}> {
  const socket: Datagrams = createSocket('udp4').on('message', take);
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {port: socket.address().port, close: () => new Promise((resolve) => socket.close(resolve))};
}
