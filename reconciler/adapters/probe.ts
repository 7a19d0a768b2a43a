import {connect} from 'node:net';
import {request} from 'node:http';

/** Characters of a body that are quoted when a check fails. */
const BODY_CHARS_MAX = 120;

/** Connections to the port are refused: nothing listens there. */
export class PortRefused extends Error {
  override name = 'PortRefused';
  readonly port: number;

  constructor(port: number) {
    super(`nothing listens on port ${port} (ECONNREFUSED)`);
    this.port = port;
  }
}

/** Resolves when something accepts a TCP connection. Rejects with the system's words, or the signal's reason. @throws {PortRefused} */
export function probeTcp({address, port}: {address: string; port: number}, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({host: address, port});
    const end = (settle: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = () => end(() => reject(signal.reason as Error));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, {once: true});
    socket.once('connect', () => end(resolve));
    socket.once('error', (error) => end(() => {
      const {code} = error as NodeJS.ErrnoException;
      reject(code === 'ECONNREFUSED' ? new PortRefused(port) : new Error(`port ${port} can't be connected to (${code ?? error.message})`));
    }));
  });
}

/** Resolves when a GET is answered with 2xx or 3xx. Rejects with the status and the start of the body otherwise. */
export function probeHttp({address, port, path, host}: {address: string; port: number; path: string; host: string}, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({host: address, port, path, headers: {host, 'user-agent': 'flynn-health-check'}, agent: false, signal}, (response) => {
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 400) {
        response.destroy();
        return resolve();
      }
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length >= BODY_CHARS_MAX) response.destroy();
      });
      response.on('close', () => {
        const start = body.slice(0, BODY_CHARS_MAX).replaceAll(/\s+/g, ' ').trim();
        reject(new Error(`GET ${path} answered ${status}${start === '' ? '' : `: "${start}"`}`));
      });
    });
    call.on('error', (error) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const {code} = error as NodeJS.ErrnoException;
      reject(code === 'ECONNREFUSED' ? new PortRefused(port) : error);
    });
    call.end();
  });
}
