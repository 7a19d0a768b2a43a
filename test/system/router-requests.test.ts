import type http from 'node:http';
import test from 'ava';
import {exchange, httpBackend, RawClient, rawBackend} from '../support/raw-http.ts';
import {Routed} from '../support/routed.ts';
import {until} from '../support/until.ts';

// What a router may change of a request and of its answer, and what it may not: byte by byte, for a host that is a name only and for one with
// a route of Caddy's.

let routed: Routed;
test.before(async (t) => {
  t.timeout(60_000);
  routed = await Routed.start();
});
test.after.always(() => routed?.[Symbol.asyncDispose]());

/** Answers with what it got: first line, then each header as it came. */
const mirror: http.RequestListener = (request, response) => {
  const lines = request.rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${request.rawHeaders[index + 1]}`] : []));
  response.end([`${request.method} ${request.url}`, ...lines, ''].join('\n'));
};

/** The lines that the app got. */
async function seen(host: string, first: string, headers: readonly string[] = []): Promise<readonly string[]> {
  const answer = await exchange(routed.port, `${first} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`);
  if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(answer);
  return (answer.split('\r\n\r\n')[1] ?? '').split('\n').map((line) => line.trimEnd());
}

const valueOf = (lines: readonly string[], name: string) => lines.filter((line) => line.toLowerCase().startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));

test.serial('path and query reach the app as they were written', async (t) => {
  await using app = await httpBackend(mirror);
  await routed.each(t, [app], async (host) => {
    for (const path of ['/', '/a%2Fb', '/a%20b/%E2%82%AC/%7e~', '//double//slash//', '/a/./b/../c', '/?', '/a?', '/?a=1&a=2&b', '/?a;b=c;d', '/?q=+%20%2B&&=&%', '/;p=1/x,y', '/x?u=http://a/?b#c'.replace('#', '%23'), `/${'l'.repeat(4000)}?${'q'.repeat(4000)}`]) {
      t.is((await seen(host, `GET ${path}`))[0], `GET ${path}`);
    }
    t.is((await seen(host, 'GET /a|b"<>^`?c|d'))[0], 'GET /a%7Cb%22%3C%3E%5E%60?c|d', 'what no path may have is escaped');
  });
});

test.serial('any method reaches the app, with the headers as they are, in their number and with the values untouched', async (t) => {
  await using app = await httpBackend(mirror);
  await routed.each(t, [app], async (host) => {
    for (const method of ['GET', 'DELETE', 'PATCH', 'PROPFIND', 'PURGE']) t.is((await seen(host, `${method} /m`))[0], `${method} /m`);
    const lines = await seen(host, 'GET /', ['Accept: a', 'X-Many: one', 'X-Many: two', 'Cookie: a=1; b="2"', 'X-Empty:', 'User-Agent: old/1.0', 'X-Spaces:   in  between  ', 'Authorization: Basic eDp5', `X-Long: ${'v'.repeat(8000)}`, 'Range: bytes=0-1', 'If-None-Match: "x"', 'X-Utf8: gr\xc3\xbc\xc3\x9fe']);
    t.deepEqual(valueOf(lines, 'x-many'), ['one', 'two']);
    t.deepEqual(valueOf(lines, 'cookie'), ['a=1; b="2"']);
    t.deepEqual(valueOf(lines, 'x-spaces'), ['in  between']);
    t.deepEqual(['accept', 'user-agent', 'authorization', 'range', 'if-none-match'].map((name) => valueOf(lines, name)[0]), ['a', 'old/1.0', 'Basic eDp5', 'bytes=0-1', '"x"']);
    t.is(valueOf(lines, 'x-long')[0]?.length, 8000);
    t.true(lines.some((line) => /^x-empty:$/i.test(line)));
    t.deepEqual([...valueOf(lines, 'accept-encoding'), ...valueOf(lines, 'content-length'), ...valueOf(lines, 'transfer-encoding')], [], 'nothing that the client did not ask for');
  });
});

test.serial('the host is found however it is written, and reaches the app as it was written', async (t) => {
  await using app = await httpBackend(mirror);
  await routed.each(t, [app], async (host) => {
    for (const written of [host, host.toUpperCase(), `${host}:80`, `${host}:12345`, `${host}.`, `${host}.:80`]) t.deepEqual(valueOf(await seen(written, 'GET /'), 'host'), [written]);
  });
});

test.serial('headers of one connection stay on it', async (t) => {
  await using app = await httpBackend(mirror);
  await routed.each(t, [app], async (host) => {
    const lines = await seen(host, 'GET /', ['Connection: X-Private, keep-alive', 'X-Private: 1', 'X-Public: 1', 'Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive', 'Proxy-Authorization: Basic eDp5', 'TE: gzip', 'Trailer: X-T', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__']);
    t.deepEqual(['x-private', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'te', 'upgrade'].flatMap((name) => valueOf(lines, name)), []);
    t.deepEqual(valueOf(lines, 'x-public'), ['1']);
    t.deepEqual(valueOf(await seen(host, 'GET /', ['TE: gzip, trailers']), 'te'), ['trailers']);
  });
  await using rude = await rawBackend((socket) => socket.end('HTTP/1.1 200 OK\r\nConnection: X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nX-Public: 1\r\nContent-Length: 2\r\n\r\nok'));
  await routed.each(t, [rude], async (host) => {
    const answer = await exchange(routed.port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    t.regex(answer, /\r\nX-Public: 1\r\n/);
    t.notRegex(answer, /X-Private|Keep-Alive|Proxy-Authenticate/i);
  });
});

test.serial('where a request came from is said by the router, whatever the client says', async (t) => {
  await using app = await httpBackend(mirror);
  await routed.each(t, [app], async (host) => {
    const lines = await seen(host, 'GET /', ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 7.7.7.7', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.test', 'x-forwarded-for: 8.8.8.8']);
    t.deepEqual(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'].map((name) => valueOf(lines, name)), [['127.0.0.1'], ['http'], [host]]);
    const ours = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'x-request-id', 'x-request-start'];
    const named = await seen(host, 'GET /', [`Connection: X-Private,${ours.join(',')}`, `Connection: ${ours.join(', ').toUpperCase()}`, 'X-Private: 1']);
    t.deepEqual([...ours, 'x-private'].map((name) => valueOf(named, name).length), [1, 1, 1, 1, 1, 1, 0], 'nor can it have them taken away');
  });
});

test.serial('each request has one id: the client\'s when it can be one, else a new one', async (t) => {
  await using app = await httpBackend(mirror);
  await routed.each(t, [app], async (host) => {
    const idOf = async (...headers: readonly string[]) => valueOf(await seen(host, 'GET /', headers), 'x-request-id');
    t.deepEqual(await idOf('X-Request-Id: 0123456789-abcdefghij_X'), ['0123456789-abcdefghij_X']);
    const ids = [await idOf(), await idOf(), await idOf('X-Request-Id: short'), await idOf('X-Request-Id: 0123456789abcdefghij with more'), await idOf('X-Request-Id: 0123456789abcdefghij', 'X-Request-Id: status=200 x')];
    for (const [id = '', ...more] of ids) {
      t.regex(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      t.deepEqual(more, []);
    }
    t.is(new Set(ids.flat()).size, ids.length);
  });
});

test.serial('headers of an answer come as the app sent them, many cookies and long values too', async (t) => {
  const cookies = Array.from({length: 60}, (_, index) => `c${index}=${'v'.repeat(100)}; Path=/; HttpOnly`);
  await using app = await httpBackend((_request, response) => {
    response.writeHead(203, 'Odd Reason', {'Content-Length': 4, 'Set-Cookie': cookies, 'X-Long': 'w'.repeat(20_000), 'Server': 'app/1', 'Date': 'Thu, 01 Jan 1970 00:00:00 GMT', 'Content-Type': 'x/y', 'Location': '/else?a=%2F', 'WWW-Authenticate': 'Basic realm="x"', 'X-Powered-By': 'y', 'Cache-Control': 'private'});
    response.end('body');
  });
  await routed.each(t, [app], async (host) => {
    const answer = await exchange(routed.port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const [head = '', body] = answer.split('\r\n\r\n');
    const lines = head.split('\r\n');
    t.regex(lines[0] ?? '', /^HTTP\/1\.1 203 /);
    t.deepEqual(valueOf(lines, 'set-cookie'), cookies);
    t.deepEqual(['server', 'date', 'content-type', 'location', 'www-authenticate', 'x-powered-by', 'cache-control'].map((name) => valueOf(lines, name)), [['app/1'], ['Thu, 01 Jan 1970 00:00:00 GMT'], ['x/y'], ['/else?a=%2F'], ['Basic realm="x"'], ['y'], ['private']]);
    t.is(valueOf(lines, 'x-long')[0]?.length, 20_000);
    t.is(body, 'body');
  });
});

test.serial('answers that have no body have none, and say what they said of it', async (t) => {
  await using app = await httpBackend((request, response) => {
    if (request.url === '/204') return response.writeHead(204).end();
    if (request.url === '/304') return response.writeHead(304, {ETag: '"e"', 'Cache-Control': 'max-age=9'}).end();
    response.writeHead(200, {'Content-Length': '1234', 'Content-Type': 'text/plain'});
    response.end(request.method === 'HEAD' ? undefined : 'x'.repeat(1234));
  });
  await routed.each(t, [app], async (host) => {
    const get = (path: string, method = 'GET') => exchange(routed.port, `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const head = await get('/', 'HEAD');
    t.regex(head, /^HTTP\/1\.1 200 [^]*\r\nContent-Length: 1234\r\n[^]*\r\n\r\n$/);
    t.regex(await get('/204'), /^HTTP\/1\.1 204 [^]*\r\n\r\n$/);
    t.notRegex(await get('/204'), /Content-Length|Transfer-Encoding|Content-Type/i);
    t.regex(await get('/304'), /^HTTP\/1\.1 304 [^]*\r\nEtag: "e"\r\n[^]*\r\n\r\n$/i);
  });
});

test.serial('a client of HTTP/1.0 gets an answer that ends with the connection, and no chunks', async (t) => {
  await using app = await httpBackend((_request, response) => {
    response.write('one');
    response.end('two');
  });
  await routed.each(t, [app], async (host) => {
    const answer = await exchange(routed.port, `GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
    t.regex(answer, /^HTTP\/1\.[01] 200 /);
    t.notRegex(answer, /Transfer-Encoding/i);
    t.true(answer.endsWith('\r\n\r\nonetwo'));
  });
});

test.serial('a connection is used again, from the client to the router and from there to the app; what is sent ahead is answered in its order', async (t) => {
  await using app = await httpBackend((request, response) => response.end(`<${request.url}>`));
  await routed.each(t, [app], async (host) => {
    const before = app.connections.length;
    await using client = await RawClient.connect(routed.port);
    for (let n = 0; n < 20; n += 1) await client.send(`GET /${n} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, `</${n}>`);
    t.is(app.connections.length - before, 1);
    await client.send(['a', 'b', 'c'].map((path) => `GET /${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).join(''), '</c>');
    t.deepEqual([...client.received.matchAll(/<\/([abc])>/g)].map(([, path]) => path), ['a', 'b', 'c']);
    t.false(client.isClosed);
  });
});

test.serial('what an app sends before its answer reaches the client: early hints', async (t) => {
  await using app = await httpBackend((_request, response) => {
    response.writeEarlyHints({link: '</style.css>; rel=preload'});
    response.end('done');
  });
  await routed.each(t, [app], async (host) => {
    const answer = await exchange(routed.port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    t.regex(answer, /^HTTP\/1\.1 103 Early Hints\r\n[^]*Link: <\/style\.css>; rel=preload\r\n[^]*HTTP\/1\.1 200 OK\r\n/i);
    t.is([...answer.matchAll(/rel=preload/g)].length, 1, 'they are not in the answer too');
  });
});

test.serial('a request that a replica took is sent to no other one, whatever becomes of it', async (t) => {
  await using closing = await rawBackend((socket) => socket.destroy());
  await using stopping = await rawBackend((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Le', () => socket.destroy()));
  for (const app of [closing, stopping]) {
    await routed.each(t, [app], async (host) => {
      for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
        const before = app.connections.length;
        const answer = await exchange(routed.port, `${method} / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
        t.regex(answer, /^HTTP\/1\.1 502 /, method);
        t.is(app.connections.length - before, 1, method);
      }
    });
  }
});

test.serial('an app that closes its connections after each answer, without a word, costs no request', async (t) => {
  await using app = await rawBackend((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  await routed.each(t, [app], async (host) => {
    await using client = await RawClient.connect(routed.port);
    for (let n = 1; n <= 30; n += 1) {
      client.socket.write(`GET /${n} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await until(`answer ${n}`, () => client.received.split('\r\n\r\nok').length > n);
    }
    t.deepEqual(new Set(client.received.match(/HTTP\/1\.1 \d+/g)), new Set(['HTTP/1.1 200']));
  });
});
