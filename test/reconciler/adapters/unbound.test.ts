import {mkdtemp, rm} from 'node:fs/promises';
import net from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {assertAllDone, connectUnbound, controlRequest, recordLines} from '../../../reconciler/adapters/unbound.ts';

const SIGNAL = new AbortController().signal;

test('a request is the version, the command and one line for each record', (t) => {
  t.is(controlRequest('local_datas', ['a. 1 IN A 10.0.0.1', 'b. 1 IN A 10.0.0.2']), 'UBCT1 local_datas\na. 1 IN A 10.0.0.1\nb. 1 IN A 10.0.0.2\n');
});

test('a line break cannot smuggle a second line in', (t) => {
  t.throws(() => controlRequest('local_datas', ['a. 1 IN A 10.0.0.1\nb. 1 IN A 10.6.6.6']), {message: /is not one line/});
  t.throws(() => controlRequest('local_datas', ['']), {message: /is not one line/});
});

test('the list of records is told without the empty lines that unbound puts between them', (t) => {
  t.deepEqual(recordLines('a.\t1\tIN\tA\t10.0.0.1\n\nb.\t1\tIN\tA\t10.0.0.2\n\n\n'), ['a.\t1\tIN\tA\t10.0.0.1', 'b.\t1\tIN\tA\t10.0.0.2']);
});

test('one bad line among good ones is an error that says which', (t) => {
  const answer = "error parsing local-data at line 2 position 11 'bogus bogus': Syntax error\nadded 1 datas\n";
  t.throws(() => assertAllDone('local_datas', ['a. 1 IN A 10.0.0.1', 'bogus bogus'], answer), {message: /unbound did 1 of the 2 lines of local_datas: .*'bogus bogus'/s});
  t.notThrows(() => assertAllDone('local_datas_remove', ['a.', 'b.'], 'removed 2 datas\n'));
});

test('an answer is read to its end, after ours was sent to its end', async (t) => {
  const seen: string[] = [];
  const unbound = connectUnbound({dnsPort: 1, socketPath: await serve(t, (request) => {
    seen.push(request);
    return 'added 1 zones\n';
  })});
  await unbound.addZones(['a. static'], SIGNAL);
  t.deepEqual(seen, ['UBCT1 local_zones\na. static\n']);
});

test('an empty list is not even sent', async (t) => {
  await t.notThrowsAsync(connectUnbound({dnsPort: 1, socketPath: '/nowhere'}).addRecords([], SIGNAL));
});

test('nobody listening is an error that names the socket', async (t) => {
  await t.throwsAsync(connectUnbound({dnsPort: 1, socketPath: '/nowhere'}).listRecords(SIGNAL), {message: /"UBCT1 list_local_data" on "\/nowhere" failed: .*ENOENT/});
});

test('the signal ends a request that is never answered', async (t) => {
  const stop = new AbortController();
  const socketPath = await serve(t, () => {
    stop.abort(new Error('stopped'));
    return undefined;
  });
  await t.throwsAsync(connectUnbound({dnsPort: 1, socketPath}).listRecords(stop.signal), {message: 'stopped'});
});

/** Answers each request once its end has come; `undefined`: never. */
async function serve(t: ExecutionContext, answer: (request: string) => string | undefined): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flynn-unbound-'));
  const server = net.createServer({allowHalfOpen: true}, (socket) => {
    let request = '';
    socket.on('data', (chunk) => { request += chunk.toString(); });
    socket.on('error', () => socket.destroy());
    socket.on('end', () => {
      const text = answer(request);
      if (text !== undefined) socket.end(text);
    });
    t.teardown(() => socket.destroy());
  });
  const socketPath = path.join(folder, 's');
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  t.teardown(async () => {
    server.close();
    await rm(folder, {recursive: true});
  });
  return socketPath;
}
