import {mkdtempSync, rmSync} from 'node:fs';
import {createServer} from 'node:http';
import type {Socket} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {text} from 'node:stream/consumers';
import test, {type ExecutionContext} from 'ava';
import Docker from 'dockerode';
import {OneShotActions, type OneShotParts} from '../../../reconciler/oneshot/actions.ts';
import {ExecNotes} from '../../../reconciler/oneshot/exec-notes.ts';
import type {AppName} from '../../../schemas/ids.ts';
import {app, desired, good, observed} from '../../support/make.ts';
import {until} from '../../support/until.ts';
import {FakeAudit} from '../api/fake-one-shot.ts';

const SHOP = 'shop' as AppName;
const EXEC = 'e'.repeat(64);
const BASH = {app: SHOP, replica: 'web.1', actor: {name: 'Ada', email: 'ada@example.com'}, command: ['bash'], env: {}, terminal: {columns: 80, rows: 24}};

/** An engine that starts a command, and does not answer to what is asked of it next: the size of its terminal. */
async function stuckEngine(t: ExecutionContext) {
  const resized = Promise.withResolvers<void>();
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const {method, url = ''} = request;
    await text(request);
    asked.push(`${method} ${url.replace(/\/[0-9a-z-]{12,}/, '').split('?')[0]}`);
    if (url.includes('/resize')) return resized.resolve();
    response.setHeader('Content-Type', 'application/json');
    if (url.endsWith('/exec')) return void response.writeHead(201).end(JSON.stringify({Id: EXEC}));
    response.end(JSON.stringify({Config: {}, Running: false, Pid: 0, ExitCode: 129, ContainerID: 'c'}));
  });
  const streams = new Set<Socket>();
  server.on('upgrade', (_request, socket) => {
    streams.add(socket as Socket);
    socket.on('close', () => streams.delete(socket as Socket)).on('end', () => socket.destroy()).on('error', () => {}).resume();
    socket.write('HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  });
  const home = mkdtempSync(path.join(tmpdir(), 'flynn-engine-'));
  const socketPath = path.join(home, 'docker.sock');
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  t.teardown(() => {
    for (const stream of streams) stream.destroy();
    server.closeAllConnections();
    server.close();
    rmSync(home, {recursive: true, force: true});
  });
  return {docker: new Docker({socketPath}), resized: resized.promise, asked, streams, notes: new ExecNotes(path.join(home, 'execs'))};
}

test('a command that began just before its user went away is ended, and its streams are let go', async (t) => {
  const {docker, resized, asked, streams, notes} = await stuckEngine(t);
  const actions = new OneShotActions({
    docker, execNotes: notes, audit: new FakeAudit(), log: (message: string, error: unknown) => t.fail(`${message}: ${String(error)}`), wake: () => {},
    seen: async () => ({desired: desired(app('v2', 1)), observed: observed({record: good(app('v2', 1)), have: ['web.1 v2 up']})}),
  } as unknown as OneShotParts);
  const user = new AbortController();
  const beginning = actions.exec(BASH, user.signal);
  await resized;
  t.deepEqual(await notes.all(), [EXEC]);
  user.abort(new Error('the client has gone'));
  await t.throwsAsync(beginning, {message: 'the client has gone'});
  t.true(asked.includes('GET /exec/json'));
  t.deepEqual(await notes.all(), [], 'nothing is left for the next start to end');
  await until('its streams are closed', () => streams.size === 0);
});
