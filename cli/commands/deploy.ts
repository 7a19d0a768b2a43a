import type {ReleaseLine} from '../../reconciler/release/releases.ts';
import {UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {followRelease, reportRelease} from '../release-made.ts';
import {group, type Subcommand} from '../subcommands.ts';

const PORT_MAX = 65_535;
const WORDS_MAX = 100;

const image: Subcommand = {
  usage: '--image <image>[@<digest>] [--pull] [-t <service>] [--port <port>] [-- <command>…]',

  async run(args, context, signal) {
    const {values, words} = parseFlags(args, {
      image: {type: 'string', short: 'i'},
      pull: {type: 'boolean', default: false},
      service: {type: 'string', short: 't', default: 'web'},
      port: {type: 'string'},
    }, {wordsMax: WORDS_MAX});
    if (values.image === undefined) throw new UsageError('which image? Code is deployed by: git push flynn main');
    if (words.length > 0 && !args.includes('--')) throw new UsageError(`"${words[0]}" is one word too many; a command comes after --`);
    const client = await context.client();
    const app = await context.app(undefined, signal);
    const wish = {image: values.image, pull: values.pull, service: values.service, command: words, ...(values.port === undefined ? {} : {port: parsePort(values.port)})};
    const outcome = await followRelease(client.postLines<ReleaseLine>(`/v1/apps/${app}/releases`, wish, signal), {app, context}, signal);
    if (context.isJson) context.out(JSON.stringify(outcome, null, 2));
    const status = reportRelease(outcome, app, context);
    if (status === 0) context.err(`Deploying ${values.image} to ⬢ ${app}... done, v${outcome.release}`);
    return status;
  },
};

export const deploy = group({
  name: 'deploy',
  summary: 'Deploy a prebuilt image, or decide about a deploy that tries its canaries',
  details: [
    "The image is taken from the engine of the cluster's machine, where docker build, load and import put it; when it is not there, it is pulled",
    'from its registry. Its own command is run, unless one is given here or in app.yaml, and web gets the lowest port that it exposes.',
    "--pull               ask the registry although the engine has the image",
    '-t, --service <name> the service that it is (default web)',
    '--port <port>        where it listens, when it exposes none or several',
    'promote gives all requests to the new replicas of a canary deploy now, abort takes them back; neither waits for the limits.',
  ],
  examples: ['flynn deploy --image nginx:1.27', 'flynn deploy --image registry.example.com/shop@sha256:… -a shop', 'flynn deploy --image worker:dev -t worker -- node worker.js', 'flynn deploy promote', 'flynn deploy abort -a shop'],
  otherwise: image,
  subcommands: {promote: deciding('promote'), abort: deciding('abort')},
});

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
