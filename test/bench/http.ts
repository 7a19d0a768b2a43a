import {request} from 'node:http';

export interface Ask {
  readonly address?: string;
  readonly port: number;
  readonly host: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const ANSWER_MS_MAX = 10_000;

/** `GET` on a connection of its own. Undefined: nobody answered. Names below `.localhost` need no resolver this way. */
export function get({address = '127.0.0.1', port, host, path = '/', headers = {}}: Ask, signal: AbortSignal): Promise<{readonly status: number; readonly body: string} | undefined> {
  return new Promise((resolve) => {
    const asked = request({host: address, port, path, agent: false, headers: {host, ...headers}, signal, timeout: ANSWER_MS_MAX}, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.once('end', () => resolve({status: response.statusCode ?? 0, body})).once('error', () => resolve(undefined));
    });
    asked.once('timeout', () => asked.destroy()).once('error', () => resolve(undefined)).end();
  });
}
