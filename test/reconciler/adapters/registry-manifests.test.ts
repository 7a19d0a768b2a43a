import {once} from 'node:events';
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import {hasManifest, RegistryRefused, removeManifest} from '../../../reconciler/adapters/registry-manifests.ts';

const DIGEST = `sha256:${'d'.repeat(64)}`;
const AUTH = {username: 'ada', password: 'secret'};
const BASIC = `Basic ${Buffer.from('ada:secret').toString('base64')}`;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A registry on 127.0.0.1, to which nobody talks with TLS. `asked`: `DELETE /v2/…`, with who asks. */
async function registry(t: ExecutionContext, answer: Answer): Promise<{repository: string; asked: string[]}> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push([request.method, request.url, ...(request.headers.authorization === undefined ? [] : [`as ${request.headers.authorization}`])].join(' '));
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return {repository: `127.0.0.1:${(server.address() as AddressInfo).port}/team/shop`, asked};
}

const signal = () => AbortSignal.timeout(20_000);

test('a manifest is removed by its digest', async (t) => {
  const {repository, asked} = await registry(t, (_, response) => response.writeHead(202).end());
  await removeManifest({repository, reference: DIGEST, auth: AUTH}, signal());
  t.deepEqual(asked, [`DELETE /v2/team/shop/manifests/${DIGEST}`], 'nobody asked for the password');
});

test('of a tag, the digest is asked for first', async (t) => {
  const {repository, asked} = await registry(t, ({method}, response) => response.writeHead(method === 'HEAD' ? 200 : 202, method === 'HEAD' ? {'docker-content-digest': DIGEST} : {}).end());
  await removeManifest({repository, reference: '1a2b3c4d5e6f'}, signal());
  t.deepEqual(asked, ['HEAD /v2/team/shop/manifests/1a2b3c4d5e6f', `DELETE /v2/team/shop/manifests/${DIGEST}`]);
});

test('what is not there needs no removal', async (t) => {
  const {repository} = await registry(t, (_, response) => response.writeHead(404).end());
  await t.notThrowsAsync(removeManifest({repository, reference: DIGEST}, signal()));
  await t.notThrowsAsync(removeManifest({repository, reference: '1a2b3c4d5e6f'}, signal()));
});

test('whether a manifest is there is asked without fetching it; an answer that is none is no answer', async (t) => {
  const {repository, asked} = await registry(t, ({url}, response) => response.writeHead(url?.endsWith(DIGEST) === true ? 200 : url?.endsWith('ill') === true ? 500 : 404).end());
  t.true(await hasManifest({repository, reference: DIGEST}, signal()));
  t.false(await hasManifest({repository, reference: 'gone'}, signal()));
  await t.throwsAsync(hasManifest({repository, reference: 'ill'}, signal()), {instanceOf: RegistryRefused});
  t.true(asked.every((line) => line.startsWith('HEAD /v2/team/shop/manifests/')));
});

test('the password is told when it is asked for', async (t) => {
  const {repository, asked} = await registry(t, ({headers}, response) => {
    if (headers.authorization === BASIC) return void response.writeHead(202).end();
    response.writeHead(401, {'www-authenticate': 'Basic realm="test"'}).end();
  });
  await removeManifest({repository, reference: DIGEST, auth: AUTH}, signal());
  t.deepEqual(asked, [`DELETE /v2/team/shop/manifests/${DIGEST}`, `DELETE /v2/team/shop/manifests/${DIGEST} as ${BASIC}`]);
});

test('or for a token, where the registry wants one', async (t) => {
  const {repository, asked} = await registry(t, ({url, headers}, response) => {
    if (url?.startsWith('/token?') === true) return void response.end('{"token":"abc"}');
    if (headers.authorization === 'Bearer abc') return void response.writeHead(202).end();
    response.writeHead(401, {'www-authenticate': `Bearer realm="http://${headers.host}/token",service="test",scope="repository:team/shop:pull"`}).end();
  });
  await removeManifest({repository, reference: DIGEST, auth: AUTH}, signal());
  t.deepEqual(asked.slice(1), [`GET /token?service=test&scope=repository%3Ateam%2Fshop%3Apull%2Cdelete as ${BASIC}`, `DELETE /v2/team/shop/manifests/${DIGEST} as Bearer abc`]);
});

test('the password goes nowhere without TLS', async (t) => {
  const {repository, asked} = await registry(t, (_, response) => response.writeHead(401, {'www-authenticate': 'Bearer realm="http://auth.test/token"'}).end());
  await t.throwsAsync(removeManifest({repository, reference: DIGEST, auth: AUTH}, signal()), {instanceOf: RegistryRefused, message: 'it wants the password to be sent elsewhere, without TLS'});
  t.is(asked.length, 1);
});

const refusals = test.macro<[{status: number; body?: string; message: string; isFinal: boolean}]>(async (t, {status, body, message, isFinal}) => {
  const {repository} = await registry(t, (_, response) => response.writeHead(status).end(body));
  const error = await t.throwsAsync<RegistryRefused>(removeManifest({repository, reference: DIGEST}, signal()), {instanceOf: RegistryRefused});
  t.like(error, {message, isFinal});
});

test('a registry that removes nothing says so', refusals, {status: 405, body: '{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}', message: 'it does not let images be removed (405 UNSUPPORTED)', isFinal: true});
test('one that does not know us says so', refusals, {status: 401, message: 'it does not let us (401)', isFinal: true});
test('one that is ill is asked again', refusals, {status: 503, body: '<html>', message: 'it does not do it (503)', isFinal: false});

test('one that does not answer is asked again', async (t) => {
  const error = await t.throwsAsync<RegistryRefused>(removeManifest({repository: '127.0.0.1:1/team/shop', reference: DIGEST}, signal()), {instanceOf: RegistryRefused});
  t.false(error?.isFinal);
  t.regex(error?.message ?? '', /ECONNREFUSED/);
});
