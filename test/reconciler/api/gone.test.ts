import {once} from 'node:events';
import net, {type AddressInfo} from 'node:net';
import {setImmediate} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {fastify, type FastifyReply} from 'fastify';
import {goneSignal} from '../../../reconciler/api/gone.ts';
import {sendEvents} from '../../../reconciler/api/sse.ts';
import {LineQueue, sendLines} from '../../../reconciler/api/stream.ts';
import {until} from '../../support/until.ts';

const NEVER = new AbortController().signal;

/** Calls `answer` for a request whose client has just gone, and ends when that has returned. */
async function afterwards(t: ExecutionContext, answer: (reply: FastifyReply) => FastifyReply): Promise<void> {
  const server = fastify();
  t.teardown(() => server.close());
  const came = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  server.get('/', async (request, reply) => {
    const closed = once(request.raw.socket, 'close');
    came.resolve();
    await closed;
    try {
      return answer(reply);
    } finally {
      answered.resolve();
    }
  });
  await server.listen({host: '127.0.0.1', port: 0});
  const socket = net.connect((server.server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
  await came.promise;
  socket.destroy();
  await answered.promise;
}

/** What only its signal ends. */
function endless() {
  const source = {signal: undefined as AbortSignal | undefined, hasEnded: false};
  const start = async function* (signal: AbortSignal) {
    source.signal = signal;
    try {
      for (let id = 0; !signal.aborted; id += 1) {
        yield {id: String(id), event: 'more', data: '{}'};
        await setImmediate();
      }
    } finally {
      source.hasEnded = true;
    }
  };
  return {source, start};
}

test('a client that has gone before somebody asks has gone', async (t) => {
  const heard: AbortSignal[] = [];
  await afterwards(t, (reply) => {
    heard.push(goneSignal(reply, 'the pusher went away'));
    return reply.hijack();
  });
  await until('it is known', () => heard.length === 1);
  t.is((heard[0]?.reason as Error).message, 'the pusher went away');
});

for (const [name, send] of [['lines', sendLines], ['events', sendEvents]] as const) {
  test(`a stream of ${name} does not begin, or ends, when its client went while it was looked into who he is`, async (t) => {
    const {source, start} = endless();
    await afterwards(t, (reply) => send(reply, start, NEVER));
    // What begins, begins by now.
    await setImmediate();
    await t.notThrowsAsync(until('nothing goes on', () => source.signal === undefined || source.hasEnded));
  });

  test(`a stream of ${name} that a node which stops is asked for ends at once`, async (t) => {
    const server = fastify();
    t.teardown(() => server.close());
    const {source, start} = endless();
    server.get('/', (_request, reply) => send(reply, start, AbortSignal.abort()));
    const {body} = await server.inject('/');
    t.is(body, '');
    t.is(source.signal, undefined);
  });
}

test('a queue whose reader has gone before it is made ends', async (t) => {
  const lines: unknown[] = [];
  for await (const line of new LineQueue(AbortSignal.abort())) lines.push(line);
  t.deepEqual(lines, []);
});
