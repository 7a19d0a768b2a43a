import {request} from 'node:http';
import path from 'node:path';
import test from 'ava';
import type {CertificateStatus} from '../../reconciler/node.ts';
import {caddyConfigOf, certificateOf} from '../support/certificates.ts';
import {freePorts} from '../support/free-ports.ts';
import {Pebble} from '../support/pebble.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// Certificates by ACME, from Debian's pebble, which asks the real router for proof.

/** Of what the second authority issues: it is renewed after two thirds of it. */
const VALIDITY_SECONDS = 30;

let node: TrialNode;
let cluster: string;
/** Asks by HTTP-01 only: nobody listens where it would ask by TLS. */
let overHttp: Pebble;
/** Asks by TLS-ALPN-01 only. */
let overTls: Pebble;

test.before(async (t) => {
  t.timeout(480_000);
  node = await TrialNode.start();
  const [nowhere = 0] = await freePorts(1);
  // One after the other: the ports of the first are taken when the second looks for some.
  overHttp = await Pebble.start({folder: path.join(node.home, 'over-http'), httpPort: node.httpPort, tlsPort: nowhere});
  overTls = await Pebble.start({folder: path.join(node.home, 'over-tls'), httpPort: nowhere, tlsPort: node.httpsPort, validitySeconds: VALIDITY_SECONDS});
  cluster = await node.clone();
  await node.deployed('shop', 'quick');
});
test.after.always(async (t) => {
  t.timeout(60_000);
  await Promise.all([overHttp, overTls].map(async (pebble) => pebble?.[Symbol.asyncDispose]()));
  await node[Symbol.asyncDispose]();
});

async function routes(...hosts: readonly string[]): Promise<void> {
  await node.want(cluster, {'apps/shop/app.yaml': JSON.stringify({apiVersion: 'flynn/v1', kind: 'App', routes: hosts.map((host) => ({host}))})});
}

/** The key comes on stdin, as it is meant to. */
async function orderFrom({directory, caFile, keyId, macKey}: Pebble): Promise<void> {
  const command = `printf %s "$KEY" | "$0" ${path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts')} cert acme set --directory ${directory} --email ada@example.com --eab-key-id ${keyId} --ca ${caFile}`;
  const {exitCode, output} = await node.run(['sh', '-c', command, process.execPath], {env: {KEY: macKey}});
  if (exitCode !== 0) throw new Error(output);
}

async function issued(host: string): Promise<string> {
  return String((await certificateOf(node.httpsPort, host)).issuer.CN);
}

async function statusOf(host: string): Promise<CertificateStatus | undefined> {
  return (JSON.parse((await node.flynn(['cert', '--json'])).stdout) as readonly CertificateStatus[]).find((one) => one.host === host);
}

function redirectOf(host: string): Promise<number | undefined> {
  const {promise, resolve, reject} = Promise.withResolvers<number | undefined>();
  request({host: '127.0.0.1', port: node.httpPort, headers: {host}, agent: false}, (response) => {
    response.resume();
    resolve(response.statusCode);
  }).on('error', reject).end();
  return promise;
}

test.serial('a public host gets a certificate before anybody has asked for it, by HTTP-01', async (t) => {
  await orderFrom(overHttp);
  await routes('shop.example.com', 'shop.flynn.localhost');
  await until('it is there', async () => (await statusOf('shop.example.com'))?.notAfter !== undefined);
  t.regex(await issued('shop.example.com'), /^Pebble Intermediate CA/);
  t.like(await statusOf('shop.example.com'), {app: 'shop', source: 'acme'});
  t.like(await statusOf('shop.flynn.localhost'), {source: 'internal'});
  await until('HTTP is redirected', async () => await redirectOf('shop.example.com') === 308);
  t.is(await redirectOf('shop.flynn.localhost'), 200);
  // A redirect is there before a pass has seen it.
  await node.settled();
  t.deepEqual((await node.status('shop')).urls, [`https://shop.example.com:${node.httpsPort}/`, `http://shop.flynn.localhost:${node.httpPort}/`]);
});

test.serial('the key of the account is encrypted in git, and nowhere else but in the order', async (t) => {
  const texts = [await node.manifest('cluster.yaml'), await caddyConfigOf(node), node.log, JSON.stringify(await node.plan()), (await node.flynn(['cert', 'acme', '--json'])).output];
  for (const text of texts) t.false(text?.includes(overHttp.macKey) ?? true);
  t.like(JSON.parse(texts.at(-1) ?? ''), {acme: {directory: overHttp.directory, eabKeyId: 'kid-1', hasCa: true}});
});

test.serial('an order that fails is the app\'s own trouble, told with its cause; visitors do not wait for it, and it can be made again', async (t) => {
  await overHttp.pointTo('broken.example.com', '127.0.0.9');
  await routes('shop.example.com', 'broken.example.com');
  const {waiting, notices = []} = await until('the failure is told', async () => {
    const status = await node.status('shop');
    return status.waiting.some((line) => line.includes('on another try')) && status;
  });
  t.regex(waiting.join('\n'), /^wait shop certificate of broken\.example\.com {2}# on another try: .*http-01: .*connection refused/);
  t.regex(notices.join('\n'), /^certificate of broken\.example\.com: the last order failed: .*connection refused/);
  const refused = await t.throwsAsync(certificateOf(node.httpsPort, 'broken.example.com'));
  t.notRegex(refused?.message ?? '', /took longer/);
  // The order can fail before the host is routed.
  await until('it answers all the same', async () => await redirectOf('broken.example.com') === 200);
  t.regex(await issued('shop.example.com'), /^Pebble/);

  await overHttp.pointTo('broken.example.com', '127.0.0.1');
  t.is((await node.flynn(['cert', 'retry', 'broken.example.com'])).exitCode, 0);
  await until('it has one', async () => await redirectOf('broken.example.com') === 308);
  t.regex(await issued('broken.example.com'), /^Pebble/);
  await until('nothing is told of it any more', async () => (await node.status('shop')).notices === undefined);
});

test.serial('what there is is served while no reconciler runs, by a Caddy that was started anew too', async (t) => {
  await node.settled();
  await node.kill('SIGKILL');
  const [router] = (await node.containers('router')).filter(({state}) => state === 'running');
  await node.docker.getContainer(router?.id ?? '').restart({t: 0});
  await until('it is served', async () => (await issued('shop.example.com')).startsWith('Pebble'));
  await t.throwsAsync(certificateOf(node.httpsPort, 'nobody.example.com'));
  await node.up();
});

test.serial('another authority takes its place, by TLS-ALPN-01, and a renewed certificate is served without a restart', async (t) => {
  t.timeout(180_000);
  await routes('shop.example.com');
  await orderFrom(overTls);
  const isOfOther = (notAfter = '') => Date.parse(notAfter) < Date.now() + 2 * VALIDITY_SECONDS * 1000;
  await until('the other one\'s is there', async () => isOfOther((await statusOf('shop.example.com'))?.notAfter));
  const first = await until('it is served', async () => {
    const now = await certificateOf(node.httpsPort, 'shop.example.com');
    return isOfOther(now.valid_to) && now;
  });
  await node.settled();
  const routers = async () => (await node.containers('router')).filter(({state}) => state === 'running').map(({id}) => id);
  await until('one Caddy is left', async () => (await routers()).length === 1);
  const [router = ''] = await routers();
  const before = await node.docker.getContainer(router).inspect();
  const renewed = await until('it is renewed', async () => {
    const now = await certificateOf(node.httpsPort, 'shop.example.com');
    return now.serialNumber !== first.serialNumber && now;
  }, 2 * VALIDITY_SECONDS * 1000);
  t.true(Date.parse(renewed.valid_to) > Date.parse(first.valid_to));
  const after = await node.docker.getContainer(router).inspect();
  t.is(after.State.StartedAt, before.State.StartedAt);
  t.deepEqual(await routers(), [router]);
});

test.serial('without an authority hosts have the internal one\'s again, and are redirected no more', async (t) => {
  t.is((await node.flynn(['cert', 'acme', 'remove'])).exitCode, 0);
  await until('the internal authority certifies', async () => (await issued('shop.example.com')).startsWith('Caddy Local'));
  await until('HTTP is answered', async () => await redirectOf('shop.example.com') === 200);
  t.is((await node.flynn(['cert', 'acme'])).output, 'no certificates are ordered: those that you did not add are the cluster\'s own');
});
