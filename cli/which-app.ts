import type {AppName} from '../schemas/ids.ts';
import {problemOfAppName} from '../schemas/names.ts';
import {type CommandContext, Failure} from './command.ts';
import {configFile} from './which-cluster.ts';
import {loadContexts} from './context.ts';
import {git, isGitHere, remotes} from './git.ts';

type Asker = Pick<CommandContext, 'env' | 'cwd' | 'appFlag'>;

const ADVICE = ['name it with -a <app>, or with FLYNN_APP', "'flynn create' here makes a new one", "'flynn apps' lists those that there are"];

/**
 * The app that a command is about: `named` or `-a` (an app, or a remote of the work tree that points to a known cluster), `FLYNN_APP`, the remote that
 * `git config flynn.remote` names, the remote `flynn`, the only remote that points to a known cluster. Throws `Failure`.
 */
export async function whichApp(named: string | undefined, {env, cwd, appFlag}: Asker, signal: AbortSignal): Promise<AppName> {
  const said = named ?? appFlag;
  if (said !== undefined) return checked(await appOfOurRemote(said, {env, cwd}, signal) ?? said);
  if (env.FLYNN_APP !== undefined && env.FLYNN_APP !== '') return checked(env.FLYNN_APP);
  const known = await remotes(cwd, signal);
  const chosen = await git(['config', 'flynn.remote'], cwd, signal);
  if (chosen !== undefined) return checked(appOfRemote(chosen, known));
  if (known.has('flynn')) return checked(appOfRemote('flynn', known));
  return checked(await onlyAppOfClusters(known, env, signal));
}

/** `http://git.flynn.localhost:8080/shop.git` is of app `shop`, and so is `ssh://git@git.example.com:2222/shop.git`. */
export function appOfUrl(url: string | undefined): string | undefined {
  return /^(?:https?|ssh):\/\/[^/]+\/([^/]+?)\.git\/?$/.exec(url ?? '')?.[1];
}

/** Whether a remote is one of the cluster whose git is at this address: over HTTP, HTTPS or SSH. */
export function isOf(gitUrl: string, remote: string): boolean {
  const [base, url] = [URL.parse(gitUrl), URL.parse(remote)];
  if (base === null || url === null) return false;
  // What `sshUrlOf` makes of a domain that is this machine.
  if (url.protocol === 'ssh:') return url.hostname === base.hostname || (url.hostname === 'localhost' && base.hostname.endsWith('.localhost'));
  return url.protocol === base.protocol ? url.host === base.host : /^https?:$/.test(url.protocol) && url.hostname === base.hostname;
}

/** A remote of the same name that is somebody else's (`-a shop`, and a remote `shop` at a forge) is not meant. */
async function appOfOurRemote(name: string, {env, cwd}: Pick<Asker, 'env' | 'cwd'>, signal: AbortSignal): Promise<string | undefined> {
  const url = (await remotes(cwd, signal)).get(name);
  return url !== undefined && (await gitUrls(env)).some((base) => isOf(base, url)) ? appOfUrl(url) : undefined;
}

async function gitUrls(env: CommandContext['env']): Promise<readonly string[]> {
  return Object.values((await loadContexts(configFile(env))).clusters).map(({gitUrl}) => gitUrl);
}

function appOfRemote(name: string, known: ReadonlyMap<string, string>): string {
  const url = known.get(name);
  if (url === undefined) throw new Failure(`git config flynn.remote says "${name}", and there is no such remote`, {advice: ADVICE});
  const app = appOfUrl(url);
  if (app === undefined) throw new Failure(`the git remote "${name}" is "${url}", which is no app of a cluster`, {advice: ADVICE});
  return app;
}

async function onlyAppOfClusters(known: ReadonlyMap<string, string>, env: CommandContext['env'], signal: AbortSignal): Promise<string> {
  const bases = await gitUrls(env);
  // A clone of the cluster repository is at the same address, and of no app.
  const apps = [...known].filter(([, url]) => appOfUrl(url) !== 'cluster' && bases.some((base) => isOf(base, url)));
  const [only, ...others] = apps;
  if (only === undefined && !await isGitHere(signal)) throw new Failure('no app is named, and there is no git here that could say which', {advice: [...ADVICE.slice(0, 1), 'install git: its remotes say which app a folder is']});
  if (only === undefined) throw new Failure('no app is named, and this folder has no git remote of one', {advice: ADVICE});
  if (others.length > 0) throw new Failure(`several git remotes are apps: ${apps.map(([name]) => name).join(', ')}`, {advice: ['choose one with -a <remote>, or for good: git config flynn.remote <remote>']});
  return appOfRemote(only[0], known);
}

function checked(name: string): AppName {
  const problem = problemOfAppName(name);
  if (problem !== undefined) throw new Failure(problem);
  return name as AppName;
}
