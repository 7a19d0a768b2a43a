import {request} from 'node:http';
import {anySignal} from '../../reconciler/any-signal.ts';

interface Question {
  readonly socketPath: string;
  readonly path: string;
  readonly timeoutMs: number;
}

const BODY_BYTES_MAX = 1 << 20;

/** `GET` over a unix socket. Rejects with the socket's own error (`ENOENT`, `ECONNREFUSED`) when nobody listens there. */
export function askSocket({socketPath, path, timeoutMs}: Question, signal: AbortSignal): Promise<{readonly status: number; readonly body: string}> {
  return new Promise((resolve, reject) => {
    const deadline = anySignal([signal, AbortSignal.timeout(timeoutMs)]);
    const asked = request({socketPath, path, agent: false, signal: deadline, headers: {host: 'localhost'}}, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
        if (body.length > BODY_BYTES_MAX) response.destroy(new Error(`the answer is larger than ${BODY_BYTES_MAX} bytes`));
      });
      response.once('end', () => resolve({status: response.statusCode ?? 0, body})).once('error', reject);
    });
    asked.once('error', reject).end();
  });
}
