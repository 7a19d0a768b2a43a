import {once} from 'node:events';
import type {AddressInfo} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import {WebSocket} from 'ws';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {costOf, frame, pieces, PIECE_BYTES_MAX, Window, WINDOW_COST} from '../../../reconciler/api/frames.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {until} from '../../support/until.ts';
import {documented} from './documented.ts';
import {app, FakeView} from './fake-view.ts';

const TOKEN = 'right-token';
const RUN = '/v1/apps/shop/run';

async function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.current = {...view.current, apps: [app('shop')]};
  view.oneShot.command = () => {};
  const server = createServer({view, authenticate: createAuthenticate({token: TOKEN, operator: {name: 'operator', email: 'operator@n1'}}), log: (...words) => t.log(...words)});
  t.teardown(() => server.close());
  documented(t, server);
  await server.listen({host: '127.0.0.1', port: 0});
  const url = `ws://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  const connect = (path = RUN, headers: Record<string, string> = {authorization: `Bearer ${TOKEN}`}) => {
    const socket = new WebSocket(url + path, {headers});
    t.teardown(() => socket.terminate());
    return socket;
  };
  /** Everything that was told, and the close code. */
  const told = async (socket: WebSocket) => {
    const lines: string[] = [];
    socket.on('message', (message: Buffer, isBinary: boolean) => lines.push(isBinary ? `${message[0]} ${message.subarray(1)}` : String(message)));
    const [code] = await once(socket, 'close') as [number];
    return [...lines, String(code)];
  };
  return {view, server, connect, told};
}

/** A session whose command runs. `all`: what its client is told. */
async function running(t: ExecutionContext) {
  const {connect, told, view, server} = await subject(t);
  const socket = connect();
  const all = told(socket);
  await once(socket, 'open');
  socket.send('{"command": ["bash"]}');
  const session = await until('it runs', () => view.oneShot.sessions[0]);
  return {socket, all, session, view, server};
}

for (const path of [RUN, '/v1/apps/shop/replicas/web.1/exec']) {
  test(`a session at ${path} needs the token`, async (t) => {
    const {connect, view} = await subject(t);
    for (const headers of [{}, {authorization: 'Bearer wrong'}]) {
      const socket = connect(path, headers as Record<string, string>);
      const [error] = await once(socket, 'error') as [Error];
      t.regex(error.message, /401/);
    }
    t.deepEqual(view.oneShot.asked, []);
  });
}

const REFUSED: Readonly<Record<string, string | Buffer>> = {
  'is no JSON': 'ls',
  'is bytes': Buffer.from('ls'),
  'has no command': '{}',
  'has an empty command': '{"command": []}',
  'has words that are none': '{"command": ["ls", 1]}',
  'has a zero byte': '{"command": ["l\\u0000s"]}',
  'has a variable that is none': '{"command": ["ls"], "env": {"A B": "canary"}}',
  'has a size that is none': '{"command": ["ls"], "terminal": {"columns": -1, "rows": 1}}',
  'has a service that is none': '{"command": ["ls"], "service": "../x"}',
  'is too long': JSON.stringify({command: ['x'.repeat(60_000)]}),
};
for (const [what, message] of Object.entries(REFUSED)) {
  test(`a start that ${what} is refused`, async (t) => {
    const {connect, told, view} = await subject(t);
    const socket = connect();
    const all = told(socket);
    await once(socket, 'open');
    socket.send(message);
    const [problem = '', code] = await all;
    t.regex(problem, /^\{"problem":\{"status":400,"detail":".+"\}\}$/);
    t.notRegex(problem, /canary/);
    t.is(code, '1011');
    t.deepEqual(view.oneShot.asked, []);
  });
}

for (const [what, message] of [['a channel that is no input', frame('stdout', Buffer.from('x'))], ['words that mean nothing', '{"hello": true}'], ['no JSON', '{']] as const) {
  test(`a client that sends ${what} is sent away, and its command ended`, async (t) => {
    const {socket, all, session} = await running(t);
    socket.send(message);
    t.is((await all).at(-1), '1008');
    await until('it is ended', () => session.isClosed === true);
  });
}

test('a client that sends more than it may is sent away', async (t) => {
  const {socket, all, session} = await running(t);
  session.write = () => new Promise(() => {});
  for (let sent = 0; sent <= 2 * WINDOW_COST; sent += PIECE_BYTES_MAX) socket.send(frame('stdin', Buffer.alloc(PIECE_BYTES_MAX)));
  t.is((await all).at(-1), '1008');
});

test('signals arrive in the order in which they were sent, however long the engine takes for one', async (t) => {
  const {socket, session} = await running(t);
  const first = Promise.withResolvers<void>();
  session.send = async (name) => {
    if (name === 'SIGINT') await first.promise;
    session.sent.push(name);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL']) socket.send(JSON.stringify({signal}));
  socket.send('{"resize": {"columns": 80, "rows": 24}}');
  await until('all have come', () => session.sizes.length === 1);
  t.deepEqual(session.sent, []);
  first.resolve();
  await until('all are passed on', () => session.sent.length === 3);
  t.deepEqual(session.sent, ['SIGINT', 'SIGTERM', 'SIGKILL']);
});

test('a client whose signals nobody can pass on that fast is sent away', async (t) => {
  const {socket, all, session} = await running(t);
  session.send = () => new Promise(() => {});
  for (let sent = 0; sent <= 100; sent += 1) socket.send('{"signal": "SIGINT"}');
  t.is((await all).at(-1), '1008');
  await until('it is ended', () => session.isClosed === true);
});

test('a client that goes takes its command with it', async (t) => {
  const {socket, session, view} = await running(t);
  socket.terminate();
  await until('it is ended', () => session.isClosed === true);
  t.is(view.oneShot.sessions.length, 1, 'and no other was begun');
});

test('a node that stops says so, and ends what runs', async (t) => {
  const {all, session, server} = await running(t);
  await server.close();
  const lines = await all;
  t.true(lines.includes('{"problem":{"status":503,"detail":"the node is stopping"}}'));
  t.deepEqual(session.sent, ['SIGTERM']);
  await until('it is let go', () => session.isClosed === true);
});

test('without a websocket there is nothing to see', async (t) => {
  const {server} = await subject(t);
  t.is((await server.inject({method: 'GET', url: RUN, headers: {authorization: `Bearer ${TOKEN}`}})).statusCode, 404);
});

test('pieces are no longer than they may be, and lose nothing', (t) => {
  const bytes = Buffer.alloc(3 * PIECE_BYTES_MAX + 1, 7);
  const all = [...pieces(bytes)];
  t.deepEqual(all.map(({length}) => length), [PIECE_BYTES_MAX, PIECE_BYTES_MAX, PIECE_BYTES_MAX, 1]);
  t.true(Buffer.concat(all).equals(bytes));
  t.deepEqual([...pieces(Buffer.alloc(0))], []);
});

test('a sender waits until the receiver has passed on what is under way', async (t) => {
  const window = new Window();
  const {signal} = new AbortController();
  const piece = costOf(Buffer.alloc(PIECE_BYTES_MAX));
  const count = Math.floor(WINDOW_COST / piece);
  for (let sent = 0; sent < count; sent++) await window.take(piece, signal);
  let isThrough = false;
  const waiting = window.take(piece, signal).then(() => (isThrough = true));
  await new Promise((resolve) => setImmediate(resolve));
  t.false(isThrough);
  window.give(piece);
  t.true(await waiting);
  await t.throwsAsync(window.take(piece, AbortSignal.abort(new Error('gone'))), {message: 'gone'});
});

test('a window never opens further than it was', async (t) => {
  const window = new Window();
  window.give(10 * WINDOW_COST);
  await window.take(WINDOW_COST, new AbortController().signal);
  await t.throwsAsync(window.take(1, AbortSignal.timeout(20)));
});
