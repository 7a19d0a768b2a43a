import type {DeployLine, DeployWish} from '../../reconciler/node.ts';
import type {ReleaseLine} from '../../reconciler/release/releases.ts';
import type {AppName} from '../../schemas/ids.ts';
import {type CommandContext, Failure, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {followRelease, reportRelease} from '../release-made.ts';
import {group, type Subcommand} from '../subcommands.ts';

const PORT_MAX = 65_535;
const WORDS_MAX = 100;

const one: Subcommand = {
  usage: '--branch <branch> | --commit <commit> | --image <image>[@<digest>] [--pull] [-t <service>] [--port <port>] [-- <command>…]',

  async run(args, context, signal) {
    const {values, words} = parseFlags(args, {
      branch: {type: 'string', short: 'b'},
      commit: {type: 'string'},
      image: {type: 'string', short: 'i'},
      pull: {type: 'boolean', default: false},
      service: {type: 'string', short: 't', default: 'web'},
      port: {type: 'string'},
    }, {wordsMax: WORDS_MAX});
    const {branch, commit} = values;
    if ([branch, commit, values.image].filter((value) => value !== undefined).length > 1) throw new UsageError('one of --branch, --commit and --image, not several');
    if (branch !== undefined) return deployPushed({branch}, args, context, signal);
    if (commit !== undefined) return deployPushed({commit}, args, context, signal);
    if (values.image === undefined) throw new UsageError('which branch, commit or image? What is in your work tree is deployed by: git push flynn main');
    if (words.length > 0 && !args.includes('--')) throw new UsageError(`"${words[0]}" is one word too many; a command comes after --`);
    const client = await context.client();
    const app = await context.app(undefined, signal);
    const wish = {image: values.image, pull: values.pull, service: values.service, command: words, ...(values.port === undefined ? {} : {port: parsePort(values.port)})};
    const outcome = await followRelease(client.postLines<ReleaseLine>(`/v1/apps/${app}/releases`, wish, signal), {app, context}, signal);
    if (context.isJson) context.out(JSON.stringify(outcome, null, 2));
    const status = reportRelease(outcome, app, context);
    if (outcome.result === 'healthy') context.err(`Deploying ${values.image} to ⬢ ${app}... done, v${outcome.release}`);
    return status;
  },
};

export const deploy = group({
  name: 'deploy',
  summary: 'Deploy what was pushed before, or a prebuilt image, or decide about a deploy that tries its canaries',
  details: [
    '--branch and --commit build and deploy what was pushed before, as a push of it would: it waits until the release serves, and Ctrl-C',
    'cancels and undoes it. A commit is given by at least its first 7 digits.',
    "The image is taken from the engine of the cluster's machine, where docker build, load and import put it; when it is not there, it is pulled",
    'from its registry. Its own command is run, unless one is given here or in app.yaml, and web gets the lowest port that it exposes.',
    "--pull               ask the registry although the engine has the image",
    '-t, --service <name> the service that it is (default web)',
    '--port <port>        where it listens, when it exposes none or several',
    'promote gives all requests to the new replicas of a canary deploy now, abort takes them back; neither waits for the limits.',
  ],
  examples: ['flynn deploy --branch try', 'flynn deploy --commit 1a2b3c4d -a shop', 'flynn deploy --image nginx:1.27', 'flynn deploy --image registry.example.com/shop@sha256:… -a shop', 'flynn deploy --image worker:dev -t worker -- node worker.js', 'flynn deploy promote', 'flynn deploy abort -a shop'],
  otherwise: one,
  subcommands: {promote: deciding('promote'), abort: deciding('abort')},
});

/** Deploys what is in the app's repository on the node, as a push would. */
async function deployPushed(wish: DeployWish, args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const [name = '', value = ''] = Object.entries(wish)[0] ?? [];
  // What is said of an image means nothing here.
  parseFlags(args, {branch: {type: 'string', short: 'b'}, commit: {type: 'string'}});
  if (name === 'commit' && !/^[0-9a-f]{7,40}$/.test(value)) throw new UsageError(`--commit is "${value}"; it has to be 7 to 40 hex digits`);
  const client = await context.client();
  const app = await context.app(undefined, signal);
  const interrupted = () => context.err('cancelled; what was begun is undone');
  signal.addEventListener('abort', interrupted, {once: true});
  try {
    const deployed = await followDeploy(client.postLines<DeployLine>(`/v1/apps/${app}/builds`, wish, signal), {app, context});
    if (context.isJson) context.out(JSON.stringify(deployed, null, 2));
    context.err(deployed.proposal === undefined ? `Deploying ${name} ${value} to ⬢ ${app}... done, v${deployed.release}` : `Proposing ${name} ${value} for ⬢ ${app}... done, #${deployed.proposal}`);
    return 0;
  } finally {
    signal.removeEventListener('abort', interrupted);
  }
}

async function followDeploy(lines: AsyncIterable<DeployLine>, {app, context}: {app: AppName; context: CommandContext}) {
  for await (const line of lines) {
    if ('print' in line) context.err(line.print);
    if ('deployed' in line) return line.deployed;
  }
  throw new Failure('the cluster stopped answering before the deploy was done', {advice: [`see what became of it: flynn builds -a ${app}`]});
}

/** About a canary deploy. */
function deciding(word: 'promote' | 'abort'): Subcommand {
  return {
    usage: '',
    async run(args, context, signal) {
      parseFlags(args, {});
      const client = await context.client();
      const app = await context.app(undefined, signal);
      const answer = await client.post<unknown>(`/v1/apps/${app}/canary/${word}`, {}, signal);
      if (context.isJson) context.out(JSON.stringify(answer, null, 2));
      context.err(`${word === 'promote' ? 'Promoting' : 'Aborting'} the deploy of ⬢ ${app}... done`);
      return 0;
    },
  };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > PORT_MAX) throw new UsageError(`--port is "${text}"; it has to be a whole number from 1 to ${PORT_MAX}`);
  return port;
}
