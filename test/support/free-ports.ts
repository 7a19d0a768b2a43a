import {randomInt} from 'node:crypto';
import {connect} from 'node:net';

/** Below those that the kernel gives to whoever asks for any (32768 to 60999, ip(7)): it gives none of them away between now and their use. */
const PORTS = {from: 12_000, to: 29_000};

/** What this process was given, and may not listen on yet: a port is not given twice. */
const given = new Set<number>();

/** Ports of 127.0.0.1 that nobody listens on now, on TCP. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(PORTS.from, PORTS.to);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

/**
 * Whether nobody listens on a port of 127.0.0.1. Asked by connecting: one that we had listened on ourselves would be taken for a moment more, by any process that another
 * thread of the tests is just starting. Until it runs its program it has all that we have open.
 */
export function isFree(port: number): Promise<boolean> {
  const {promise, resolve} = Promise.withResolvers<boolean>();
  const socket = connect({port, host: '127.0.0.1'}, () => {
    socket.destroy();
    resolve(false);
  });
  socket.on('error', ({code}: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'));
  return promise;
}
