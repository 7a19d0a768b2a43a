import http from 'node:http';
import {anySignal} from '../any-signal.ts';

export interface UnixAnswer {
  readonly status: number;
  readonly body: string;
}

export interface UnixRequest {
  readonly socketPath: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  /** Until the whole answer is here, in milliseconds. */
  readonly deadlineMs: number;
}

/** Longest answer that is read; more than that is an error, so that nobody can fill our memory. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/**
 * One HTTP request to a server on a unix socket. Rejects when nobody listens, on the deadline and on the signal; an
 * answer of any status resolves. The Host header is empty: Caddy's admin API accepts no other one on a unix socket.
 */
export async function askOverUnixSocket(request: UnixRequest, signal: AbortSignal): Promise<UnixAnswer> {
  const deadline = AbortSignal.timeout(request.deadlineMs);
  try {
    return await send(request, anySignal([signal, deadline]));
  } catch (cause) {
    signal.throwIfAborted();
    const why = deadline.aborted ? `no answer within ${request.deadlineMs} ms` : (cause as Error).message;
    throw new Error(`${request.method} ${request.path} on "${request.socketPath}" failed: ${why}`, {cause});
  }
}

function send({socketPath, method, path, body}: UnixRequest, signal: AbortSignal): Promise<UnixAnswer> {
  const {promise, resolve, reject} = Promise.withResolvers<UnixAnswer>();
  const payload = body === undefined ? undefined : Buffer.from(body);
  const headers = {Host: '', ...(payload && {'Content-Type': 'application/json', 'Content-Length': payload.length})};
  // No agent: a kept connection to a server that was restarted would fail the next request.
  const outgoing = http.request({socketPath, method, path, headers, agent: false, setHost: false, signal}, (response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > ANSWER_BYTES_MAX) return response.destroy(new Error(`answer is longer than ${ANSWER_BYTES_MAX} bytes`));
      chunks.push(chunk);
    });
    response.on('end', () => resolve({status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString()}));
    response.on('error', reject);
  });
  outgoing.on('error', reject);
  outgoing.end(payload);
  return promise;
}
