import {readFile, stat, writeFile} from 'node:fs/promises';
import test, {type ExecutionContext} from 'ava';
import {accessOf} from '../../reconciler/access/access.ts';
import {getJson} from '../../reconciler/adapters/get-json.ts';
import {IdentityTokens} from '../../reconciler/oidc/tokens.ts';
import {loadContexts} from '../../cli/context.ts';
import {file, head} from '../support/manifests.ts';
import {OidcProvider, signInAs, type ProviderOptions} from '../support/oidc-provider.ts';
import {FakeStreams, terminal, type Typed} from './terminal.ts';

// The command line, the API and a real provider, which people go to with a browser.

async function subject(t: ExecutionContext, options?: ProviderOptions) {
  const provider = await OidcProvider.start(options);
  let isClosed = false;
  const close = async () => {
    if (!isClosed) await provider[Symbol.asyncDispose]();
    isClosed = true;
  };
  const files = new Map([
    ['cluster.yaml', `${head('Cluster')}name: home\ndomain: flynn.localhost\noidc: {issuer: "${provider.issuer}", clientId: flynn}\n`],
    ['people/ann.yaml', `${head('Person')}name: Ann Lee\nemail: ann@example.com\nrole: admin\noidc: [{subject: ann-2001}]\n`],
  ]);
  const access = () => accessOf([...files].map(([path, text]) => file(path, text))).access;
  const identityTokens = new IdentityTokens({access, ask: (url) => getJson(url, {bytesMax: 100_000, msMax: 20_000}, new AbortController().signal)});
  const one = await terminal(t, {access, identityTokens});
  t.teardown(close);
  // `flynn login` tells git, which has its configuration there.
  const type = (line: string, how: Typed = {}) => one.type(line, {...how, env: {HOME: one.folder, ...how.env}});
  /** Types `flynn login`, and lets somebody sign in at the page that it names. */
  const login = async (who: string, flags = '--oidc') => {
    const page = Promise.withResolvers<string>();
    const typed = type(`login http://api.flynn.localhost:${one.port} ${flags}`, {onErr: (line) => {
      const [, url] = /^ {2}(http\S+)$/.exec(line) ?? [];
      if (url !== undefined) page.resolve(url);
    }});
    // When it ends before, it says why.
    await Promise.race([page.promise.then((url) => signInAs(who, url)), typed]);
    return typed;
  };
  const name = `flynn.localhost:${one.port}`;
  const context = async () => (await loadContexts(one.config)).clusters[name];
  return {...one, type, provider, files, close, login, name, context};
}

test('people sign in with a code at a browser anywhere, and are themselves then', async (t) => {
  const {login, type, name, config, context, provider} = await subject(t);
  const said = await login('ann-2001');
  t.regex(said, new RegExp(`^! To sign in at ${provider.issuer}, open this page in a browser, on any machine:\n!   ${provider.issuer}/device\\?user_code=\\S+\n! It has to show, or to be given, the code \\S+\n! logged in to ${name} as ann \\(Ann Lee <ann@example\\.com>\\)\nexit 0$`, 'm'));
  t.is(await type(`whoami -c ${name}`), `$ flynn whoami -c ${name}\nann  Ann Lee <ann@example.com>  by OIDC, as ann-2001 at ${provider.issuer}\nexit 0`);
  t.like(await context(), {user: 'Ann Lee <ann@example.com>', oidc: {issuer: provider.issuer, clientId: 'flynn'}});
  t.is((await stat(config)).mode & 0o777, 0o600);
  t.is(provider.asked.filter((path) => path === '/auth').length, 0);
  t.false(said.includes((await context())?.oidc?.refreshToken ?? '-'));
});

test('where there is no device flow, or no wish for it, a browser of this machine comes back', async (t) => {
  const without = await subject(t, {hasDeviceFlow: false});
  t.regex(await without.login('ann-2001'), /open this page in a browser of this machine:\n[^]*logged in to [^]*exit 0$/);
  const withIt = await subject(t);
  t.regex(await withIt.login('ann-2001', '--browser'), /redirect_uri=http%3A%2F%2F127\.0\.0\.1%3A\d+%2Fcallback[^]*code_challenge=[^]*logged in to [^]*exit 0$/);
});

test('somebody whom no manifest names is told what he is called', async (t) => {
  const {login, provider, context} = await subject(t);
  const said = await login('eve-6');
  t.true(said.includes(`nobody in people/ is "eve-6" at ${provider.issuer}; an admin can say who it is: flynn people identity add <user> 'eve-6'`), said);
  t.regex(said, /exit 1$/);
  t.is(await context(), undefined, 'nothing is kept');
});

test('a token that is about to end is another one then, by one command at a time', async (t) => {
  const {login, type, name, context, provider} = await subject(t, {idTokenSeconds: 5});
  await login('ann-2001');
  const first = await context();
  const asked = provider.asked.filter((path) => path === '/token').length;
  const said = await Promise.all(Array.from({length: 4}, () => type(`whoami -c ${name}`)));
  // The provider takes a refresh token once; whoever came second with it would have lost it for all.
  for (const one of said) t.regex(one, /^ann {2}Ann Lee[^]*exit 0$/m);
  t.is(provider.asked.filter((path) => path === '/token').length, asked + 4);
  const last = await context();
  t.not(last?.oidc?.refreshToken, first?.oidc?.refreshToken);
});

test('git gets a token that is good', async (t) => {
  const {login, type, name, context} = await subject(t, {idTokenSeconds: 5});
  await login('ann-2001');
  const before = await context();
  const asked = await type('git-credential get', {input: `protocol=http\nhost=git.${name}\n\n`});
  // Tokens that are made within the same second are the same; the provider takes each refresh token once.
  t.not((await context())?.oidc?.refreshToken, before?.oidc?.refreshToken);
  t.true(asked.includes(`password=${(await context())?.token ?? '-'}`), asked);
});

test('who is taken out is out, whatever he has signed in for; who has logged out has nothing left', async (t) => {
  const {login, type, name, files, config, context, provider} = await subject(t, {idTokenSeconds: 5});
  await login('ann-2001');
  files.set('people/ann.yaml', `${head('Person')}name: Ann Lee\nemail: ann@example.com\n`);
  t.regex(await type(`whoami -c ${name}`), /error: cluster "\S+": nobody in people\/ is "ann-2001" at [^]*→? *to log in again: flynn login http:\/\/api\.flynn\.localhost[^]*exit 1$/);
  const kept = await readFile(config, 'utf8');
  t.regex(await type(`logout -c ${name}`), /logged out of \S+\nexit 0$/);
  t.is(await context(), undefined);
  t.true(provider.asked.includes('/token/revocation'));
  await writeFile(config, kept);
  t.regex(await type(`whoami -c ${name}`), /you are not signed in at \S+ any more[^]*sign in again: flynn login [^]*exit 1$/, 'a copy of it is worth nothing');
});

test('a provider that is away is told of, and so is a cluster without one', async (t) => {
  const {login, type, name, files, port, close, provider} = await subject(t, {idTokenSeconds: 5});
  await login('ann-2001');
  await close();
  t.true((await type(`whoami -c ${name}`)).includes(`${provider.issuer} can't be reached (ECONNREFUSED)`));
  t.regex(await type('whoami'), /^operator/m, 'tokens of the cluster need nobody');
  files.delete('cluster.yaml');
  t.regex(await type(`login http://api.flynn.localhost:${port} --oidc`), /names no identity provider[^]*exit 1$/);
});

test('at a terminal one signs in, and a pipe brings a token', async (t) => {
  const {type, port, provider} = await subject(t);
  const streams = new FakeStreams();
  streams.size = {columns: 80, rows: 24};
  const leave = new AbortController();
  const there = await type(`login http://api.flynn.localhost:${port}`, {streams, signal: leave.signal, onErr: (line) => {
    if (line.includes('/device')) leave.abort();
  }});
  t.true(there.includes(`To sign in at ${provider.issuer}`), there);
  t.regex(await type(`login http://api.flynn.localhost:${port}`, {input: 'right-token\n'}), /logged in to \S+ as operator/);
  t.regex(await type(`login http://api.flynn.localhost:${port}`, {streams, env: {FLYNN_TOKEN: 'right-token'}}), /logged in to \S+ as operator/);
});
