import {mkdtempSync} from 'node:fs';
import {createServer, type Server} from 'node:http';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import Docker from 'dockerode';
import {engineCall} from '../../../reconciler/adapters/docker-client.ts';
import {EVENTS_QUEUED_MAX} from '../../../reconciler/adapters/docker-events.ts';
import {DockerEngine} from '../../../reconciler/adapters/docker.ts';

const ID = 'a'.repeat(64);

test('a container that somebody else is removing counts as removed only once it is gone', async (t) => {
  const gone = Promise.withResolvers<void>();
  const waits = Promise.withResolvers<void>();
  const socket = await listen(createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json');
    if (request.method === 'DELETE') {
      response.writeHead(409).end(JSON.stringify({message: `removal of container ${ID} is already in progress`}));
      return;
    }
    waits.resolve();
    void gone.promise.then(() => response.end(JSON.stringify({StatusCode: 0})));
  }), t);
  let isRemoved = false;
  const removed = new DockerEngine(new Docker({socketPath: socket})).remove(ID, new AbortController().signal).then(() => (isRemoved = true));
  await waits.promise;
  t.false(isRemoved);
  gone.resolve();
  await removed;
  t.true(isRemoved);
});

test('removing a container that is gone succeeds', async (t) => {
  const socket = await listen(createServer((_request, response) => {
    response.writeHead(404, {'Content-Type': 'application/json'}).end(JSON.stringify({message: `No such container: ${ID}`}));
  }), t);
  await t.notThrowsAsync(new DockerEngine(new Docker({socketPath: socket})).remove(ID, new AbortController().signal));
});

test('a question that nobody waits for any more keeps no connection to an engine that hangs', async (t) => {
  const asked = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const socket = await listen(createServer((request) => {
    request.socket.once('close', () => closed.resolve());
    asked.resolve();
  }), t);
  const docker = new Docker({socketPath: socket});
  const caller = new AbortController();
  const answer = new DockerEngine(docker).containers([], caller.signal);
  await asked.promise;
  caller.abort(new Error('enough'));
  await t.throwsAsync(answer, {message: 'enough'});
  await soon(closed.promise);

  const late = engineCall('ping', (abortSignal) => docker.listNetworks({abortSignal}), {ms: 1, signal: new AbortController().signal});
  await t.throwsAsync(late, {message: /^ping: the engine did not answer within 0\.001 s$/});
});

test('when one stream of events can not be had, no other stays open', async (t) => {
  const closed = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let opened = 0;
  const socket = await listen(createServer((request, response) => {
    if (request.url?.includes('network')) return void response.writeHead(500).end('{"message":"no networks today"}');
    const {resolve} = closed[opened++] ?? t.fail('too many streams') as never;
    request.socket.once('close', () => resolve());
    response.writeHead(200).flushHeaders();
  }), t);
  const events = new DockerEngine(new Docker({socketPath: socket})).events(['a=b'], new AbortController().signal);
  await t.throwsAsync(first(events), {message: /listen to events: no networks today/});
  await soon(Promise.all(closed.map(({promise}) => promise)));
});

test('events end when more of them wait than a new look costs, and when one stream ends', async (t) => {
  const line = `${JSON.stringify({Type: 'container', Action: 'start', Actor: {ID}})}\n`;
  for (const [count, seen] of [[EVENTS_QUEUED_MAX + 1, 0], [3, 3]] as const) {
    const closed = Promise.withResolvers<void>();
    const socket = await listen(createServer((request, response) => {
      response.writeHead(200).flushHeaders();
      if (!request.url?.includes('label')) return void request.socket.once('close', () => closed.resolve());
      response.write(line.repeat(count));
      if (count === seen) response.end();
    }), t);
    const events = new DockerEngine(new Docker({socketPath: socket})).events(['label=x'], new AbortController().signal);
    const actions: string[] = [];
    for await (const {type, action} of events) {
      if (type === 'listening') await soon(closed.promise);
      else actions.push(action);
    }
    t.is(actions.length, seen);
  }
});

async function first(events: AsyncIterable<unknown>): Promise<unknown> {
  for await (const event of events) return event;
  return undefined;
}

/** A test that hangs says less. */
async function soon(promise: Promise<unknown>): Promise<void> {
  const {promise: late, reject} = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('it did not happen within 30 s')), 30_000);
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function listen(server: Server, t: {teardown(end: () => void): void}): Promise<string> {
  const socket = path.join(mkdtempSync(path.join(tmpdir(), 'flynn-docker-')), 'docker.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return socket;
}
