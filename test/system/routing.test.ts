import test from 'ava';
import {startLoad} from '../support/load.ts';
import {ask} from '../support/trial-client.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Routes by manifests on a whole node: what was written in app.yaml is what a client gets.

let node: TrialNode;
let folder: string;
let clone: string;

const server = (version: string) => `const {createServer} = require('node:http');
createServer((request, response) => response.end(\`\${process.argv[2]} ${version} \${request.url}\`)).listen(process.env.PORT);
process.on('SIGTERM', () => process.exit(0));
`;
const MANIFEST = `apiVersion: flynn/v1
kind: App
services:
  web: {replicas: 2}
  api: {port: 8080, replicas: 1}
  next: {port: 8080, replicas: 1}
routes:
  - host: shop.test
  - {host: shop.test, path: /api, service: api, stripPrefix: true}
  - {host: shop.test, when: {cookie: {beta: yes}}, service: next}
  - {host: www.shop.test, redirect: {to: "https://shop.test", status: 301}}
  - {host: "*.shop.test", services: {web: 1, next: 0}}
  - {host: "*", service: next}
`;
const RIVAL = `apiVersion: flynn/v1
kind: App
services: {web: {command: node server.js web}}
routes: [{host: early.test}, {host: shop.test}]
`;

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  folder = await node.app('shop', 'node-hello', {'server.js': server('one'), 'Procfile': 'web: node server.js web\napi: node server.js api\nnext: node server.js next\n'});
  clone = await node.clone();
  await node.want(clone, {'apps/shop/app.yaml': MANIFEST});
  await node.mustGit(folder, 'push', 'flynn', 'main');
});
test.after.always(async (t) => {
  t.timeout(120_000);
  await node[Symbol.asyncDispose]();
});

/** The body, or the status of an answer that is not of the app. */
async function get(host: string, path = '/', headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const {status, body, headers: answered} = await ask({port: node.httpPort, host, path, headers});
  return status === 200 ? body : `${status} ${answered.location ?? ''}`.trim();
}

test.serial('each request goes where the manifest says', async (t) => {
  t.timeout(120_000);
  await until('the last push is served', async () => (await get('shop.test')) === 'web one /' && (await get('anything.test')) === 'next one /');
  // Until then the Caddy before still accepts connections.
  await node.settled();
  t.deepEqual(await Promise.all([
    get('shop.test', '/x//y'), get('shop.test', '/api/orders?a=b'), get('shop.test', '/', {Cookie: 'beta=yes'}), get('shop.test', '/api', {Cookie: 'beta=yes'}),
    get('www.shop.test', '/x?y'), get('a.b.shop.test', '/z'), get('shop.flynn.localhost'),
  ]), ['web one /x//y', 'api one /orders?a=b', 'next one /', 'api one /', '301 https://shop.test/x?y', 'web one /z', 'next one /']);
});

test.serial('weights change by a commit, without a deploy', async (t) => {
  t.timeout(120_000);
  const before = (await node.running('shop')).map(({id}) => id).toSorted();
  await node.want(clone, {'apps/shop/app.yaml': MANIFEST.replace('{web: 1, next: 0}', '{web: 0, next: 1}')});
  await until('the other one answers', async () => (await get('a.shop.test')) === 'next one /');
  t.deepEqual((await node.running('shop')).map(({id}) => id).toSorted(), before);
});

test.serial('a deploy behind hosts with paths and conditions costs no request', async (t) => {
  t.timeout(120_000);
  await using whole = startLoad({port: node.httpPort, host: 'shop.test', path: '/'}, 3);
  await using below = startLoad({port: node.httpPort, host: 'shop.test', path: '/api/x'}, 3);
  await node.commit(folder, {'server.js': server('two')});
  await node.mustGit(folder, 'push', 'flynn', 'main');
  await until('all old copies have gone', () => node.isSettled());
  for (const {failures, bodies, answered} of [await whole.stop(), await below.stop()]) {
    t.deepEqual(failures, []);
    t.is(bodies.size, 2);
    t.log(`${answered} requests`);
  }
});

test.serial('in maintenance its paths answer 503, and its redirects go on', async (t) => {
  t.timeout(120_000);
  await node.want(clone, {'apps/shop/app.yaml': `${MANIFEST}maintenance: true\n`});
  await until('the page is there', async () => (await get('shop.test', '/api/x')) === '503');
  t.is(await get('www.shop.test'), '301 https://shop.test/');
  await node.want(clone, {'apps/shop/app.yaml': MANIFEST});
  await until('the app is back', async () => (await get('shop.test', '/api/x')) === 'api two /x');
});

test.serial('who claims a route of another app is refused with both files, and by force stalls alone', async (t) => {
  t.timeout(120_000);
  // Whose name comes first by the alphabet is not who was there first.
  const early = await node.app('early', 'node-hello', {'server.js': server('early'), 'Procfile': 'web: node server.js web\n'});
  await node.mustGit(early, 'push', 'flynn', 'main');
  await node.mustGit(clone, 'pull', '--quiet', '--rebase');
  await node.commit(clone, {'apps/early/app.yaml': RIVAL});
  const {exitCode, output} = await node.git(clone, 'push');
  t.is(exitCode, 1);
  t.regex(output, /apps\/early\/app\.yaml:4:37: route "shop\.test\/" of apps\/early\/app\.yaml belongs to the app "shop" already \(apps\/shop\/app\.yaml\)/);
  await node.mustGit(clone, 'push', '--quiet', '-o', 'flynn.force');
  const isStalled = async () => {
    const {conditions} = await node.status('early');
    return conditions.some(({type, status, message}) => type === 'Stalled' && status && message.includes('apps/early/app.yaml:4:37: route "shop.test/"'));
  };
  await until('the newer one is stalled', isStalled);
  await node.kill('SIGKILL');
  await node.up();
  await until('it is so after a restart', isStalled);
  await until('the older one is ready', async () => (await node.status('shop')).conditions.some(({type, status}) => type === 'Ready' && status));
  // What the newer one asked for beside it is not done either: it has what it had.
  t.deepEqual((await Promise.all([get('shop.test'), get('early.flynn.localhost'), get('early.test')])).map((body) => body.replace(/(one|two) /, '')), ['web /', 'web early /', 'next /']);
});
