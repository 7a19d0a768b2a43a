import {once} from 'node:events';
import {connect, createServer, type AddressInfo} from 'node:net';
import test from 'ava';
import {listenersOf, parseConnections, parseListeners, socketsOf} from '../../../reconciler/adapters/listeners.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0B00007F:A3F5 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12346 1 0000000000000000 100 0 0 10 0
   2: 020011AC:D431 030011AC:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 12347 1 0000000000000000 20 4 30 10 -1
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0BB8 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12348 1
   1: 00000000000000000000000001000000:0BB9 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12349 1
   2: 0000000000000000FFFF00000100007F:0BBA 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12350 1
`;

test('of the kernel\'s tables only what listens is told, without the engine\'s own DNS server', (t) => {
  t.deepEqual(parseListeners(TABLE).map(({address, port}) => `${address} ${port}`), ['127.0.0.1 8080', ':: 3000', '::1 3001', '127.0.0.1 3002']);
});

test('what this very process listens on is among what the kernel says of it', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as AddressInfo;
  const listeners = await listenersOf(process.pid, AbortSignal.timeout(30_000));
  server.close();
  t.deepEqual(listeners.find((listener) => listener.port === port), {address: '127.0.0.1', port});
});

test('open connections are counted by their other end', (t) => {
  t.deepEqual([...parseConnections(TABLE)], [['172.17.0.3:8080', 1]]);
});

test('a connection of this very process is among those that the kernel tells of', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as AddressInfo;
  const client = connect(port, '127.0.0.1');
  await once(client, 'connect');
  const {connections, listeners} = await socketsOf('self', AbortSignal.timeout(30_000));
  client.destroy();
  server.close();
  t.is(connections.get(`127.0.0.1:${port}`), 1);
  t.true(listeners.some((listener) => listener.port === port));
});
