import {once} from 'node:events';
import net from 'node:net';
import {anySignal} from '../any-signal.ts';

const CONNECT_MS_MAX = 2000;

/**
 * Makes a request to a server of Caddy's that never answers, and does not wait: Caddy goes on with it until the end, and keeps for so long whatever else it
 * has. Resolves when the request is with Caddy's kernel; nothing happens where nobody listens.
 */
export async function hold(socketPath: string, signal: AbortSignal): Promise<void> {
  const socket = net.connect({path: socketPath, signal: anySignal([signal, AbortSignal.timeout(CONNECT_MS_MAX)])});
  try {
    await once(socket, 'connect');
    await new Promise<void>((resolve, reject) => socket.write('GET / HTTP/1.1\r\nHost: hold\r\n\r\n', (error) => (error == null ? resolve() : reject(error))));
  } catch (error) {
    signal.throwIfAborted();
    const {code} = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error;
  } finally {
    socket.destroy();
  }
}
