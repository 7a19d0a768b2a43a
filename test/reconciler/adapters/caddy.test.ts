import {mkdtemp, rm} from 'node:fs/promises';
import http from 'node:http';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {ConfigRefused, connectCaddy} from '../../../reconciler/adapters/caddy.ts';

const SIGNAL = new AbortController().signal;

test('the Host header is empty, because Caddy accepts no other one on a unix socket', async (t) => {
  const hosts: (string | undefined)[] = [];
  const caddy = connectCaddy(await serve(t, (request) => {
    hosts.push(request.headers.host);
    return {status: 200, body: '{"apps":{}}'};
  }));
  t.deepEqual(await caddy.config(SIGNAL), {apps: {}});
  t.deepEqual(hosts, ['']);
});

test('a configuration that Caddy refuses is told in Caddy\'s words', async (t) => {
  const caddy = connectCaddy(await serve(t, () => ({status: 400, body: '{"error":"unknown module: nope"}'})));
  const error = await t.throwsAsync(caddy.load({}, SIGNAL), {instanceOf: ConfigRefused});
  t.is(error?.message, 'loading a configuration into Caddy failed with status 400: {"error":"unknown module: nope"}');
});

test('requests in flight are added up by upstream, and those without any are left out', async (t) => {
  const upstreams = [{address: 'a:80', num_requests: 2, fails: 0}, {address: 'b:80', num_requests: 0, fails: 0}, {address: 'a:80', num_requests: 1, fails: 0}];
  t.deepEqual(await connectCaddy(await serve(t, () => ({status: 200, body: JSON.stringify(upstreams)}))).requestsInFlight(SIGNAL), new Map([['a:80', 3]]));
  t.deepEqual(await connectCaddy(await serve(t, () => ({status: 200, body: 'null'}))).requestsInFlight(SIGNAL), new Map());
});

test('an answer that is no JSON is an error, not an empty configuration', async (t) => {
  await t.throwsAsync(connectCaddy(await serve(t, () => ({status: 200, body: '{"apps'}))).config(SIGNAL), {message: 'reading the configuration of Caddy failed: the answer is not JSON'});
  await t.throwsAsync(connectCaddy(await serve(t, () => ({status: 500, body: 'oh'}))).config(SIGNAL), {message: 'reading the configuration of Caddy failed with status 500: oh'});
});

test('the signal ends a request that is never answered', async (t) => {
  const stop = new AbortController();
  const caddy = connectCaddy(await serve(t, () => {
    stop.abort(new Error('stopped'));
    return undefined;
  }));
  await t.throwsAsync(caddy.config(stop.signal), {message: 'stopped'});
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** `undefined`: no answer, ever. */
async function serve(t: ExecutionContext, answer: (request: http.IncomingMessage) => Answer | undefined): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-caddy-'));
  const server = http.createServer((request, response) => {
    const what = answer(request);
    if (what !== undefined) response.writeHead(what.status).end(what.body);
  });
  const socketPath = path.join(folder, 's');
  await new Promise<void>((resolve) => { server.listen(socketPath, resolve); });
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, {recursive: true});
  });
  return socketPath;
}
