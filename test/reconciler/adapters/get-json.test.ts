import {createServer, type RequestListener} from 'node:http';
import type {AddressInfo} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import {getJson} from '../../../reconciler/adapters/get-json.ts';

async function answers(t: ExecutionContext, listener: RequestListener, {bytesMax = 1024, msMax = 20_000} = {}): Promise<unknown> {
  const server = createServer(listener);
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as AddressInfo;
  return getJson(new URL(`http://127.0.0.1:${port}/x`), {bytesMax, msMax}, new AbortController().signal).catch((error: Error) => error.message);
}

test('a JSON object is what it says', async (t) => {
  t.deepEqual(await answers(t, (_, response) => response.end('{"a": 1}')), {a: 1});
});

const BAD: readonly {readonly title: string; readonly listener: RequestListener; readonly limits?: {bytesMax?: number; msMax?: number}; readonly why: string}[] = [
  {title: 'a redirect', listener: (_, response) => response.writeHead(302, {location: 'http://169.254.169.254/'}).end(), why: 'it answers 302, and is followed nowhere else'},
  {title: 'an error', listener: (_, response) => response.writeHead(503).end('{}'), why: 'it answers 503'},
  {title: 'no JSON', listener: (_, response) => response.end('<html>'), why: 'its answer is no JSON'},
  {title: 'a list', listener: (_, response) => response.end('[]'), why: 'its answer is no JSON object'},
  {title: 'null', listener: (_, response) => response.end('null'), why: 'its answer is no JSON object'},
  {title: 'an answer without end', listener: (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write(' '.repeat(1024)));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  }, why: 'its answer is longer than 1 KiB'},
  {title: 'silence', listener: () => {}, limits: {msMax: 50}, why: 'it did not answer within 0.05 s'},
  {title: 'half an answer, then silence', listener: (_, response) => response.write('{'), limits: {msMax: 50}, why: 'it did not answer within 0.05 s'},
];

for (const {title, listener, limits = {}, why} of BAD) {
  test(`${title} is none`, async (t) => t.is(await answers(t, listener, limits), why));
}
