import {connect} from 'node:net';
import {once} from 'node:events';
import test from 'ava';
import type {AppRoutes} from '../../reconciler/api/route-answers.ts';
import {ask} from '../support/load.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Routes by commands: each is a commit, and what it prints is so when it ends.

let node: TrialNode;
let folder: string;

const SERVER = `const {createServer} = require('node:http');
createServer((_, response) => response.end(process.argv[2])).listen(process.env.PORT);
process.on('SIGTERM', () => process.exit(0));
`;
/** Comments, and an order of its own. */
const MANIFEST = `apiVersion: flynn/v1
kind: App

# who answers what
services:
  api: {port: 8080, replicas: 1} # for phones
  web: {replicas: 1}
`;

test.before(async (t) => {
  t.timeout(240_000);
  node = await TrialNode.start();
  folder = await node.app('shop', 'node-hello', {'server.js': SERVER, 'Procfile': 'web: node server.js web\napi: node server.js api\n'});
  await node.want(await node.clone(), {'apps/shop/app.yaml': MANIFEST});
  await node.mustGit(folder, 'push', 'flynn', 'main');
});
test.after.always(async (t) => {
  t.timeout(240_000);
  await node[Symbol.asyncDispose]();
});

/** Rejects with what it printed when its status is not 0. */
async function flynn(...args: readonly string[]): Promise<string> {
  const {exitCode, output} = await node.flynn(args, {cwd: folder});
  if (exitCode !== 0) throw new Error(`flynn ${args.join(' ')}: ${output}`);
  return output;
}

async function answer(host: string, path = '/'): Promise<string> {
  return (await ask({port: node.httpPort, host, path})).body;
}

test.serial('a route that is added serves when the command ends, and the host of the app goes on', async (t) => {
  t.timeout(120_000);
  t.regex(await flynn('route', 'add', 'http', 'shop.test/api', '-s', 'api'), /^Committed "shop: route add shop\.test\/api → api" [0-9a-f]{8}\n(.*\n)*Adding http:shop\.test\/api on ⬢ shop\.\.\. done$/);
  t.is(await answer('shop.test', '/api/x'), 'api');
  t.is(await answer('shop.flynn.localhost'), 'web');
  t.is(await node.manifest('apps/shop/app.yaml'), `${MANIFEST.trimEnd()}\nroutes:\n  - host: shop.flynn.localhost\n  - host: shop.test\n    path: /api\n    service: api`);
});

test.serial('an update and a removal do so, too, and leave the file as it was', async (t) => {
  t.timeout(120_000);
  t.regex(await flynn('route', 'update', 'shop.test/api', '-s', 'web', '--set', 'path=/'), /shop: route update shop\.test\/api \(→ web, path\)/);
  t.is(await answer('shop.test', '/api/x'), 'web');
  t.regex(await flynn('route', 'remove', 'shop.test'), /Removing http:shop\.test\/ from ⬢ shop\.\.\. done/);
  t.not(await answer('shop.test'), 'web');
  t.is(await answer('shop.flynn.localhost'), 'web');
  t.is(await node.manifest('apps/shop/app.yaml'), MANIFEST.trimEnd());
});

test.serial('a TCP route without a port gets one, which serves', async (t) => {
  t.timeout(120_000);
  await flynn('route', 'add', 'tcp', '-s', 'api');
  const {routes} = await until('a port is chosen', async () => {
    const told = JSON.parse((await node.flynn(['route', '--json'], {cwd: folder})).stdout) as AppRoutes;
    return told.routes.some((one) => one.kind === 'tcp' && one.route.port !== undefined) ? told : undefined;
  });
  const [route] = routes.flatMap((one) => (one.kind === 'tcp' ? [one] : []));
  await until('the port answers', async () => {
    const socket = connect(route?.route.port ?? 0, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.write('GET / HTTP/1.0\r\n\r\n');
      const [chunk] = await once(socket, 'data', {signal: AbortSignal.timeout(2000)}) as [Buffer];
      return /^HTTP\/1\.1 200/.test(chunk.toString());
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  });
  await flynn('route', 'remove', route?.name ?? '');
  t.is(await node.manifest('apps/shop/app.yaml'), MANIFEST.trimEnd());
});

test.serial('domains are hosts of the whole app', async (t) => {
  t.timeout(120_000);
  t.regex(await flynn('domains:add', 'www.example.com'), /Your DNS needs this record: www\.example\.com {2}A {2}the address of /);
  t.is(await answer('www.example.com'), 'web');
  t.regex(await flynn('domains'), /^shop\.flynn\.localhost +- +-\nwww\.example\.com +A +/m);
  await flynn('domains:clear');
  t.not(await answer('www.example.com'), 'web');
  t.is(await answer('shop.flynn.localhost'), 'web');
});

test.serial('a route of another app, or to nobody, is refused before it is written', async (t) => {
  t.timeout(120_000);
  const before = await node.mustGit(node.home, `--git-dir=${node.layout.clusterRepo}`, 'rev-parse', 'main');
  const ours = await node.flynn(['route', 'add', 'http', 'git.flynn.localhost'], {cwd: folder});
  t.is(ours.exitCode, 1);
  t.regex(ours.output, /apps\/shop\/app\.yaml:\d+:\d+: host "git\.flynn\.localhost" belongs to the cluster itself/);
  const nobody = await node.flynn(['route', 'add', 'http', 'shop.test', '-s', 'worker'], {cwd: folder});
  t.is(nobody.exitCode, 1);
  t.regex(nobody.output, /apps\/shop\/app\.yaml:\d+:\d+: route "shop\.test\/" leads to the service "worker", which the app doesn't have/);
  t.is(await node.mustGit(node.home, `--git-dir=${node.layout.clusterRepo}`, 'rev-parse', 'main'), before);
});
