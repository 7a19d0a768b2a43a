import {request} from 'node:http';
import https from 'node:https';
import {readdir, rm, stat} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type {CertificateStatus} from '../../reconciler/node.ts';
import {caddyConfigOf, certificateOf, TrialAuthority} from '../support/certificates.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Certificates of the cluster's own authority and people's own, and the way from HTTP to HTTPS, by a real Caddy.

const ANSWER_MS_MAX = 20_000;

let node: TrialNode;
let cluster: string;
let authority: TrialAuthority;

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  cluster = await node.clone();
  authority = await TrialAuthority.make(node.home);
  await node.deployed('shop', 'quick');
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

function get(host: string, requestPath = '/', options: https.RequestOptions = {}): Promise<Answer> {
  const {promise, resolve, reject} = Promise.withResolvers<Answer>();
  const isSecure = options.servername !== undefined;
  const sent = (isSecure ? https.request : request)({host: '127.0.0.1', port: isSecure ? node.httpsPort : node.httpPort, path: requestPath, headers: {host}, agent: false, rejectUnauthorized: false, signal: AbortSignal.timeout(ANSWER_MS_MAX), ...options}, (response) => {
    response.resume();
    response.on('error', reject).on('end', () => resolve({status: response.statusCode, headers: response.headers}));
  });
  sent.on('error', reject).end();
  return promise;
}

async function routes(...all: readonly object[]): Promise<void> {
  await node.want(cluster, {'apps/shop/app.yaml': JSON.stringify({apiVersion: 'flynn/v1', kind: 'App', routes: all})});
}

async function issuerOf(host: string): Promise<string> {
  return String((await certificateOf(node.httpsPort, host)).issuer.CN);
}

async function certificates(): Promise<readonly CertificateStatus[]> {
  return JSON.parse((await node.flynn(['cert', '--json'])).stdout) as readonly CertificateStatus[];
}

test.serial('hosts get certificates of the cluster\'s own authority, whose root can be had, and others none', async (t) => {
  const root = (await node.flynn(['cert', 'trust', '--print'])).stdout;
  t.regex(await issuerOf('shop.flynn.localhost'), /^Caddy Local Authority/);
  const {stdout} = await node.flynn(['cert', 'trust', '--print']);
  t.true(stdout.startsWith('-----BEGIN CERTIFICATE-----'), root);
  await t.notThrowsAsync(get('shop.flynn.localhost', '/', {servername: 'shop.flynn.localhost', rejectUnauthorized: true, ca: stdout}));
  await t.throwsAsync(certificateOf(node.httpsPort, 'nobody.flynn.localhost'));
  t.is((await get('shop.flynn.localhost')).status, 200);
  const [found] = (await certificates()).filter(({host}) => host === 'shop.flynn.localhost');
  t.deepEqual(found, {host: 'shop.flynn.localhost', app: 'shop', source: 'internal', issuer: 'the cluster\'s own authority'} as never);
});

test.serial('a certificate of one\'s own is a commit with its key encrypted, and is served for its hosts only', async (t) => {
  await routes({host: 'shop.example.com'}, {host: 'a.example.com'}, {host: 'a.b.example.com'}, {host: 'shop.flynn.localhost'});
  await until('the internal authority certifies until then', async () => (await issuerOf('shop.example.com')).startsWith('Caddy Local'));
  const made = await authority.sign(['*.example.com', 'example.com']);
  const {exitCode, output} = await node.flynn(['cert', 'add', '--cert', made.certificateFile, '--key', made.keyFile]);
  t.is(exitCode, 0, output);
  t.regex(output, /^Committed "cluster: certificate for \*\.example\.com, example\.com" [0-9a-f]{8}\nfor \*\.example\.com, example\.com until \d{4}-\d\d-\d\d$/);
  await until('it is served', async () => await issuerOf('shop.example.com') === 'Trial Authority');
  // Until then the Caddy before still accepts connections.
  await node.settled();
  t.is(await issuerOf('a.example.com'), 'Trial Authority');
  t.regex(await issuerOf('a.b.example.com'), /^Caddy Local/);
  t.regex(await issuerOf('shop.flynn.localhost'), /^Caddy Local/);

  const file = await node.manifest('certificates/_.example.com.yaml') ?? '';
  t.true(file.includes('BEGIN AGE ENCRYPTED FILE') && !file.includes('PRIVATE KEY'));
  const folder = path.join(node.layout.caddy, 'certificates');
  for (const name of await readdir(folder)) t.is((await stat(path.join(folder, name))).mode & 0o777, 0o600, name);
  const word = made.key.split('\n')[1] ?? '';
  t.false((await caddyConfigOf(node)).includes(word));
  t.false((await node.plan()).text.includes(word));
});

test.serial('HTTP is redirected for hosts whose certificate browsers trust, path and query as they are, unless their app says otherwise', async (t) => {
  const moved = await until('it is redirected', async () => {
    const answer = await get('shop.example.com', '/a%20b//c?d=%7Be%7D');
    return answer.status === 308 && answer;
  });
  t.is(moved.headers['location'], `https://shop.example.com:${node.httpsPort}/a%20b//c?d=%7Be%7D`);
  t.is((await get(`shop.example.com:${node.httpPort}`)).headers['location'], `https://shop.example.com:${node.httpsPort}/`);
  t.is((await get('shop.example.com', '/', {servername: 'shop.example.com'})).status, 200);
  t.is((await get('shop.flynn.localhost')).status, 200);
  t.is((await get('nobody.example.com')).status, 404);

  await routes({host: 'shop.example.com', https: 'allow'}, {host: 'shop.flynn.localhost', https: 'redirect'});
  await until('both are as their app says', async () => (await get('shop.example.com')).status === 200 && (await get('shop.flynn.localhost')).status === 308);
  await node.settled();
  t.deepEqual((await certificates()).filter(({isRedirected}) => isRedirected).map(({host}) => host), ['shop.flynn.localhost']);
});

test.serial('a wildcard is redirected but for hosts below it whose app says otherwise', async (t) => {
  await routes({host: '*.example.com'}, {host: 'shop.example.com', https: 'allow'}, {host: 'shop.flynn.localhost'});
  await until('it is so', async () => (await get('other.example.com')).status === 308 && (await get('shop.example.com')).status === 200);
  await node.settled();
  t.is((await get('other.example.com')).headers['location'], `https://other.example.com:${node.httpsPort}/`);
  t.is((await get('other.example.com', '/', {servername: 'other.example.com'})).status, 200);
  t.not((await get('a.other.example.com')).status, 308);
  await routes({host: 'shop.example.com'}, {host: 'shop.flynn.localhost'});
  await until('both are as they were', async () => (await get('shop.example.com')).status === 308 && (await get('other.example.com')).status === 404);
});

test.serial('which hosts are redirected changes without a change of Caddy\'s configuration', async (t) => {
  await node.settled();
  const config = await caddyConfigOf(node);
  await routes({host: 'shop.example.com', https: 'allow'}, {host: 'shop.flynn.localhost', https: 'redirect'});
  await until('both are as their app says', async () => (await get('shop.example.com')).status === 200 && (await get('shop.flynn.localhost')).status === 308);
  await routes({host: 'shop.example.com'}, {host: 'shop.flynn.localhost'});
  await until('both are as they were', async () => (await get('shop.example.com')).status === 308 && (await get('shop.flynn.localhost')).status === 200);
  await node.settled();
  t.is(await caddyConfigOf(node), config);
  await rm(path.join(node.layout.caddy, 'redirects', 'shop.example.com'));
  await until('what was removed by hand is back', async () => (await get('shop.example.com')).status === 308);
});

test.serial('nothing below TLS 1.2 is spoken, and HTTP/2 is', async (t) => {
  await t.throwsAsync(certificateOf(node.httpsPort, 'shop.example.com', {minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0'}));
  t.is((await certificateOf(node.httpsPort, 'shop.example.com', {maxVersion: 'TLSv1.2'})).protocol, 'TLSv1.2');
  t.is((await certificateOf(node.httpsPort, 'shop.example.com', {ALPNProtocols: ['h2', 'http/1.1']})).alpn, 'h2');
});

test.serial('HSTS is sent over HTTPS by hosts that are redirected', async (t) => {
  const text = await node.manifest('cluster.yaml') ?? '';
  await node.want(cluster, {'cluster.yaml': `${text}\ntls: {hsts: {maxAgeSeconds: 300, includeSubdomains: true}}\n`});
  const secured = (host: string) => get(host, '/', {servername: host});
  await until('it is sent', async () => (await secured('shop.example.com')).headers['strict-transport-security'] === 'max-age=300; includeSubDomains');
  await node.settled();
  t.is((await secured('shop.flynn.localhost')).headers['strict-transport-security'], undefined);
  t.is((await get('shop.example.com')).headers['strict-transport-security'], undefined);
});

test.serial('a key that is another one\'s, a host that is not in it and a chain in disorder are refused', async (t) => {
  const [one, other] = [await authority.sign(['one.example.com']), await authority.sign(['other.example.com'])];
  const add = async (...args: readonly string[]) => (await node.flynn(['cert', 'add', ...args])).output;
  t.regex(await add('--cert', one.certificateFile, '--key', other.keyFile), /the key is not that of the certificate/);
  t.regex(await add('third.example.com', '--cert', one.certificateFile, '--key', one.keyFile), /not for "third\.example\.com", but for one\.example\.com/);
  await node.commit(cluster);
  await node.mustGit(cluster, 'pull', '--quiet', '--rebase');
  await node.commit(cluster, {'certificates/broken.yaml': 'apiVersion: flynn/v1\nkind: Certificate\ncertificate: |\n  -----BEGIN CERTIFICATE-----\n  AAAA\n  -----END CERTIFICATE-----\nkey: nothing\n'});
  const pushed = await node.git(cluster, 'push');
  t.not(pushed.exitCode, 0);
  t.regex(pushed.output, /certificates\/broken\.yaml:3:\d+: certificate is damaged/);
  await node.mustGit(cluster, 'reset', '--quiet', '--hard', 'HEAD~2');
});

test.serial('what is removed is served no more, and its files go', async (t) => {
  const {exitCode, output} = await node.flynn(['cert', 'remove', '_.example.com']);
  t.is(exitCode, 0, output);
  await until('the internal authority certifies again', async () => (await issuerOf('shop.example.com')).startsWith('Caddy Local'));
  await until('the files are gone', async () => (await readdir(path.join(node.layout.caddy, 'certificates'))).length === 0);
  await until('HTTP is answered again', async () => (await get('shop.example.com')).status === 200);
});
