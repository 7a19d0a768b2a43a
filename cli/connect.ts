import type {IncomingMessage} from 'node:http';
import {WebSocket} from 'ws';
import {MESSAGE_BYTES_MAX} from '../reconciler/api/frames.ts';
import {type Connection, explained, keepsSecret, refusal} from './client.ts';
import {Failure} from './command.ts';
import {lookupFor, trusting} from './exchange.ts';

const CONNECT_MS_MAX = 30_000;

/** Opens a websocket of the API. What comes over it before somebody listens waits. Throws as `Client` does. */
export async function connect({cluster, author}: Connection, path: string, signal: AbortSignal): Promise<WebSocket> {
  keepsSecret(cluster);
  const url = new URL(path, cluster.url);
  const lookup = {...lookupFor(url), ...(url.protocol === 'https:' && await trusting(cluster.caFile))};
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(url, {
    ...lookup, perMessageDeflate: false, maxPayload: MESSAGE_BYTES_MAX, handshakeTimeout: CONNECT_MS_MAX,
    headers: {'authorization': `Bearer ${cluster.token}`, 'x-flynn-author': await author()},
  });
  const giveUp = () => socket.terminate();
  signal.addEventListener('abort', giveUp, {once: true});
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
      socket.once('unexpected-response', (_request, response: IncomingMessage) => void refusal(response, response.statusCode ?? 0, cluster).then(reject, reject));
    });
    return socket;
  } catch (error) {
    socket.on('error', () => {}); // It was told once.
    socket.terminate();
    signal.throwIfAborted();
    throw error instanceof Failure ? error : explained(error, cluster, signal);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
