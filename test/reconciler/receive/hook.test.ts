import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';

const HOOK = path.join(import.meta.dirname, '..', '..', '..', 'reconciler', 'receive', 'hook.mjs');

test('a pusher who reads slowly still gets the last line', async (t) => {
  t.timeout(60_000);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-hook-'));
  const socket = path.join(folder, 'socket');
  const answered = Promise.withResolvers<void>();
  const server = http.createServer((_, response) => {
    const line = `${JSON.stringify({print: 'x'.repeat(1000)})}\n`;
    response.end(`${line.repeat(2000)}${JSON.stringify({print: 'the verdict'})}\n${JSON.stringify({exit: 1})}\n`, () => answered.resolve());
  });
  t.teardown(async () => {
    server.close();
    await rm(folder, {recursive: true, force: true});
  });
  server.listen(socket);
  await once(server, 'listening');
  const hook = spawn(process.execPath, [HOOK, 'pre-receive', socket], {stdio: ['pipe', 'pipe', 'inherit']});
  const closed = once(hook, 'close') as Promise<[number]>;
  hook.stdin.end();
  // Nothing is read of what it prints before it has got all.
  await answered.promise;
  const pieces: Buffer[] = [];
  for await (const piece of hook.stdout) pieces.push(piece as Buffer);
  t.is((await closed)[0], 1);
  t.true(Buffer.concat(pieces).toString().endsWith('the verdict\n'));
});
