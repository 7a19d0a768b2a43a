import {mkdtempSync} from 'node:fs';
import {createServer, type ServerResponse} from 'node:http';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {mock} from 'node:test';
import {text} from 'node:stream/consumers';
import test, {type ExecutionContext} from 'ava';
import Docker from 'dockerode';
import {DockerEngine} from '../../../reconciler/adapters/docker.ts';
import {probeContainer} from '../../../reconciler/wiring/probe-container.ts';

const ID = 'a'.repeat(64);
const COMMAND = {kind: 'command', command: ['check']} as const;

test.serial('a check that hangs is one process, whose end lets the next one begin', async (t) => {
  const engine = await engineWithExecs(t);
  const probe = probeContainer(engine.client);
  const check = {id: ID, startedAtMs: 0, address: undefined, check: {...COMMAND, intervalMs: 1, timeoutMs: 1, retries: 1, startPeriodMs: 0}};
  const caller = new AbortController();
  const hanging = probe(check, caller.signal);
  await engine.nextStart();
  caller.abort(new Error('too late'));
  await t.throwsAsync(hanging, {message: 'too late'});

  const {signal} = new AbortController();
  for (const _ of ['second', 'third']) t.deepEqual(await probe(check, signal), {ok: false, detail: 'the last check, "check", is still running'});
  t.is(engine.started(), 1);

  engine.end('', 0);
  const next = probe(check, signal);
  await engine.nextStart();
  engine.end('not yet', 1);
  t.deepEqual(await next, {ok: false, detail: '"check" exited with code 1: not yet'});
  t.is(engine.started(), 2);
});

test.serial('a command may take as long as its caller waits', async (t) => {
  const engine = await engineWithExecs(t);
  mock.timers.enable({apis: ['setTimeout']});
  t.teardown(() => mock.timers.reset());
  const answer = engine.client.exec(ID, ['slow'], new AbortController().signal);
  const response = await engine.nextStart();
  // More than the kernel holds: when all of it has been written, the other side is reading.
  await new Promise((resolve) => response.write(frame('x'.repeat(8 << 20)), resolve));
  mock.timers.tick(299_000);
  engine.end('', 0);
  t.deepEqual(await answer, {exitCode: 0, output: 'x'.repeat(1000)});
});

/** An engine whose commands end when the test says so. */
async function engineWithExecs(t: ExecutionContext) {
  let starts = 0;
  let state = {Running: false, ExitCode: 0};
  let current: ServerResponse | undefined;
  let started = Promise.withResolvers<ServerResponse>();
  const server = createServer(async (request, response) => {
    await text(request);
    response.setHeader('Content-Type', 'application/json');
    if (request.url?.endsWith('/exec')) return void response.writeHead(201).end(JSON.stringify({Id: `exec${starts}`}));
    if (request.url?.endsWith('/json')) return void response.end(JSON.stringify(state));
    starts++;
    state = {Running: true, ExitCode: 0};
    current = response;
    response.writeHead(200).flushHeaders();
    started.resolve(response);
  });
  const socketPath = path.join(mkdtempSync(path.join(tmpdir(), 'flynn-docker-')), 'docker.sock');
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    client: new DockerEngine(new Docker({socketPath})),
    started: () => starts,
    nextStart: async () => {
      const response = await started.promise;
      started = Promise.withResolvers();
      return response;
    },
    end: (output: string, ExitCode: number) => {
      state = {Running: false, ExitCode};
      current?.end(frame(output));
    },
  };
}

function frame(output: string): Buffer {
  const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(output.length, 4);
  return Buffer.concat([header, Buffer.from(output)]);
}
