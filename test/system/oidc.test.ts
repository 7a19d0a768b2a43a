import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import path from 'node:path';
import test from 'ava';
import type {Check} from '../../cli/check.ts';
import type {WhoAmI} from '../../reconciler/api/answers.ts';
import {OidcProvider, signInAs} from '../support/oidc-provider.ts';
import {SigningIssuer} from '../support/signing-issuer.ts';
import {TrialNode} from '../support/trial-node.ts';
import {until} from '../support/until.ts';

// People sign in at a real identity provider, and jobs come with tokens of their own, on one node.

let node: TrialNode;
let provider: OidcProvider;
let ci: SigningIssuer;
let shop: string;
const closing: (() => void)[] = [];

test.before(async (t) => {
  t.timeout(240_000);
  provider = await OidcProvider.start({idTokenSeconds: 20});
  ci = await servedIssuer();
  node = await TrialNode.start();
  shop = await node.app('shop', 'quick');
  await node.must('create', 'blog');
  await node.must('people', 'add', 'ann', '--name', 'Ann Lee', '--email', 'ann@example.com', 'shop=maintainer');
  await node.must('people', 'add', 'shop-ci', '--name', 'Shop CI', '--email', 'ci@example.com', 'shop=maintainer');
  await node.must('oidc', 'set', provider.issuer, 'flynn');
  await node.must('people', 'identity', 'add', 'ann', 'ann-2001');
  await node.must('people', 'identity', 'add', 'shop-ci', 'repo:acme/shop:ref:refs/heads/*', '--issuer', ci.issuer, '--role', 'deployer', '--for', 'shop');
});
test.after.always(async (t) => {
  t.timeout(120_000);
  closing.forEach((close) => close());
  await provider[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

/** An issuer that a job gets its tokens from, on a port of 127.0.0.1. */
async function servedIssuer(): Promise<SigningIssuer> {
  const server = createServer((request, response) => {
    issuer.ask(new URL(request.url ?? '', issuer.issuer)).then((answer) => response.end(JSON.stringify(answer)), () => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const issuer: SigningIssuer = await SigningIssuer.start(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return issuer;
}

/** Whoever has signed in has a configuration of his own, with nothing else in it. */
function env(who: string): Readonly<Record<string, string>> {
  return {FLYNN_CONFIG: path.join(node.home, `${who}.yaml`)};
}

async function logIn(who: string) {
  let visit: Promise<unknown> = Promise.resolve();
  const ended = await node.flynn(['login', `http://api.flynn.localhost:${node.httpPort}`, '--oidc'], {env: env(who), onLine: (line) => {
    const [, page] = /^ {2}(http\S+)$/.exec(line) ?? [];
    if (page !== undefined) visit = signInAs(who, page);
  }});
  await visit;
  return ended;
}

async function job(claims: object): Promise<Readonly<Record<string, string>>> {
  const seconds = Math.floor(Date.now() / 1000);
  const token = await ci.sign({sub: 'repo:acme/shop:ref:refs/heads/main', aud: 'https://api.flynn.localhost', iat: seconds, exp: seconds + 300, ...claims});
  return {FLYNN_URL: node.apiUrl, FLYNN_TOKEN: token, FLYNN_CONFIG: path.join(node.home, 'none.yaml')};
}

test.serial('somebody signs in, and pushes, scales and is written down as himself', async (t) => {
  const login = await until('the provider is that of the cluster', async () => {
    const ended = await logIn('ann-2001');
    return ended.exitCode === 0 ? ended : undefined;
  }, 120_000);
  t.regex(login.output, /logged in to \S+ as ann \(Ann Lee <ann@example\.com>\)$/);
  const pushed = await node.run(['git', 'push', 'flynn', 'main'], {cwd: shop, env: env('ann-2001')});
  t.is(pushed.exitCode, 0, pushed.output);
  t.regex(pushed.output, /Verifying deploy\.\.\. done\./);
  t.is((await node.flynn(['scale', 'web=1', '-a', 'shop'], {env: env('ann-2001')})).exitCode, 0);
  const refused = await node.flynn(['maintenance', 'on', '-a', 'blog'], {env: env('ann-2001')});
  t.is(refused.exitCode, 1);
  t.regex(refused.output, /ann may not/);
  const {stdout} = await node.must('audit', '-n', '100');
  t.regex(stdout, /Ann Lee <ann@example\.com> {2}127\.0\.0\.1 {2}by OIDC ann-2001 {2}push {2}⬢ shop/);
  t.regex(stdout, /Ann Lee <ann@example\.com> {2}127\.0\.0\.1 {2}by OIDC ann-2001 {2}refused {2}⬢ blog/);
  t.is((await node.must('audit', '--verify')).exitCode, 0);
});

test.serial('who is nobody here is told what he is called, and leaves a line', async (t) => {
  const login = await logIn('eve-6');
  t.is(login.exitCode, 1);
  t.regex(login.output, /nobody in people\/ is "eve-6" at /);
  t.regex((await node.must('audit', '-n', '20')).stdout, /\(nobody\) {2}127\.0\.0\.1 {2}wrong token {2}GET \/v1\/whoami: nobody in people\/ is "eve-6"/);
});

test.serial('a job comes with its own token, and may what its line says', async (t) => {
  const who = await node.flynn(['whoami', '--json'], {env: await job({})});
  t.deepEqual(JSON.parse(who.stdout) as WhoAmI, {user: 'shop-ci', name: 'Shop CI', email: 'ci@example.com', oidc: {issuer: ci.issuer, subject: 'repo:acme/shop:ref:refs/heads/main'}});
  t.is((await node.flynn(['restart', '-a', 'shop'], {env: await job({})})).exitCode, 0);
  t.regex((await node.flynn(['maintenance', 'on', '-a', 'shop'], {env: await job({})})).output, /shop-ci may not/);
  for (const claims of [{sub: 'repo:acme/shop:pull_request'}, {aud: 'https://github.com/acme'}, {exp: 1}]) t.is((await node.flynn(['whoami'], {env: await job(claims)})).exitCode, 1, JSON.stringify(claims));
});

test.serial('who is taken out is out, though his token is good', async (t) => {
  await node.must('people', 'identity', 'remove', 'ann', 'ann-2001');
  const who = await until('ann is nobody', async () => {
    const ended = await node.flynn(['whoami'], {env: env('ann-2001')});
    return ended.exitCode === 0 ? undefined : ended;
  }, 120_000);
  t.regex(who.output, /nobody in people\/ is "ann-2001"/);
});

test.serial('while the provider is away doctor says so, and the cluster\'s own tokens are as good as ever', async (t) => {
  await provider[Symbol.asyncDispose]();
  t.is((await node.must('whoami')).exitCode, 0);
  const checks = await until('it was asked once more', async () => {
    const {stdout} = await node.flynn(['doctor', '--json', '--data', node.layout.root]);
    const found = (JSON.parse(stdout) as readonly Check[]).filter(({what}) => what === 'Sign-in');
    return found.some(({state}) => state === 'warning') && found;
  }, 90_000);
  t.deepEqual(checks.map(({state}) => state), ['warning', 'good']);
  t.regex(checks[0]?.says ?? '', /ECONNREFUSED/);
});
