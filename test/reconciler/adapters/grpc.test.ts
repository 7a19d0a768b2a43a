import test from 'ava';
import {messages} from '../../../reconciler/adapters/grpc.ts';

async function* pieces(...texts: readonly string[]) {
  for (const text of texts) yield Buffer.from(text, 'latin1');
}

test('messages are put together from pieces of any length', async (t) => {
  const found: string[] = [];
  for await (const message of messages(pieces('\0\0\0', '\0\x03ab', 'c\0\0\0\0\0\0\0\0\0\x01', 'd\0'))) found.push(Buffer.from(message).toString());
  t.deepEqual(found, ['abc', '', 'd']);
});

test('a message that is too long is not waited for', async (t) => {
  await t.throwsAsync(async () => {
    for await (const _ of messages(pieces('\0\xff\xff\xff\xff')));
  }, {message: 'a message of 4294967295 bytes is longer than 67108864'});
});
