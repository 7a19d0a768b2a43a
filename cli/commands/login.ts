import {mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {getCACertificates} from 'node:tls';
import type {LoginWays, WhoAmI} from '../../reconciler/api/answers.ts';
import type {ProviderManifest} from '../../schemas/oidc.ts';
import {ApiFailure, createClient, TOKEN_VARIABLE} from '../client.ts';
import {type Command, type CommandContext, Failure, UsageError} from '../command.ts';
import {changeContexts, type ClusterContext, keptCaOf, withCluster} from '../context.ts';
import {parseFlags} from '../flags.ts';
import {forgetCluster} from '../forget.ts';
import {answerGitEverywhere, trustEverywhere} from '../git-credentials.ts';
import {type Cluster, configFile, whichCluster} from '../which-cluster.ts';

export const login: Command = {
  usage: 'login <url of the API> [--name <name>] [--ca <file>] [--oidc] [--browser]',
  summary: 'Sign in at the identity provider, or keep a token, so that commands and git can talk to a cluster',
  details: [
    'At a terminal you sign in at the identity provider, if the cluster has one (flynn oidc). Otherwise a token is read from stdin, or from FLYNN_TOKEN:',
    'somebody who may change people makes it with `flynn token add`.',
    '--oidc     sign in at the identity provider also when this is no terminal',
    '--browser  with a browser of this machine, also where the provider has codes for browsers elsewhere (device flow)',
    '--ca     whom the cluster\'s certificates are signed by, where that is its own authority: flynn cert trust --print writes it on its machine',
    '--name   what to call the cluster here; default: the host without "api."',
  ],
  examples: ['flynn login https://api.apps.example.com', 'flynn login https://api.apps.example.com < token', 'FLYNN_TOKEN=… flynn login https://api.apps.example.com --name production'],

  async run(args, context, signal) {
    const {values: {name, ca, oidc, browser}, words: [where]} = parseFlags(args, {name: {type: 'string'}, ca: {type: 'string'}, oidc: {type: 'boolean', default: false}, browser: {type: 'boolean', default: false}}, {wordsMax: 1});
    return logIn({where, name, ca, way: browser ? 'browser' : oidc ? 'oidc' : 'any'}, context, signal);
  },
};

/** Hosts with their ports are names too; one is a part of a file's name. */
const NAME = /^[a-z0-9][\w.:-]{0,99}$/i;

interface Wish {
  readonly where: string | undefined;
  readonly name: string | undefined;
  readonly ca?: string | undefined;
  /** `any`, absent: a token, unless somebody is there to sign in. */
  readonly way?: 'any' | 'oidc' | 'browser';
}

/** Keeps a cluster under a name, once its API has said whose the token is. Resolves to the exit status. */
export async function logIn({where, name: wanted, ca, way = 'any'}: Wish, context: CommandContext, signal: AbortSignal): Promise<0> {
  const {url, gitUrl, host} = placesOf(where);
  const name = wanted ?? host;
  if (!NAME.test(name) || name === 'default') throw new UsageError(`"${name}" can't name a cluster: letters, digits, dots and dashes, and not "default"`);
  const file = configFile(context.env);
  const trusted = ca === undefined ? {} : {caFile: await keptCa(ca, keptCaOf(file, name), context)};
  const cluster: Cluster = {name, url, gitUrl, token: '', user: '', file, ...trusted};
  const proof = await proofFor(cluster, way, context, signal);
  // Nothing is kept yet: what is wrong with a token is said of where it came from.
  const from = (context.env.FLYNN_TOKEN ?? '') === '' ? 'stdin' : TOKEN_VARIABLE;
  const {user, name: person, email} = await createClient({...cluster, ...proof, ...(proof.oidc === undefined && {file: from})}, async () => '').get<WhoAmI>('/v1/whoami', signal);
  await changeContexts(file, (contexts) => withCluster(contexts, name, {url, gitUrl, ...proof, user: `${person} <${email}>`, ...trusted}), signal);
  await tellGit({gitUrl, ...trusted}, context, signal);
  if (context.isJson) context.out(JSON.stringify({cluster: name, user, url}, null, 2));
  context.err(`logged in to ${name} as ${user} (${person} <${email}>)`);
  return 0;
}

export const logout: Command = {
  usage: 'logout',
  summary: 'Forget the token of a cluster',
  details: ['The token itself goes on being good: `flynn token remove` ends it. Where you have signed in at an identity provider, that is told not to renew it.'],
  examples: ['flynn logout', 'flynn logout -c production'],

  async run(args, context, signal) {
    parseFlags(args, {});
    const {name, oidc} = await whichCluster(context);
    await forgetCluster(name, context.env, signal);
    // Forgotten here in any case.
    if (oidc !== undefined) await (await import('../sign-in/renew.ts')).revoke(oidc, signal).catch((error: unknown) => context.err(`not told to the provider: ${error instanceof Error ? error.message : String(error)}`));
    if (context.isJson) context.out(JSON.stringify({cluster: name}, null, 2));
    context.err(`logged out of ${name}`);
    return 0;
  },
};

/** So that git finds the token by itself, for whatever is cloned from there. Commands work without it, where there is no git. */
async function tellGit({gitUrl, caFile}: {readonly gitUrl: string; readonly caFile?: string}, {env, err}: CommandContext, signal: AbortSignal): Promise<void> {
  try {
    await answerGitEverywhere(gitUrl, env, signal);
    if (caFile !== undefined) await trustEverywhere(gitUrl, {caFile, env}, signal);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    err(`git was not told of it: ${error.message}`);
  }
}

/** A copy beside the token, with all that this machine trusts: git takes one file, and the cluster may go over to a public authority. */
async function keptCa(given: string, place: string, {cwd}: CommandContext): Promise<string> {
  const pem = await readFile(path.resolve(cwd, given), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`'${given}' can't be read: ${error.message}`, {cause: error});
  });
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Failure(`'${given}' is no certificate in PEM`);
  await mkdir(path.dirname(place), {recursive: true, mode: 0o700});
  await writeFile(place, `${pem.trim()}\n${getCACertificates('default').join('\n')}\n`, {mode: 0o600});
  return place;
}

/** Git is beside the API, at its own host of the same domain. */
function placesOf(where: string | undefined): {readonly url: string; readonly gitUrl: string; readonly host: string} {
  const parsed = URL.parse(where ?? '');
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || !parsed.hostname.startsWith('api.')) throw new UsageError('where? it has to be the URL of an API, like https://api.apps.example.com');
  const domain = parsed.host.slice('api.'.length);
  return {url: `${parsed.protocol}//${parsed.host}`, gitUrl: `${parsed.protocol}//git.${domain}`, host: domain};
}

/** What somebody gets in with. */
async function proofFor(cluster: Cluster, way: NonNullable<Wish['way']>, context: CommandContext, signal: AbortSignal): Promise<Pick<ClusterContext, 'token' | 'oidc'>> {
  const {FLYNN_TOKEN: given = ''} = context.env;
  const isSomebodyThere = given === '' && context.streams().terminalSize() !== undefined;
  const provider = way !== 'any' || isSomebodyThere ? await providerOf(cluster, signal) : undefined;
  if (provider === undefined) {
    if (way !== 'any') throw new Failure(`${cluster.url} names no identity provider`, {advice: ['log in with a token: flynn login <url> < token', 'an admin can name one: flynn oidc set <issuer> <client id>']});
    return {token: await tokenFrom(context)};
  }
  const {signIn} = await import('../sign-in/sign-in.ts');
  const {idToken, refreshToken} = await signIn(provider, way === 'browser' ? 'browser' : 'any', context, signal);
  return {token: idToken, oidc: {...provider, ...(refreshToken !== undefined && {refreshToken})}};
}

async function providerOf(cluster: Cluster, signal: AbortSignal): Promise<ProviderManifest | undefined> {
  try {
    return (await createClient(cluster, async () => '').get<LoginWays>('/login', signal)).oidc;
  } catch (error) {
    // A cluster from before there were any.
    if (error instanceof ApiFailure && error.status === 404) return undefined;
    throw error;
  }
}

async function tokenFrom(context: CommandContext): Promise<string> {
  const {FLYNN_TOKEN: given = ''} = context.env;
  const token = given === '' ? (await context.input()).trim() : given;
  if (token === '') throw new UsageError('the token comes on stdin: flynn login https://api.apps.example.com < token');
  return token;
}
