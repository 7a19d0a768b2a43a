import protobuf from 'protobufjs/minimal.js';
import test from 'ava';
import {TracePrinter} from '../../../reconciler/adapters/buildkit.ts';
import {readTrace} from '../../../reconciler/adapters/buildkit-trace.ts';

/** As the engine 26.1.5 sent it, in a build with a heredoc. */
const LOG = 'GmUKR3NoYTI1NjpmY2I0NThmNjE3NWE5NzY2YWVlYWY2MTYzNzcxNWNjYzUyYmJjNTMwYjkyNDcxODY3NTBlY2YxZmJmMTNjNjY2EgwIwtOd2AYQxZzDhAMYASIKaGVsbG8geW91Cg==';


test('what the engine sends of a step\'s output is read', (t) => {
  const [event] = readTrace(Buffer.from(LOG, 'base64'));
  t.is(event?.kind === 'log' ? `${event.step.slice(0, 20)} ${Buffer.from(event.bytes).toString()}` : '', 'sha256:fcb458f6175a9 hello you\n');
});

test('what comes later to the protocol is skipped', (t) => {
  const vertex = protobuf.Writer.create().uint32(10).string('sha256:a').uint32(26).string('[1/2] RUN a').uint32(42).bytes(Buffer.from([8, 1])).uint32(8 * 100).int32(7).finish();
  const message = protobuf.Writer.create().uint32(8 * 50 + 2).string('new').uint32(10).bytes(vertex).finish();
  t.deepEqual(readTrace(message), [{kind: 'step', step: {digest: 'sha256:a', name: '[1/2] RUN a', isStarted: true, isCached: false}}]);
});

test('a step is named once, again when the output of another came between, and BuildKit\'s own steps never', (t) => {
  const lines: string[] = [];
  const printer = new TracePrinter((line) => lines.push(line));
  const step = (digest: string, name: string, isCached = false) => ({kind: 'step', step: {digest, name, isStarted: true, isCached}}) as const;
  const log = (digest: string, text: string) => ({kind: 'log', step: digest, bytes: Buffer.from(text)}) as const;
  printer.tell([step('i', '[internal] load metadata for a'), step('c', '[1/3] FROM a', true), step('a', '[one 2/3] RUN a'), step('a', '[one 2/3] RUN a')]);
  printer.tell([log('a', 'first li'), log('a', 'ne\nsecond\n')]);
  printer.tell([step('b', '[two 2/3] RUN b'), log('a', 'third\n'), log('b', 'ünd'.slice(0, 2)), log('b', 'd')]);
  printer.tell([step('x', 'exporting to image'), {kind: 'warning', text: 'FromAsCasing'}]);
  printer.end();
  t.deepEqual(lines, ['CACHED [1/3] FROM a', '[one 2/3] RUN a', 'first line', 'second', '[two 2/3] RUN b', '[one 2/3] RUN a', 'third', 'warning: FromAsCasing', '[two 2/3] RUN b', 'ünd']);
});
