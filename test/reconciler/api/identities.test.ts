import test, {type ExecutionContext} from 'ava';
import {accessOf} from '../../../reconciler/access/access.ts';
import {createAuthenticate} from '../../../reconciler/api/authenticate.ts';
import {createServer} from '../../../reconciler/api/server.ts';
import {IdentityTokens} from '../../../reconciler/oidc/tokens.ts';
import {file, head} from '../../support/manifests.ts';
import {ISSUER, SigningIssuer} from '../../support/signing-issuer.ts';
import {documented} from './documented.ts';
import {FakeView} from './fake-view.ts';

const TOKEN = 'right-token';
const CI = 'https://ci.example.com';

async function subject(t: ExecutionContext) {
  const view = new FakeView();
  view.repo.files.set('cluster.yaml', `${head('Cluster')}name: home\ndomain: flynn.localhost\noidc:\n  issuer: ${ISSUER}\n  clientId: flynn\n`)
    .set('people/ann.yaml', `${head('Person')}name: Ann Lee\nemail: ann@example.com\nrole: admin\noidc:\n  - subject: "2001"\n`)
    .set('people/ci.yaml', `${head('Person')}name: ci\nemail: ci@example.com\nrole: maintainer\noidc:\n  - {issuer: "${CI}", subject: "repo:acme/shop:ref:refs/heads/main", role: deployer, apps: [shop]}\n`);
  const access = () => accessOf([...view.repo.files].map(([path, text]) => file(path, text))).access;
  const [issuer, ci] = [await SigningIssuer.start(), await SigningIssuer.start(CI)];
  const tokens = new IdentityTokens({access, ask: (url) => (url.href.startsWith(CI) ? ci : issuer).ask(url)});
  const authenticate = createAuthenticate({token: TOKEN, operator: {name: 'operator', email: 'o@n'}, access, claims: (token) => tokens.claims(token)});
  const server = documented(t, createServer({view, authenticate, identityTokens: tokens, log: (message, error) => t.log(message, error)}));
  t.teardown(() => server.close());
  const seconds = Math.floor(Date.now() / 1000);
  const ask = async (token: string, url: string, payload?: object) => {
    const {statusCode, body} = await server.inject({url, method: payload === undefined ? 'GET' : 'POST', headers: {authorization: `Bearer ${token}`}, ...(payload && {payload})});
    return {status: statusCode, body: JSON.parse(body) as Readonly<Record<string, unknown>>};
  };
  return {
    view, server, issuer, ask,
    ann: (more = {}) => issuer.sign({sub: '2001', aud: 'flynn', iat: seconds, exp: seconds + 300, ...more}),
    job: (more = {}) => ci.sign({sub: 'repo:acme/shop:ref:refs/heads/main', aud: 'https://api.flynn.localhost', iat: seconds, exp: seconds + 300, ...more}),
  };
}

test('whoever has signed in is the person of that subject, in commits and in the audit log too', async (t) => {
  const {ask, ann, view} = await subject(t);
  const token = await ann();
  t.deepEqual((await ask(token, '/v1/whoami')).body, {user: 'ann', name: 'Ann Lee', email: 'ann@example.com', oidc: {issuer: ISSUER, subject: '2001'}});
  t.is((await ask(token, '/v1/apps', {name: 'shop'})).status, 201);
  t.deepEqual(view.repo.commits.at(-1)?.author, {name: 'Ann Lee', email: 'ann@example.com'});
  t.like(view.audit.entries.at(-1), {user: 'ann', oidc: '2001', action: 'commit'});
});

test('a person who has signed in may make tokens, and a job may not', async (t) => {
  const {ask, ann, job} = await subject(t);
  const wish = {name: 'laptop', hash: `sha256:${'a'.repeat(64)}`};
  t.is((await ask(await ann(), '/v1/people/ann/tokens', wish)).status, 200);
  const refused = await ask(await job(), '/v1/people/ci/tokens', wish);
  t.is(refused.status, 403);
  t.is(refused.body['detail'], 'you came in by repo:acme/shop:ref:refs/heads/main at https://ci.example.com, which is limited: it can\'t make or remove tokens, nor keys');
});

test('a job may do what its line says, and is not asked for a secret', async (t) => {
  const {ask, job, view} = await subject(t);
  view.current = {...view.current, apps: []};
  const token = await job();
  t.is((await ask(token, '/v1/whoami')).status, 200);
  t.is((await ask(token, '/v1/apps/shop/scale', {services: {web: 2}})).status, 409, 'the app is not there; the right is');
  t.is((await ask(token, '/v1/apps/shop/maintenance', {on: true})).status, 403);
  t.is((await ask(token, '/v1/apps/blog/scale', {services: {web: 2}})).status, 403);
  t.is((await ask(token, '/v1/people', {user: 'eve', name: 'Eve', email: 'eve@example.com'})).status, 403);
  t.is((await ask(await job({aud: 'flynn'}), '/v1/whoami')).status, 401);
  t.is((await ask(await job({sub: 'repo:evil/shop:ref:refs/heads/main'}), '/v1/whoami')).status, 401);
});

test('a token that is not taken says why, in the audit log too, and counts as a wrong one', async (t) => {
  const {ask, ann, view} = await subject(t);
  const {status, body} = await ask(await ann({sub: '2002'}), '/v1/whoami?x=secret');
  t.is(status, 401);
  t.is(body['detail'], `nobody in people/ is "2002" at ${ISSUER}; an admin can say who it is: flynn people identity add <user> '2002'`);
  t.like(view.audit.entries.at(-1), {actor: '', action: 'wrong token', subject: `GET /v1/whoami: ${String(body['detail'])}`});
  const token = await ann({aud: 'wiki'});
  const answers = [];
  for (let count = 0; count < 25; count += 1) answers.push((await ask(token, '/v1/whoami')).status);
  t.is(answers[0], 401);
  t.is(answers.at(-1), 429);
});

test('while the provider is silent its tokens are not judged, and those of the cluster are as good as ever', async (t) => {
  const {ask, ann, issuer, view} = await subject(t);
  issuer.problem = 'ECONNREFUSED';
  const before = view.audit.entries.length;
  for (let count = 0; count < 30; count += 1) {
    const {status, body} = await ask(await ann(), '/v1/whoami');
    t.is(status, 503);
    t.is(body['detail'], `${ISSUER} can't be asked whether the token is good (ECONNREFUSED); tokens of the cluster work all the same`);
  }
  t.is((await ask(TOKEN, '/v1/whoami')).status, 200);
  t.is(view.audit.entries.length, before);
});

test('how people can log in is told to everybody', async (t) => {
  const {server, ask, view} = await subject(t);
  t.deepEqual((await server.inject('/login')).json(), {oidc: {issuer: ISSUER, clientId: 'flynn'}});
  t.is((await ask(TOKEN, '/v1/oidc/remove', {})).status, 200);
  t.deepEqual((await server.inject('/login')).json(), {});
  t.is(view.repo.files.get('cluster.yaml'), `${head('Cluster')}name: home\ndomain: flynn.localhost\n`);
});

test('provider and identities are changed by commits', async (t) => {
  const {ask, view} = await subject(t);
  const messages: unknown[] = [];
  for (const [url, body] of [
    ['/v1/oidc', {issuer: 'https://other.example.com', clientId: 'cli', publicClientSecret: 'x'}],
    ['/v1/people/ann/identities', {subject: '2002'}],
    ['/v1/people/ann/identities', {issuer: CI, subject: 'repo:acme/blog:ref:refs/tags/*', role: 'deployer', apps: ['blog']}],
    ['/v1/people/ann/identities/remove', {subject: '2001'}],
  ] as const) {
    const answer = await ask(TOKEN, url, body);
    t.is(answer.status, 200, JSON.stringify(answer.body));
    messages.push(answer.body['message']);
  }
  t.deepEqual(messages, ['cluster: people sign in at https://other.example.com', 'people: ann is "2002"', 'people: ann is "repo:acme/blog:ref:refs/tags/*" at https://ci.example.com', 'people: ann is no longer "2001"']);
  t.regex(view.repo.files.get('cluster.yaml') ?? '', /^oidc:\n {2}issuer: "?https:\/\/other\.example\.com"?\n {2}clientId: "?cli"?\n {2}publicClientSecret: "?x"?\n$/m);
  t.is(view.repo.files.get('people/ann.yaml'), `${head('Person')}name: Ann Lee\nemail: ann@example.com\nrole: admin\noidc:\n  - subject: "2002"\n  - issuer: https://ci.example.com\n    subject: repo:acme/blog:ref:refs/tags/*\n    role: deployer\n    apps:\n      - blog\n`);
  t.like((await ask(TOKEN, '/v1/people')).body, [{user: 'ann', oidc: [{subject: '2002'}, {issuer: CI, role: 'deployer'}]}]);
  t.like(await ask(TOKEN, '/v1/people/ann'), {status: 200, body: {user: 'ann', oidc: [{subject: '2002'}, {issuer: CI, role: 'deployer'}]}});
  t.like(await ask(TOKEN, '/v1/people/eve'), {status: 404, body: {detail: 'there is nobody "eve" in people/'}});
});

test('what makes no sense is refused', async (t) => {
  const {ask, view} = await subject(t);
  const before = [...view.repo.files];
  for (const [url, body, status] of [
    ['/v1/oidc', {issuer: 'http://login.example.com', clientId: 'x'}, 400], ['/v1/oidc', {issuer: 'login', clientId: 'x'}, 400], ['/v1/oidc', {issuer: ISSUER}, 400],
    ['/v1/people/ann/identities', {subject: ''}, 400], ['/v1/people/ann/identities', {subject: 'repo:*', issuer: CI}, 400], ['/v1/people/ann/identities', {subject: 'x', audience: 'y'}, 400],
    ['/v1/people/ann/identities', {subject: '2001', role: 'viewer'}, 409], ['/v1/people/nope/identities', {subject: 'x'}, 409], ['/v1/people/..%2fcluster/identities', {subject: 'x'}, 400],
    ['/v1/people/ann/identities/remove', {subject: 'x'}, 409],
  ] as const) {
    const answer = await ask(TOKEN, url, body);
    t.is(answer.status, status, `${url} ${JSON.stringify(body)}: ${JSON.stringify(answer.body)}`);
  }
  t.deepEqual([...view.repo.files], before);
});

test('how issuers are can be asked', async (t) => {
  const {ask, issuer} = await subject(t);
  issuer.problem = 'ECONNREFUSED';
  t.deepEqual((await ask(TOKEN, '/v1/oidc')).body, {provider: {issuer: ISSUER, clientId: 'flynn'}, issuers: [{issuer: ISSUER, problem: 'ECONNREFUSED'}, {issuer: CI, keys: 1}]});
});
