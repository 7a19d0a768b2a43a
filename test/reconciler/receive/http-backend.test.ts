import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import test from 'ava';
import {execa} from 'execa';
import {runHttpBackend} from '../../../reconciler/receive/http-backend.ts';

/** Git has printed its headers long before. */
const GIT_IS_READY_MS = 700;
/** A question of protocol version 2 (gitprotocol-v2(5)). */
const LIST_REFS = '0014command=ls-refs\n00000000';

test('an answer begins when the request is complete: a proxy in front would cut the rest of it off', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-backend-'));
  await execa('git', ['init', '--quiet', '--bare', folder]);
  const server = http.createServer((request, response) => {
    void runHttpBackend({gitdir: folder, path: '/git-upload-pack', query: '', user: 'ann', config: {}, env: {}}, {request, response}, new AbortController().signal);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  try {
    const head = ['POST /git-upload-pack HTTP/1.1', 'Host: git', 'Content-Type: application/x-git-upload-pack-request', 'Git-Protocol: version=2', 'Connection: close', `Content-Length: ${LIST_REFS.length}`];
    socket.write(`${head.join('\r\n')}\r\n\r\n${LIST_REFS.slice(0, 10)}`);
    await pause(GIT_IS_READY_MS);
    t.is(received, '');
    socket.write(LIST_REFS.slice(10));
    await once(socket, 'close');
    t.regex(received, /^HTTP\/1\.1 200 OK\r\n[^]*0000\r\n0\r\n\r\n$/, 'the list of no refs, whole');
  } finally {
    socket.destroy();
    server.close();
    await rm(folder, {recursive: true, force: true});
  }
});
