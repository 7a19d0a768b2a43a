import {randomBytes} from 'node:crypto';
import type {HookMade} from '../../reconciler/api/answers.ts';
import type {SourceLine, SourceStatus} from '../../reconciler/source/status.ts';
import {type CommandContext, Failure} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {palette} from '../output/color.ts';
import {sourceFacts} from '../output/source.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {tellOnce} from '../written.ts';

/** Bytes of a webhook's secret. In the form that GitLab's signing tokens have to have; to the others it is a text. */
const SECRET_BYTES = 32;

const show: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const client = await context.client();
    const app = await context.app(undefined, signal);
    const source = await client.get<SourceStatus>(`/v1/apps/${app}/source`, signal);
    if (context.isJson) context.out(JSON.stringify(source, null, 2));
    else for (const line of sourceFacts(app, source, look(context))) context.out(line);
    return 0;
  },
};

const sync: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const client = await context.client();
    const app = await context.app(undefined, signal);
    const interrupted = () => context.err('stopped waiting; what was begun goes on');
    signal.addEventListener('abort', interrupted, {once: true});
    try {
      for await (const line of client.postLines<SourceLine>(`/v1/apps/${app}/source/sync`, {}, signal)) {
        if ('print' in line) context.err(line.print);
        else return told(line.source, context);
      }
    } finally {
      signal.removeEventListener('abort', interrupted);
    }
    throw new Failure('the cluster stopped answering before it was done', {advice: [`it goes on by itself; see: flynn source -a ${app}`]});
  },
};

const hook: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const client = await context.client();
    const app = await context.app(undefined, signal);
    // Made here: the node gets it to seal it, and tells it nobody.
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
    return tellOnce(client.post<HookMade>(`/v1/apps/${app}/source/hook`, {secret}, signal), (made) => {
      const url = made?.url ?? `${client.cluster.url}/v1/hooks/${app}`;
      return {note: 'The secret is shown this once; another "flynn source hook" makes a new one. Pushes only, content type application/json.', lines: [`url     ${url}`, `secret  ${secret}`], about: {url, secret}};
    }, context);
  },
};

export const source = group({
  name: 'source',
  summary: 'Show where an app\'s source is followed, and look at it now',
  details: [
    'With `source:` in app.yaml each new commit of a branch elsewhere is built and deployed, without a push to this cluster.',
    'sync   looks at once, and tries the newest commit also when it has failed before; Ctrl-C stops watching, not the deploy',
    'hook   makes the secret of webhooks (GitHub, GitLab, Gitea, Forgejo), and says where they are sent',
  ],
  examples: ['flynn source', 'flynn source sync -a shop', 'flynn source hook'],
  subcommands: {sync, hook},
  otherwise: show,
});

function look(context: CommandContext) {
  return {nowMs: context.nowMs(), colors: palette(context)};
}

/** Exit status: 0 when the newest commit is deployed. */
function told(status: SourceStatus, context: CommandContext): number {
  const {state, branch, commit, release, detail} = status;
  if (context.isJson) context.out(JSON.stringify(status, null, 2));
  if (state === 'deployed') {
    context.err(`${branch} ${commit?.slice(0, 8) ?? ''} is deployed${release === undefined ? '' : ` as v${release}`}`);
    return 0;
  }
  context.err(`error: ${detail ?? `the source is ${state}`}`);
  return 1;
}
