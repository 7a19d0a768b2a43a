import {once} from 'node:events';
import http from 'node:http';
import http2, {type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders} from 'node:http2';
import test from 'ava';
import {httpBackend} from '../support/raw-http.ts';
import {Routed} from '../support/routed.ts';

// Clients that speak HTTP/2: the app hears HTTP/1.1, and both get what they would have got without it.

let routed: Routed;
let api: http.Server;
const sessions: ClientHttp2Session[] = [];

test.before(async (t) => {
  t.timeout(60_000);
  routed = await Routed.start();
  // Every host here may have a certificate.
  api = http.createServer((_request, response) => response.end()).listen(routed.router.settings.apiPort, '127.0.0.1');
});
test.after.always(async () => {
  for (const session of sessions) session.destroy();
  api?.closeAllConnections();
  api?.close();
  await routed?.[Symbol.asyncDispose]();
});

function connect(host: string): ClientHttp2Session {
  const session = http2.connect(`https://127.0.0.1:${routed.router.settings.httpsPort}`, {servername: host, rejectUnauthorized: false});
  session.on('error', () => {});
  sessions.push(session);
  return session;
}

async function answerOf(stream: ClientHttp2Stream): Promise<{readonly status: number; readonly headers: http2.IncomingHttpHeaders; readonly body: string}> {
  const [headers] = await once(stream, 'response') as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader];
  let body = '';
  for await (const chunk of stream) body += String(chunk);
  return {status: headers[':status'] ?? 0, headers, body};
}

const ask = (session: ClientHttp2Session, host: string, headers: OutgoingHttpHeaders = {}) => session.request({':authority': host, ...headers});

test.serial('path, headers and host reach the app as they were written, and its own come back', async (t) => {
  await using app = await httpBackend((request, response) => {
    response.writeHead(207, {'Set-Cookie': ['a=1', 'b=2'], 'X-Own': 'yes'});
    response.end(JSON.stringify({url: request.url, ...request.headers}));
  });
  await routed.each(t, [app], async (host) => {
    const {status, headers, body} = await answerOf(ask(connect(host), host, {':path': '/a%2Fb//c?x=1;y&z', 'cookie': ['one=1', 'two=2'], 'x-many': ['1', '2'], 'x-forwarded-for': '6.6.6.6', 'te': 'trailers'}));
    const seen = JSON.parse(body) as Record<string, string>;
    t.deepEqual([status, headers['set-cookie'], headers['x-own']], [207, ['a=1', 'b=2'], 'yes']);
    t.deepEqual([seen['url'], seen['host'], seen['cookie'], seen['x-many'], seen['x-forwarded-for'], seen['x-forwarded-proto']], ['/a%2Fb//c?x=1;y&z', host, 'one=1; two=2', '1, 2', '127.0.0.1', 'https']);
  });
});

test.serial('bodies pass both ways while neither is over, with the trailers of the answer', async (t) => {
  await using app = await httpBackend((request, response) => {
    response.writeHead(200, {Trailer: 'X-Sum'});
    request.on('data', (chunk: Buffer) => response.write(chunk)).on('end', () => {
      response.addTrailers({'X-Sum': 'abc'});
      response.end();
    });
  });
  await routed.each(t, [app], async (host) => {
    const stream = ask(connect(host), host, {':method': 'POST'});
    for (const piece of ['one', 'two']) {
      stream.write(piece);
      t.is(String((await once(stream, 'data') as [Buffer])[0]), piece);
    }
    const trailers = once(stream, 'trailers');
    stream.end();
    stream.resume();
    t.is((await trailers as [http2.IncomingHttpHeaders])[0]['x-sum'], 'abc');
  });
});

test.serial('200 requests at once on one connection are all answered, and one that is given up takes none with it', async (t) => {
  await using app = await httpBackend((request, response) => {
    if (request.url !== '/never') setTimeout(() => response.end(request.url), 20);
  });
  await routed.each(t, [app], async (host) => {
    const session = connect(host);
    const never = ask(session, host, {':path': '/never'});
    never.on('error', () => {});
    const streams = Array.from({length: 200}, (_, index) => answerOf(ask(session, host, {':path': `/${index}`})));
    never.close(http2.constants.NGHTTP2_CANCEL);
    t.deepEqual((await Promise.all(streams)).map(({body}) => body), Array.from({length: 200}, (_, index) => `/${index}`));
    t.false(session.closed);
  });
});
