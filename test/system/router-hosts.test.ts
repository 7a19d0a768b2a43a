import {once} from 'node:events';
import net from 'node:net';
import {setTimeout as letGo} from 'node:timers/promises';
import test from 'ava';
import {loadRoutes, publishNames} from '../../reconciler/apply/router.ts';
import {RouterObserver} from '../../reconciler/observed/router.ts';
import type {Target} from '../../reconciler/observed/state.ts';
import type {StructuredHost, StructuredPath} from '../../reconciler/observed/structure.ts';
import {shared} from '../../reconciler/plan/shares.ts';
import {hostName, serviceName} from '../../reconciler/router/names.ts';
import {ROUTER_LETS_GO_MS} from '../../reconciler/router/times.ts';
import {ask, openEcho, startLoad} from '../support/trial-client.ts';
import {lateness, startBackend} from '../support/trial-backend.ts';
import {until} from '../support/trial-router.ts';
import {setStage} from '../support/trial-stage.ts';

const SIGNAL = new AbortController().signal;
// One router for all, so one test after the other; each uses hosts of its own.
const stage = await setStage();
const {router, one, two} = stage;
test.after.always(() => stage.close());

const ONE = serviceName('one', 'p');
const TWO = serviceName('two', 'p');

async function serve(hosts: readonly StructuredHost[], plain: Readonly<Record<string, readonly Target[]>> = {}): Promise<void> {
  await publishNames(new Map([[ONE, [one]], [TWO, [two]], ...Object.entries(plain).map(([host, targets]) => [hostName(host), targets] as const)]), router, SIGNAL);
  await loadRoutes({hosts}, router, SIGNAL);
}

/** `one /path`, or the status of an answer that is no backend's. */
async function get(host: string, path = '/', headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<string> {
  const {status, body} = await ask({port: router.settings.httpPort, host, path, method, headers});
  return status === 200 ? body : String(status);
}

/** As it is sent, without a client that puts it right. */
async function raw(head: string): Promise<string> {
  const socket = net.connect(router.settings.httpPort, '127.0.0.1');
  // Half-closed, it would be a client that has gone.
  socket.write(`${head}\r\nConnection: close\r\n\r\n`);
  let answer = '';
  socket.on('data', (chunk: Buffer) => { answer += String(chunk); });
  await once(socket, 'close');
  return answer;
}

test.serial('a wildcard without options is a name: for any number of labels, but not for the host that it is called after', async (t) => {
  await serve([], {'*.wild.test': [one], 'exact.wild.test': [two], '*.deep.wild.test': [two], 'deep.wild.test': [one]});
  const hosts = ['a.wild.test', 'A.WILD.test', 'a.wild.test.', 'a.b.c.d.e.wild.test', 'below.exact.wild.test', 'exact.wild.test', 'x.deep.wild.test', 'deep.wild.test', 'wild.test', 'xwild.test'];
  t.deepEqual(await Promise.all(hosts.map(async (host) => `${host} ${await get(host)}`)), [
    'a.wild.test one /', 'A.WILD.test one /', 'a.wild.test. one /', 'a.b.c.d.e.wild.test one /', 'below.exact.wild.test one /', 'exact.wild.test two /', 'x.deep.wild.test two /',
    'deep.wild.test one /', 'wild.test 404', 'xwild.test 404',
  ]);
});

test.serial('a catch-all gets what no other route has, and gives it back', async (t) => {
  await serve([], {'*': [one], 'exact.test': [two]});
  t.deepEqual(await Promise.all(['anything.test', '127.0.0.1', 'exact.test'].map((host) => get(host))), ['one /', 'one /', 'two /']);
  await serve([], {'exact.test': [two]});
  await until('nobody has it any more', async () => (await get('anything.test')) === '404');
});

test.serial('a wildcard goes from replica to replica without a failed request, and survives a restart of unbound', async (t) => {
  for (const targets of [[one], [one, two], [two]]) {
    await serve([], {'*.moves.test': targets});
    t.regex(await get('a.moves.test'), /^(one|two) \/$/);
  }
  await router.kill('dns');
  await until('unbound is back', async () => (await router.unbound.listRecords(SIGNAL)).length > 0);
  t.is(await get('b.moves.test'), 'two /');
  const seen = await new RouterObserver(router).observe(Date.now(), {current: 1, leaving: []}, SIGNAL);
  t.deepEqual(seen.state === 'ready' && [...seen.names.keys()].filter((name) => name.startsWith('_http')), [hostName('*.moves.test')]);
});

test.serial('among hosts with options the exact one counts, then the wildcard with more labels; names below a wildcard are left alone', async (t) => {
  const paths: readonly StructuredPath[] = [{path: '/x', name: TWO}, {path: '/', name: ONE}];
  await serve([
    {host: 'a.opt.test', paths: [{path: '/x', name: ONE}]},
    {host: '*.b.opt.test', paths: [{path: '/', name: TWO}]},
    {host: '*.opt.test', except: ['plain.opt.test'], paths},
    {host: '*', except: ['other.test', 'plain.opt.test'], paths: [{path: '/any', name: ONE}]},
  ], {'plain.opt.test': [two], 'other.test': [two]});
  const asked = ['a.opt.test/x', 'a.opt.test/', 'z.b.opt.test/', 'b.opt.test/', 'y.opt.test/x/y', 'Y.OPT.TEST:80/', 'q.r.opt.test/', 'PLAIN.opt.test/x', 'plain.opt.test./x', 'opt.test/any', 'opt.test/', 'other.test/any'];
  t.deepEqual(await Promise.all(asked.map((url) => get(url.replace(/\/.*/, ''), url.replace(/^[^/]*/, '')))), [
    'one /x', '404', 'two /', 'one /', 'two /x/y', 'one /', 'one /', 'two /x', 'two /x', 'one /any', '404', 'two /any',
  ]);
});

test.serial('among many hosts each one is found however it is written, and keeps its own paths and options', async (t) => {
  // So many that the tree has two levels; every second host has no path for everything, and every hundredth has a way of its own.
  const many = Array.from({length: 1300}, (_, index): StructuredHost => ({
    host: `h${index}.many.test`,
    paths: [{path: '/x', name: TWO, ...(index % 100 === 7 && {options: {response: {set: {'X-Own': String(index)}}}})}, ...(index % 2 === 0 ? [{path: '/', name: ONE}] : [])],
  }));
  await serve([...many.toSorted((a, b) => (a.host < b.host ? -1 : 1)), {host: '*.many.test', paths: [{path: '/any', name: ONE}]}], {'name.test': [two]});
  const asked = ['h0.many.test/y', 'H1298.many.test/', 'h7.many.test./x', 'h7.MANY.test.:80/x/z', 'h1299.many.test/', 'H1299.Many.test/any', 'h1299.many.test./any', 'h1300.many.test/any', 'H1300.many.test./any', 'h1300.many.test/', 'NAME.test/', 'name.test./', 'NOBODY.test./'];
  t.deepEqual(await Promise.all(asked.map((url) => get(url.replace(/\/.*/, ''), url.replace(/^[^/]*/, '')))), [
    'one /y', 'one /', 'two /x', 'two /x/z', '404', '404', '404', 'one /any', 'one /any', '404', 'two /', 'two /', '404',
  ]);
  const own = await Promise.all([7, 107, 1207, 8].map(async (index) => (await ask({port: router.settings.httpPort, host: `h${index}.many.test`, path: '/x'})).headers['x-own']));
  t.deepEqual(own, ['7', '107', '1207', undefined]);
  await serve([]);
});

test.serial('paths are compared whatever their case and escapes, and come to the app byte for byte', async (t) => {
  await serve([{host: 'bytes.test', paths: [{path: '/caf%C3%A9', name: TWO}, {path: '/api', name: TWO}, {path: '/', name: ONE}]}]);
  for (const [path, backend] of [
    ['/api//a%2Fb/../c?x=%20&y;z', 'two'], ['/API/x', 'two'], ['/%61pi/x', 'two'], ['//api/x', 'two'], ['/y/../api', 'two'], ['/apis', 'one'], ['/api%2Fx', 'two'], ['/caf%c3%a9/%41', 'two'], ['/CAF%C3%A9', 'two'],
    ['/x//y', 'one'], ['/%7Ex/?', 'one'],
  ]) t.is((await raw(`GET ${path} HTTP/1.1\r\nHost: bytes.test`)).split('\r\n\r\n')[1], `${backend} ${path}`);
});

test.serial('a prefix is taken away, and what follows it comes byte for byte', async (t) => {
  await serve([{host: 'strip.test', paths: [{path: '/api/v1', name: TWO, stripPrefix: true}, {path: '/', name: ONE}]}]);
  for (const [path, comes] of [
    ['/api/v1', 'two /'], ['/api/v1/', 'two /'], ['/api/v1?q=1', 'two /?q=1'], ['/api/v1//a%2Fb/./c', 'two //a%2Fb/./c'], ['/API/%761/x', 'two /x'], ['//api//v1/api/v1/x', 'two /api/v1/x'], ['/api/v10', 'one /api/v10'],
  ]) t.is((await raw(`GET ${path} HTTP/1.1\r\nHost: strip.test`)).split('\r\n\r\n')[1], comes, path);
  const {body} = await ask({port: router.settings.httpPort, host: 'strip.test', path: '/api/v1/headers', headers: {'X-Forwarded-Prefix': '/evil'}});
  t.is((JSON.parse(body) as Record<string, string>)['x-forwarded-prefix'], '/api/v1');
});

test.serial('conditions have to be true all of them, exactly', async (t) => {
  await serve([{host: 'when.test', paths: [
    {path: '/', when: [{kind: 'header', name: 'x-beta', value: '1.0'}, {kind: 'cookie', name: 'beta', value: 'yes'}], name: TWO},
    {path: '/any', when: [{kind: 'header', name: 'x-there', value: '*'}, {kind: 'method', values: ['GET', 'PUT']}], name: TWO},
    {path: '/any', when: [{kind: 'query', name: 'v', value: '2'}, {kind: 'query', name: 'w', value: '*'}], name: TWO},
    {path: '/any', when: [{kind: 'cookie', name: 'there', value: '*'}], name: TWO},
    {path: '/any', name: ONE},
    {path: '/', name: ONE},
  ].toSorted((a, b) => b.path.length - a.path.length) as StructuredPath[]}]);
  const asked: readonly [Record<string, string>, string, string?][] = [
    [{'X-Beta': '1.0', Cookie: 'a=b; beta=yes'}, '/'], [{'X-Beta': '1.0'}, '/'], [{'X-Beta': '1x0', Cookie: 'beta=yes'}, '/'], [{'X-Beta': '1.0', Cookie: 'beta=yess'}, '/'], [{'X-Beta': '1.0', Cookie: 'xbeta=yes'}, '/'],
    [{'X-There': ''}, '/any'], [{'X-There': 'x'}, '/any', 'POST'], [{}, '/any?v=2&w='], [{}, '/any?v=2'], [{}, '/any?v=1&v=2&w=1'], [{Cookie: 'there=x'}, '/any'], [{}, '/any'],
  ];
  const answers = await Promise.all(asked.map(async ([headers, path, method]) => (await get('when.test', path, headers, method)).slice(0, 3)));
  t.deepEqual(answers, ['two', 'one', 'one', 'one', 'one', 'two', 'one', 'two', 'one', 'one', 'two', 'one']);
});

test.serial('redirects answer by themselves, keep path and query, and never lead to a host that the client chose', async (t) => {
  await serve([{host: 'go.test', paths: [
    {path: '/old', redirect: {to: '/new', status: 308, keepPath: true}},
    {path: '/fix', redirect: {to: 'https://shop.test/page', status: 301, keepPath: false}},
    {path: '/', redirect: {to: 'https://www.go.test', status: 302, keepPath: true}},
  ]}]);
  for (const [path, status, location] of [
    ['/', 302, 'https://www.go.test/'], ['/a/b?c=d%20e&f', 302, 'https://www.go.test/a/b?c=d%20e&f'], ['//evil.test/x', 302, 'https://www.go.test//evil.test/x'], ['/{env.HOME}{http.request.host}', 302, 'https://www.go.test/%7Benv.HOME%7D%7Bhttp.request.host%7D'],
    ['/old', 308, '/new/'], ['/old/x?y', 308, '/new/x?y'], ['/old//evil.test', 308, '/new//evil.test'], ['/older', 302, 'https://www.go.test/older'], ['/fix/x?y', 301, 'https://shop.test/page'],
  ] as const) {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: go.test`);
    t.deepEqual([/^HTTP\/1.1 (\d+)/.exec(answer)?.[1], /^Location: (.*)\r$/m.exec(answer)?.[1]], [String(status), location], path);
  }
});

test.serial('weights are kept over a thousand requests, and change without a change of the configuration', async (t) => {
  const name = serviceName('split', 'p');
  const share = async (weights: readonly [number, number]) => {
    const targets = shared([{weight: weights[0], targets: [one]}, {weight: weights[1], targets: [two]}]);
    await publishNames(new Map([[name, targets], [hostName('plainsplit.test'), targets]]), router, SIGNAL);
  };
  await loadRoutes({hosts: [{host: 'split.test', paths: [{path: '/x', name}]}]}, router, SIGNAL);
  await share([90, 10]);
  const config = await router.caddy.config(SIGNAL);
  for (const [host, path] of [['split.test', '/x'], ['plainsplit.test', '/']] as const) {
    const answers: string[] = [];
    for (let batch = 0; batch < 50; batch += 1) answers.push(...await Promise.all(Array.from({length: 20}, () => get(host, path))));
    const part = answers.filter((answer) => answer.startsWith('two')).length;
    t.log(`${host}: ${part} of 1,000`);
    // Six standard deviations of a fair dealer: once in half a billion runs.
    t.true(Math.abs(part - 100) < 57, `${part} of 1,000`);
    t.is(answers.filter((answer) => !/^(one|two) /.test(answer)).length, 0);
  }
  await share([0, 1]);
  await until('all go to the other one', async () => (await Promise.all(Array.from({length: 10}, () => get('split.test', '/x')))).every((answer) => answer.startsWith('two')));
  t.deepEqual(await router.caddy.config(SIGNAL), config);
});

test.serial('behind a path as behind a whole host: what leaves gets nothing more in time, and no request fails while replicas come and go', async (t) => {
  const name = serviceName('web', 'drain');
  const publish = (targets: readonly Target[]) => publishNames(new Map([[name, targets]]), router, SIGNAL);
  await publish([one, two]);
  await loadRoutes({hosts: [{host: 'drain.test', paths: [{path: '/x', name, stripPrefix: true}]}]}, router, SIGNAL);
  const load = startLoad('drain.test', router.settings.httpPort, '/x/y');
  const before = two.requestsAtMs.length;
  await until('both are used', async () => two.requestsAtMs.length > before + 10);
  await publish([one]);
  const leftMs = performance.now();
  using late = lateness();
  await until('twice the time has passed', async () => performance.now() > leftMs + 2 * ROUTER_LETS_GO_MS);
  t.true((two.requestsAtMs.at(-1) ?? 0) - leftMs - late.mostMs() < ROUTER_LETS_GO_MS);
  const websocket = await openEcho('drain.test', router.settings.httpPort, '/x/echo');
  for (const targets of [[two], [one, two], [one], [one, two]]) await publish(targets);
  t.is(await websocket.echo('still here'), 'still here');
  websocket.close();
  t.deepEqual((await load.stop()).failed, []);
});

test.serial('behind a path, too: a crashed replica costs no request, none is held until there is one, and told to come again', async (t) => {
  const name = serviceName('web', 'crash');
  const crashed = await startBackend('crashed');
  await publishNames(new Map([[name, [one, crashed]]]), router, SIGNAL);
  await loadRoutes({hosts: [{host: 'crash.test', paths: [{path: '/x', name}]}]}, router, SIGNAL);
  await crashed.close();
  t.deepEqual(new Set(await Promise.all(Array.from({length: 60}, () => get('crash.test', '/x')))), new Set(['one /x']));
  await publishNames(new Map([[name, []]]), router, SIGNAL);
  // Until then Caddy may go by the answer that it had.
  await letGo(ROUTER_LETS_GO_MS);
  const [answer] = await Promise.all([
    ask({port: router.settings.httpPort, host: 'crash.test', path: '/x'}),
    until('the request is held', async () => (await router.caddy.requestsInFlight(SIGNAL)).size > 0),
  ]);
  t.deepEqual([answer.status, answer.headers['retry-after']], [503, '1']);
  const held = get('crash.test', '/x');
  await publishNames(new Map([[name, [two]]]), router, SIGNAL);
  t.is(await held, 'two /x');
});
