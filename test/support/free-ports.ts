import {randomInt} from 'node:crypto';
import {once} from 'node:events';
import {createServer, type Server} from 'node:net';

/** Below those that the kernel gives to whoever asks for any (32768 to 60999, ip(7)): it gives none of them away between now and their use. */
const PORTS = {from: 12_000, to: 29_000};

/** Ports of 127.0.0.1 that nobody listens on now, on TCP. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = new Map<number, Server>();
  while (servers.size < count) {
    const port = randomInt(PORTS.from, PORTS.to);
    const server = createServer().listen(port, '127.0.0.1');
    // Held until there are enough: none comes twice.
    if (await once(server, 'listening').then(() => true, () => false)) servers.set(port, server);
  }
  await Promise.all([...servers.values()].map((server) => new Promise((resolve) => server.close(resolve))));
  return [...servers.keys()];
}
