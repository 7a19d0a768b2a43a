import type {Socket} from 'node:net';
import type {FastifyInstance, FastifyRequest} from 'fastify';
import {ApiError, problemOf} from './problem.ts';

/** Bodies that are kept whole are kilobytes. */
const BODY_MS_MAX = 30_000;

/** What Node's parser has to say of bytes that are no request, and what a person can make of it. */
const NO_REQUESTS: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'the headers are longer than 16 KiB'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'the chunks of the body have too much beside them'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not come in time'],
};

/** Answers what is no request, in the words of all other refusals, and hangs up. */
export function refuseNoRequest(error: Error & {readonly code?: string}, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, detail] = NO_REQUESTS[error.code ?? ''] ?? [400, `this is no HTTP request: ${error.message.replace(/^Parse Error: /, '')}`];
  const problem = problemOf(new ApiError(status, detail));
  const body = JSON.stringify(problem);
  if (socket.writable) socket.write(`HTTP/1.1 ${status} ${problem.title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  socket.destroySoon();
}

/**
 * Ends requests whose body does not come: Node waits for it for ever. What a handler reads itself as it comes (the backup of a volume, a push) takes as
 * long as it takes.
 */
export function limitBodies(server: FastifyInstance, msMax = BODY_MS_MAX): void {
  const late = new WeakMap<FastifyRequest, NodeJS.Timeout>();
  server.addHook('preParsing', async (request, reply) => {
    const {headers, raw} = request;
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return;
    const timer = setTimeout(() => {
      reply.header('connection', 'close');
      raw.emit('error', new ApiError(408, `the body did not come within ${msMax / 1000} s`));
    }, msMax);
    late.set(request, timer);
    reply.raw.once('close', () => clearTimeout(timer));
  });
  server.addHook('preValidation', async (request) => clearTimeout(late.get(request)));
}
