import {randomInt} from 'node:crypto';
import type {SshAnswer} from '../../reconciler/ssh/answer.ts';
import type {CreatedApp} from '../../reconciler/api/answers.ts';
import {problemOfAppName} from '../../schemas/names.ts';
import {ApiFailure, type Client} from '../client.ts';
import {type Command, type CommandContext, Failure, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {git, isGitHere, remotes} from '../git.ts';
import {answerGitWith} from '../git-credentials.ts';
import {randomName} from '../random-name.ts';
import {tellWritten} from '../written.ts';

const REMOTE_DEFAULT = 'flynn';
/** A name that is taken out of some 100,000 is bad luck; three in a row are something else. */
const NAMES_MAX = 3;

export const create: Command = {
  usage: 'create [<name>] [-r <remote>] [--ssh|--http] [-y]',
  summary: 'Make an app, and a git remote to push it to',
  details: [
    'Without a name it makes one up.',
    `-r, --remote <remote>   name of the git remote (default "${REMOTE_DEFAULT}"; "" for none)`,
    '--ssh                   push it over SSH: flynn people key add says who you are. Without being asked: flynn cluster git <name> ssh',
    '--http                  push it over HTTP, where the cluster is kept with SSH',
    '-y, --yes               replace that remote when it points elsewhere, without asking',
  ],
  examples: ['flynn create shop', 'flynn create shop --ssh', 'flynn create shop-staging -r staging'],

  async run(args, context, signal) {
    const {values, words: [word]} = parseFlags(args, {
      remote: {type: 'string', short: 'r', default: REMOTE_DEFAULT},
      ssh: {type: 'boolean', default: false},
      http: {type: 'boolean', default: false},
      yes: {type: 'boolean', short: 'y', default: false},
    }, {wordsMax: 1});
    const {yes} = values;
    const client = await context.client();
    // A clone of the cluster repository is no place for the remote of an app.
    const remote = client.isOffline === true ? '' : values.remote;
    if (word !== undefined && context.appFlag !== undefined) throw new UsageError(`the name is there twice: "${word}" and -a "${context.appFlag}"`);
    if (!/^(\w[\w./-]*)?$/.test(remote)) throw new UsageError(`"${remote}" can't name a git remote`);
    const name = word ?? context.appFlag;
    const problem = name === undefined ? undefined : problemOfAppName(name);
    // Before anything is said about its remote.
    if (problem !== undefined) throw new Failure(problem);
    if (values.ssh && values.http) throw new UsageError('--ssh or --http, not both');
    const isSsh = values.ssh || (client.cluster.git === 'ssh' && !values.http && remote !== '');
    const base = isSsh ? await sshBase(client, signal) : client.cluster.gitUrl;
    // Looked at first: an app without its remote would be half a job.
    const isWorkTree = remote !== '' && await git(['rev-parse', '--is-inside-work-tree'], context.cwd, signal) === 'true';
    if (isWorkTree) await mayTake(remote, {name, yes, context, base}, signal);

    const created = name === undefined ? await createSomehow(client, signal) : await client.createApp(name, signal);
    // Which ports it is at, a clone does not know.
    if (client.isOffline === true) return tellWritten(created, context);
    // Git is where this command line has it: on the cluster's own machine that is another address than elsewhere.
    const app = {...created, gitUrl: `${base}/${created.name}.git`};
    context.err(name === undefined ? `Creating app... done, ⬢ ${app.name}` : `Creating ⬢ ${app.name}... done`);
    context.out(context.isJson ? JSON.stringify(app, null, 2) : `${app.webUrl} | ${app.gitUrl}`);
    if (isWorkTree) await addRemote(app, {remote, context, client}, signal);
    else if (remote !== '') {
      context.err(await isGitHere(signal) ? 'this is no git work tree; in the one of the app:' : 'there is no git here; where there is, in the work tree of the app:');
      context.err(`  git remote add ${remote} ${app.gitUrl} && git push ${remote} main`);
    }
    return 0;
  },
};

/** Throws `Failure` when it can't be pushed to. */
async function sshBase(client: Client, signal: AbortSignal): Promise<string> {
  const {url, state, problem} = await client.get<SshAnswer>('/v1/ssh', signal);
  if (url === undefined) throw new Failure('this cluster has no git over SSH', {advice: ['git comes over HTTP, with the same rights: flynn create --http']});
  if (state !== 'open') throw new Failure(`git over SSH does not listen: ${problem ?? 'nobody has a key'}`, {advice: ['add yours first: flynn people key add', 'or push over HTTP: flynn create --http']});
  return url;
}

async function createSomehow(client: Client, signal: AbortSignal): Promise<CreatedApp> {
  for (let tries = 1; ; tries++) {
    try {
      return await client.createApp(randomName(randomInt), signal);
    } catch (error) {
      if (!(error instanceof ApiFailure && error.status === 409) || tries === NAMES_MAX) throw error;
    }
  }
}

/** Throws `Failure` when the remote is somebody else's and may not be replaced. */
async function mayTake(
  remote: string, {name, yes, context, base}: {name: string | undefined; yes: boolean; context: CommandContext; base: string}, signal: AbortSignal,
): Promise<void> {
  const url = (await remotes(context.cwd, signal)).get(remote);
  if (url === undefined || yes || (name !== undefined && url === `${base}/${name}.git`)) return;
  if (await context.confirm(`The git remote "${remote}" is ${url}. Replace it?`, signal)) return;
  throw new Failure(`the git remote "${remote}" is there already: ${url}`, {advice: ['give the new one another name with -r <remote>, or replace it with -y']});
}

async function addRemote(app: CreatedApp, {remote, context, client}: {remote: string; context: CommandContext; client: Client}, signal: AbortSignal): Promise<void> {
  const isThere = (await remotes(context.cwd, signal)).has(remote);
  const done = await git(isThere ? ['remote', 'set-url', remote, app.gitUrl] : ['remote', 'add', remote, app.gitUrl], context.cwd, signal);
  if (done === undefined) {
    throw new Failure(`⬢ ${app.name} is made, but git refuses the remote "${remote}"`, {advice: [`git remote add <remote> ${app.gitUrl}`]});
  }
  await answerGitWith(client.cluster.gitUrl, context, signal);
  const branch = await git(['symbolic-ref', '--short', 'HEAD'], context.cwd, signal) ?? 'main';
  context.err(`The git remote "${remote}" is ${isThere ? 'now this app' : 'added'}. Deploy with: git push ${remote} ${branch === 'main' || branch === 'master' ? branch : `${branch}:main`}`);
}
