import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {EXAMPLE_CHAIN} from '../../support/example-chain.ts';
import {documented} from './documented.ts';
import {FakeView} from './fake-view.ts';

const TOKEN = 'a-token';

async function subject(t: ExecutionContext) {
  const view = new FakeView();
  const recipient = await view.keyring.ensure();
  t.teardown(() => rmSync(view.keyring.folder, {recursive: true, force: true}));
  view.repo.files.set('cluster.yaml', `apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.localhost\nrecipients:\n  - ${recipient}\n`);
  const server = createServer({view, authenticate: createAuthenticate({token: TOKEN, operator: {name: 'operator', email: 'operator@flynn.localhost'}}), log: () => {}});
  t.teardown(() => server.close());
  documented(t, server);
  const ask = async (method: 'GET' | 'POST', url: string, payload?: object) => {
    const answer = await server.inject({method, url: `/v1${url}`, headers: {authorization: `Bearer ${TOKEN}`}, ...(payload && {payload})});
    return {status: answer.statusCode, body: answer.json<Record<string, unknown>>()};
  };
  return {view, ask};
}

/** Of a host, signed by itself; `days` from now. */
function made(t: ExecutionContext, host: string, days = 30) {
  const folder = mkdtempSync(path.join(tmpdir(), 'flynn-made-'));
  t.teardown(() => rmSync(folder, {recursive: true, force: true}));
  writeFileSync(path.join(folder, 'ext'), `[req]\ndistinguished_name=dn\n[dn]\n[v3]\nsubjectAltName=DNS:${host}\nbasicConstraints=CA:FALSE\n`);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', `${days}`, '-subj', `/CN=${host}`, '-config', 'ext', '-extensions', 'v3', '-keyout', 'key', '-out', 'pem'], {cwd: folder, stdio: 'ignore'});
  return {certificate: readFileSync(path.join(folder, 'pem'), 'utf8'), key: readFileSync(path.join(folder, 'key'), 'utf8')};
}

test('one of one\'s own is committed under the name of its host, its key sealed', async (t) => {
  const {view, ask} = await subject(t);
  const {certificate, key} = made(t, '*.example.com');
  const {status, body} = await ask('POST', '/certificates', {certificate, key});
  t.is(status, 200, JSON.stringify(body));
  t.like(body, {name: '_.example.com', hosts: ['*.example.com'], isNew: true, message: 'cluster: certificate for *.example.com'});
  const text = view.repo.files.get('certificates/_.example.com.yaml') ?? '';
  t.true(text.includes('BEGIN AGE ENCRYPTED FILE') && !text.includes('PRIVATE KEY'));
  t.is((await ask('POST', '/certificates/remove', {name: '*.example.com'})).status, 200);
  t.false(view.repo.files.has('certificates/_.example.com.yaml'));
});

test('what does not fit is refused, and nothing is committed', async (t) => {
  const {view, ask} = await subject(t);
  const {certificate, key} = made(t, 'shop.example.com');
  const refused = async (body: object) => {
    const answer = await ask('POST', '/certificates', body);
    return `${answer.status} ${String(answer.body['detail'])}`;
  };
  t.regex(await refused({certificate: EXAMPLE_CHAIN, key}), /^400 the key is not that of the certificate/);
  t.regex(await refused({certificate, key, host: 'blog.example.com'}), /^400 the certificate is not for "blog\.example\.com", but for shop\.example\.com/);
  t.regex(await refused({certificate: 'hello', key}), /^400 the certificate is none/);
  t.regex(await refused({certificate}), /^400 the body has to be a JSON object with "key"/);
  t.deepEqual(view.repo.commits, []);
});

test('without recipients there is nobody to seal a key to', async (t) => {
  const {view, ask} = await subject(t);
  view.repo.files.set('cluster.yaml', 'apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.localhost\n');
  t.is((await ask('POST', '/certificates', made(t, 'shop.example.com'))).status, 409);
  t.is((await ask('POST', '/acme', {eabKeyId: 'kid-1', eabKey: 'mac'})).status, 409);
});

test('an authority is told without its key', async (t) => {
  const {view, ask} = await subject(t);
  t.deepEqual((await ask('GET', '/acme')).body, {});
  t.is((await ask('POST', '/acme', {email: 'ops@example.com', eabKeyId: 'kid-1', eabKey: 'a-secret-mac-key'})).status, 200);
  t.false((view.repo.files.get('cluster.yaml') ?? '').includes('a-secret-mac-key'));
  t.deepEqual((await ask('GET', '/acme')).body, {acme: {directory: 'https://acme-v02.api.letsencrypt.org/directory', email: 'ops@example.com', eabKeyId: 'kid-1', hasCa: false}});
  t.is((await ask('POST', '/acme', {eabKeyId: 'kid-1'})).status, 400);
  t.is((await ask('POST', '/acme/remove', {})).status, 200);
  t.deepEqual((await ask('GET', '/acme')).body, {});
});

test('only an order that has failed is made again', async (t) => {
  const {view, ask} = await subject(t);
  view.certificates.statuses = [{host: 'shop.example.com', source: 'acme', problem: 'the last order failed'}];
  t.is((await ask('POST', '/certificates/retry', {host: 'blog.example.com'})).status, 409);
  t.is((await ask('POST', '/certificates/retry', {host: 'shop.example.com'})).status, 200);
  t.deepEqual(view.certificates.retried, ['shop.example.com']);
});

test('the root of the internal authority is there once it has certified something', async (t) => {
  const {view, ask} = await subject(t);
  t.is((await ask('GET', '/certificates/root')).status, 404);
  view.certificates.rootPem = EXAMPLE_CHAIN;
  t.deepEqual((await ask('GET', '/certificates/root')).body, {pem: EXAMPLE_CHAIN});
});
