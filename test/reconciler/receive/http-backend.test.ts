import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {execa} from 'execa';
import {until} from '../../support/until.ts';
import {runHttpBackend} from '../../../reconciler/receive/http-backend.ts';

/** Git has printed its headers long before. */
const GIT_IS_READY_MS = 700;
/** Their list is longer than what one read takes, and short enough for git to be rid of it at once. */
const REFS = 700;
/** A little more than is kept until it is complete. */
const MANY_REFS = 17_000;
/** A question of protocol version 2 (gitprotocol-v2(5)). */
const LIST_REFS = '0014command=ls-refs\n00000000';

/** One server whose requests git answers, of an empty repository, and a connection to it. */
async function conversation(t: ExecutionContext, gitPath: string): Promise<{readonly socket: net.Socket; readonly received: () => string; readonly folder: string}> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-backend-'));
  await execa('git', ['init', '--quiet', '--bare', folder]);
  const server = http.createServer((request, response) => {
    void runHttpBackend({gitdir: folder, path: gitPath, query: 'service=git-upload-pack', user: 'ann', config: {}, env: {}}, {request, response}, new AbortController().signal);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  t.teardown(async () => {
    socket.destroy();
    server.close();
    await rm(folder, {recursive: true, force: true});
  });
  return {socket, received: () => text, folder};
}

test('an answer begins when the request is complete: a proxy in front would cut the rest of it off', async (t) => {
  const {socket, received} = await conversation(t, '/git-upload-pack');
  const head = ['POST /git-upload-pack HTTP/1.1', 'Host: git', 'Content-Type: application/x-git-upload-pack-request', 'Git-Protocol: version=2', 'Connection: close', `Content-Length: ${LIST_REFS.length}`];
  socket.write(`${head.join('\r\n')}\r\n\r\n${LIST_REFS.slice(0, 10)}`);
  await pause(GIT_IS_READY_MS);
  t.is(received(), '');
  socket.write(LIST_REFS.slice(10));
  await once(socket, 'close');
  t.regex(received(), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n0000$/, 'the list of no refs, whole');
});

for (const [what, refs, isWhole] of [['with its length', REFS, true], ['in chunks when it is long', MANY_REFS, false]] as const) {
  test(`an answer of a git that ends before the request does is whole, ${what}`, async (t) => {
    const {socket, received, folder} = await conversation(t, '/info/refs');
    const commit = (await execa('git', [`--git-dir=${folder}`, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit-tree', '-m', 'x', '4b825dc642cb6eb9a060e54bf8d69288fbee4904'], {input: ''})).stdout;
    const names = Array.from({length: refs}, (_, index) => `refs/heads/b${String(index).padStart(5, '0')}`);
    await writeFile(path.join(folder, 'packed-refs'), `# pack-refs with: peeled fully-peeled sorted \n${names.map((name) => `${commit} ${name}\n`).join('')}`);
    // Its body never ends.
    socket.write('GET /info/refs?service=git-upload-pack HTTP/1.1\r\nHost: git\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n');
    await until('the answer has ended', () => {
      const [head = '', body] = received().split('\r\n\r\n', 2);
      const length = /^content-length: (\d+)$/im.exec(head)?.[1];
      return length === undefined ? received().endsWith('\r\n0\r\n\r\n') : body?.length === Number(length);
    });
    t.is(/^transfer-encoding: chunked/im.test(received()), !isWhole);
    // Where one chunk ends and the next begins stands between.
    t.is(received().replaceAll(/\r\n[0-9a-f]+\r\n/g, '').match(/refs\/heads\/b\d{5}/g)?.length, refs);
    t.regex(received(), isWhole ? /0000$/ : /0000\r\n0\r\n\r\n$/);
  });
}
