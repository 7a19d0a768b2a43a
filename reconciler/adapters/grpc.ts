import http from 'node:http';
import http2 from 'node:http2';
import type {Duplex} from 'node:stream';
import {anySignal} from '../any-signal.ts';

/** Until the engine has taken the connection, milliseconds. */
const CONNECT_MS_MAX = 20_000;
/** Of one message, bytes: more is no answer of an engine's. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
/** A message's head: whether it is compressed, and its length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const HEAD_BYTES = 5;

/** What the server answered instead of a result. Codes: grpc.io/docs/guides/status-codes. */
export class GrpcError extends Error {
  override name = 'GrpcError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A connection over which BuildKit, inside the engine, is asked in its own words. What runs for it ends with it. */
export class GrpcConnection implements Disposable {
  readonly #session: http2.ClientHttp2Session;

  constructor(socket: Duplex) {
    this.#session = http2.connect('http://engine', {createConnection: () => socket});
    // Calls that are on their way hear of it; without any there is nobody to be told.
    this.#session.on('error', () => {});
  }

  /** @throws {GrpcError} */
  async *call(method: string, message: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    signal.throwIfAborted();
    const stream = this.#session.request({':method': 'POST', ':path': `/${method}`, 'content-type': 'application/grpc', te: 'trailers'}, {signal});
    let status: http2.IncomingHttpHeaders = {};
    stream.on('response', (headers) => (status = {...status, ...headers}));
    stream.on('trailers', (headers) => (status = {...status, ...headers}));
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([head, message]));
    try {
      yield* messages(stream);
    } finally {
      stream.destroy();
    }
    const code = Number(status['grpc-status'] ?? 2);
    if (code !== 0) throw new GrpcError(code, decoded(String(status['grpc-message'] ?? `${method} ended without a status`)));
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

/** Has the engine on this unix socket speak gRPC. */
export async function connectGrpc(socketPath: string, signal: AbortSignal): Promise<GrpcConnection> {
  const {promise, resolve, reject} = Promise.withResolvers<Duplex>();
  const limit = anySignal([signal, AbortSignal.timeout(CONNECT_MS_MAX)]);
  const request = http.request({socketPath, method: 'POST', path: '/grpc', headers: {Host: 'engine', Connection: 'Upgrade', Upgrade: 'h2c'}, agent: false, signal: limit});
  request.on('upgrade', (_response, socket, head) => {
    if (head.length > 0) socket.unshift(head);
    resolve(socket);
  });
  request.on('response', (response) => {
    response.destroy();
    reject(new Error(`the engine answered ${response.statusCode} instead of speaking gRPC`));
  });
  request.on('error', (cause) => reject(new Error(`can't ask the engine's BuildKit: ${cause.message}`, {cause})));
  request.end();
  return new GrpcConnection(await promise);
}

/** Exported for its test. */
export async function* messages(chunks: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < HEAD_BYTES) break;
      const length = rest.readUInt32BE(1);
      if (length > MESSAGE_BYTES_MAX) throw new Error(`a message of ${length} bytes is longer than ${MESSAGE_BYTES_MAX}`);
      if (rest.length < HEAD_BYTES + length) break;
      yield rest.subarray(HEAD_BYTES, HEAD_BYTES + length);
      rest = rest.subarray(HEAD_BYTES + length);
    }
  }
}

/** A status message is percent-encoded (gRPC over HTTP/2, "Status-Message"); one that is not so is taken as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
