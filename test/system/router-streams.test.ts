import {once} from 'node:events';
import http from 'node:http';
import type {AddressInfo} from 'node:net';
import {setImmediate as turn} from 'node:timers/promises';
import test from 'ava';
import {WebSocket, WebSocketServer} from 'ws';
import {exchange, httpBackend, RawClient, rawBackend} from '../support/raw-http.ts';
import {Routed} from '../support/routed.ts';
import {until} from '../support/until.ts';

// Bodies as they come, both ways, and what is left of them when one side goes away: for a host that is a name only and for one with a route of
// Caddy's.

let routed: Routed;
test.before(async (t) => {
  t.timeout(60_000);
  routed = await Routed.start();
});
test.after.always(() => routed?.[Symbol.asyncDispose]());

const CHUNKED = 'Transfer-Encoding: chunked';
const post = (host: string, ...headers: readonly string[]) => `POST /in HTTP/1.1\r\nHost: ${host}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;
const get = (host: string, ...headers: readonly string[]) => `GET /out HTTP/1.1\r\nHost: ${host}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;

test.serial('a body in chunks reaches the app piece by piece, and its answer the client, both while the other one is not over', async (t) => {
  await using app = await httpBackend((request, response) => request.pipe(response));
  await routed.each(t, [app], async (host) => {
    await using client = await RawClient.connect(routed.port);
    await client.send(`${post(host, CHUNKED, 'Connection: close')}3\r\none\r\n`, 'one');
    await client.send('3\r\ntwo\r\n', 'two');
    await client.send('0\r\n\r\n', '0\r\n\r\n');
    t.regex(client.received, /^HTTP\/1\.1 200 [^]*\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/);
  });
});

test.serial('a body with its length said keeps it, in both directions, up to the last byte', async (t) => {
  const bytes = Buffer.alloc(3 * 2 ** 20, 'abcdefghijklmnopqrstuvwxyz\0\r\n\xff', 'latin1');
  let head: http.IncomingHttpHeaders = {};
  await using app = await httpBackend((request, response) => {
    head = request.headers;
    response.writeHead(200, {'Content-Length': bytes.length});
    request.pipe(response);
  });
  await routed.each(t, [app], async (host) => {
    const sent = http.request({host: '127.0.0.1', port: routed.port, method: 'PUT', headers: {Host: host, 'Content-Length': bytes.length}});
    sent.end(bytes);
    const [response] = await once(sent, 'response') as [http.IncomingMessage];
    const got = Buffer.concat(await response.toArray() as Buffer[]);
    t.true(got.equals(bytes));
    t.deepEqual([head['content-length'], head['transfer-encoding'], response.headers['content-length'], response.headers['transfer-encoding']], [String(bytes.length), undefined, String(bytes.length), undefined]);
  });
});

test.serial('an app that answers while it still reads gets the whole body, whatever its size and how it comes', async (t) => {
  t.timeout(120_000);
  await using app = await httpBackend((request, response) => {
    response.writeHead(200).flushHeaders();
    request.pipe(response);
  });
  const sizes = [20_000, 100_000, 200_000, 300_000, 1_000_000];
  await routed.each(t, [app], async (host) => {
    for (let round = 0; round < 100; round += 1) {
      const size = sizes[round % sizes.length] ?? 0;
      const sent = http.request({host: '127.0.0.1', port: routed.port, method: 'POST', headers: {Host: host, ...(round % 2 === 0 ? {'Content-Length': size} : {'Transfer-Encoding': 'chunked'})}});
      sent.end(Buffer.alloc(size, 'x'));
      const [response] = await once(sent, 'response') as [http.IncomingMessage];
      t.is(Buffer.concat(await response.toArray() as Buffer[]).length, size, `round ${round}`);
    }
  });
});

test.serial('an answer that begins as soon as the body is there comes to its end, whoever else is asking', async (t) => {
  t.timeout(120_000);
  await using app = await httpBackend((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200).write('begins, ');
      setTimeout(() => response.end('ends'), 5);
    });
  });
  const agent = new http.Agent({keepAlive: true, maxSockets: 16});
  await routed.each(t, [app], async (host) => {
    const answers = await Promise.all(Array.from({length: 1000}, async () => {
      const sent = http.request({agent, host: '127.0.0.1', port: routed.port, method: 'POST', headers: {'Host': host, 'Content-Length': 500}});
      sent.end('x'.repeat(500));
      const [response] = await once(sent, 'response') as [http.IncomingMessage];
      return Buffer.concat(await response.toArray() as Buffer[]).toString();
    }));
    t.deepEqual(answers.filter((answer) => answer !== 'begins, ends'), []);
  });
  agent.destroy();
});

test.serial('an event stream is passed on event by event', async (t) => {
  const streams: http.ServerResponse[] = [];
  await using app = await httpBackend((_request, response) => {
    response.writeHead(200, {'Content-Type': 'text/event-stream'}).flushHeaders();
    streams.push(response);
  });
  await routed.each(t, [app], async (host) => {
    await using client = await RawClient.connect(routed.port);
    await client.send(get(host), '\r\n\r\n');
    for (const event of ['one', 'two', 'three']) {
      streams.at(-1)?.write(`data: ${event}\n\n`);
      await client.until(`data: ${event}`);
    }
    const gone = once(streams.at(-1) ?? process, 'close');
    client.socket.destroy();
    await gone;
    t.pass('and the app is told when the client has left');
  });
});

test.serial('who asks before he sends a body hears the app: go on, or no', async (t) => {
  let bytes = 0;
  await using app = await httpBackend((request, response) => request.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('end', () => response.end('taken')), (server) => {
    server.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
      if (request.headers['x-wanted'] === 'no') return response.writeHead(413, {Connection: 'close'}).end('too much');
      response.writeContinue();
      server.emit('request', request, response);
    });
  });
  await routed.each(t, [app], async (host) => {
    await using willing = await RawClient.connect(routed.port);
    await willing.send(post(host, 'Expect: 100-continue', 'Content-Length: 5', 'Connection: close'), /^HTTP\/1\.1 100 Continue\r\n\r\n/);
    t.regex(await willing.send('hello', 'taken'), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    bytes = 0;
    await using refused = await RawClient.connect(routed.port);
    t.regex(await refused.send(post(host, 'Expect: 100-continue', 'Content-Length: 5', 'X-Wanted: no'), 'too much'), /^HTTP\/1\.1 413 /, 'without being told to go on');
    t.is(bytes, 0);
  });
});

test.serial('an app that never says "go on" gets the body a moment later', async (t) => {
  await using app = await rawBackend((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')));
  await routed.each(t, [app], async (host) => {
    await using client = await RawClient.connect(routed.port);
    await client.send(post(host, 'Expect: 100-continue', 'Content-Length: 5'), '100 Continue');
    t.regex(await client.send('hello', '\r\n\r\nok'), /HTTP\/1\.1 200 OK/);
  });
});

test.serial('an answer that comes before the body is over reaches the client', async (t) => {
  await using app = await rawBackend((socket) => {
    socket.resume();
    socket.write('HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much');
  });
  await routed.each(t, [app], async (host) => {
    await using client = await RawClient.connect(routed.port);
    client.socket.write(post(host, 'Content-Length: 100000000'));
    await until('the answer is there', async () => {
      // Read first: half a second after its answer the router closes the connection, and who writes to one that is closed gets nothing more of it.
      await turn();
      if (client.received.includes('too much')) return true;
      client.socket.write(Buffer.alloc(64 * 1024));
      return false;
    });
    t.regex(client.received, /^HTTP\/1\.1 413 /);
  });
});

test.serial('trailers of an answer pass; those of a request end at the router, the body does not', async (t) => {
  await using app = await httpBackend((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString())).on('end', () => {
      response.writeHead(200, {Trailer: 'X-Sum'});
      response.write(`${body}${JSON.stringify(request.trailers)}`);
      response.addTrailers({'X-Sum': 'abc'});
      response.end();
    });
  });
  await routed.each(t, [app], async (host) => {
    const answer = await exchange(routed.port, `${post(host, CHUNKED, 'Trailer: X-Check', 'TE: trailers', 'Connection: close')}3\r\none\r\n0\r\nX-Check: 77\r\n\r\n`);
    t.regex(answer, /\r\nTrailer: X-Sum\r\n/i);
    t.regex(answer, /one\{\}/);
    t.regex(answer, /\r\n0\r\nX-Sum: abc\r\n\r\n$/);
  });
});

test.serial('an app that ends its answer by ending the connection is heard to the end', async (t) => {
  await using app = await rawBackend((socket) => {
    socket.write('HTTP/1.0 200 OK\r\n\r\nfirst ');
    // It has ended its side only, and still reads.
    socket.end('last');
    socket.resume();
  });
  await routed.each(t, [app], async (host) => {
    const answer = await exchange(routed.port, get(host, 'Connection: close'));
    t.regex(answer, /^HTTP\/1\.1 200 [^]*\r\n\r\n[^]*first [^]*last/);
  });
});

test.serial('an app that dies in the middle of an answer of known length is seen to have died', async (t) => {
  await using app = await rawBackend((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', () => socket.resetAndDestroy()));
  await routed.each(t, [app], async (host) => {
    const answer = await exchange(routed.port, get(host));
    t.true(answer.endsWith('\r\n\r\nhalf'), answer);
    t.regex(answer, /\r\nContent-Length: 100\r\n/);
  });
});

test.serial('in chunks it is not: Caddy 2.6.2 ends them as if that were all', async (t) => {
  await using app = await rawBackend((socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', () => socket.resetAndDestroy()));
  await routed.each(t, [app], async (host) => {
    const answer = await exchange(routed.port, get(host, 'Connection: close'));
    t.true(answer.endsWith('4\r\nhalf\r\n0\r\n\r\n'), answer);
  });
});

test.serial('a client that leaves ends the request of the app too', async (t) => {
  let [begun, closed] = [0, 0];
  await using app = await httpBackend((_request, response) => {
    begun += 1;
    response.on('close', () => (closed += 1));
  });
  await routed.each(t, [app], async (host) => {
    const before = closed;
    const client = await RawClient.connect(routed.port);
    client.socket.write(get(host));
    await until('the app has it', () => begun > before);
    client.socket.destroy();
    await until('the app is told', () => closed > before);
    t.is(closed, before + 1);
  });
});

test.serial('a client that closes its sending side before the answer has left, as far as Caddy 2.6.2 sees', async (t) => {
  await using app = await httpBackend((_request, response) => void setTimeout(() => response.end('late'), 10_000).unref());
  await routed.each(t, [app], async (host) => {
    await using client = await RawClient.connect(routed.port);
    client.socket.end(get(host));
    t.notRegex(await client.ended(), /late/, 'docs/requests.md says what it gets instead');
  });
});

test.serial('an answer that does not say what it is gets a type by its first bytes', async (t) => {
  await using app = await httpBackend((_request, response) => response.end('<html>'));
  await routed.each(t, [app], async (host) => void t.regex(await exchange(routed.port, get(host, 'Connection: close')), /\r\nContent-Type: text\/html; charset=utf-8\r\n/));
});

test.serial('a connection is upgraded however the words are written, and both sides can say the first one', async (t) => {
  await using app = await httpBackend((_request, response) => response.end(), (server) => {
    server.on('upgrade', (request, socket) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${request.headers.upgrade}\r\nX-Own: 1\r\n\r\nhello `);
      socket.on('error', () => {}).pipe(socket);
    });
  });
  await routed.each(t, [app], async (host) => {
    for (const [connection, upgrade] of [['Upgrade', 'websocket'], ['keep-alive, UPGRADE', 'WebSocket'], ['upgrade', 'ECHO/1.0']]) {
      await using client = await RawClient.connect(routed.port);
      await client.send(`GET /ws HTTP/1.1\r\nHost: ${host}\r\nCONNECTION: ${connection}\r\nupGRADE: ${upgrade}\r\n\r\n`, 'hello ');
      t.regex(client.received, new RegExp(`^HTTP/1\\.1 101 [^]*\\r\\n\\r\\nhello $`), connection);
      t.true(client.received.toLowerCase().includes(`\r\nupgrade: ${upgrade?.toLowerCase()}\r\n`) && client.received.includes('\r\nX-Own: 1\r\n'), client.received);
      await client.send('\0\xff binary', '\0\xff binary');
      client.socket.end();
      await client.ended();
    }
    t.regex(await exchange(routed.port, `GET /ws HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n`), /^HTTP\/1\.1 200 /, 'Connection has to name it');
  });
});

test.serial('a websocket carries pings, large messages and the reason why it was closed', async (t) => {
  const server = new WebSocketServer({port: 0, host: '127.0.0.1'});
  server.on('connection', (socket) => {
    socket.on('message', (message, isBinary) => (String(message) === 'bye' ? socket.close(4001, 'as you wish') : socket.send(message, {binary: isBinary})));
  });
  await once(server, 'listening');
  await routed.each(t, [{address: '127.0.0.1', port: (server.address() as AddressInfo).port}], async (host) => {
    const socket = new WebSocket(`ws://127.0.0.1:${routed.port}/chat`, ['v2', 'v1'], {headers: {Host: host}});
    await once(socket, 'open');
    t.is(socket.protocol, 'v2');
    socket.ping('are you there');
    t.is(String((await once(socket, 'pong') as [Buffer])[0]), 'are you there');
    const large = Buffer.alloc(2 ** 20, 7);
    socket.send(large);
    t.true((await once(socket, 'message') as [Buffer])[0].equals(large));
    socket.send('bye');
    const [code, reason] = await once(socket, 'close') as [number, Buffer];
    t.deepEqual([code, String(reason)], [4001, 'as you wish']);
  });
  server.close();
});
