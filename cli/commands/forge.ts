import {randomBytes} from 'node:crypto';
import type {ForgeAnswer, HookMade, Written} from '../../reconciler/api/answers.ts';
import {FORGE_KINDS} from '../../schemas/forge.ts';
import {type CommandContext, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {formatForge} from '../output/forge.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {tellOnce, tellWritten} from '../written.ts';

const SECRET_BYTES = 32;

const show: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const answer = await (await context.client()).get<ForgeAnswer>('/v1/forge', signal);
    const {forge: wanted} = answer;
    if (context.isJson) context.out(JSON.stringify(answer, null, 2));
    else if (wanted === undefined) context.err('no forge: nobody elsewhere is told of plans and deploys');
    else for (const line of formatForge(wanted, answer.state, context.nowMs())) context.out(line);
    return 0;
  },
};

const set: Subcommand = {
  usage: `<${FORGE_KINDS.join('|')}> <owner>/<repository> [--url <url>]`,
  async run(args, context, signal) {
    const {values: {url}, words: [kind, repository]} = parseFlags(args, {url: {type: 'string'}}, {wordsMax: 2});
    if (kind === undefined || repository === undefined) throw new UsageError('which one? it has to be like flynn forge set github team/cluster < token');
    if (!FORGE_KINDS.some((one) => one === kind)) throw new UsageError(`"${kind}" is none of ${FORGE_KINDS.join(', ')}`);
    const wanted = {kind, repository, ...(url !== undefined && {url}), token: await tokenFrom(context)};
    return tellWritten(await (await context.client()).post<Written>('/v1/forge', wanted, signal), context);
  },
};

const hook: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    // Made here: the node gets it to seal it, and tells it nobody.
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
    const client = await context.client();
    return tellOnce(client.post<HookMade>('/v1/forge/hook', {secret}, signal), (made) => {
      const url = made?.url ?? `${client.cluster.url}/v1/hooks/cluster`;
      return {note: 'The secret is shown this once; another "flynn forge hook" makes a new one. Pushes and pull (merge) requests, content type application/json.', lines: [`url     ${url}`, `secret  ${secret}`], about: {url, secret}};
    }, context);
  },
};

const remove: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    return tellWritten(await (await context.client()).post<Written>('/v1/forge/remove', {}, signal), context);
  },
};

export const forge = group({
  name: 'forge',
  summary: 'Show, set or remove the forge (GitHub, GitLab, Gitea) that is told of plans and deploys',
  details: [
    'For a cluster repository that is followed from there (flynn up --cluster-repo): open pull requests get a comment with the plan and a status, merged',
    'commits the status of their deploy.',
    'set      the token is read from stdin, and is encrypted in cluster.yaml; gitea is for Forgejo too, and needs --url',
    'hook     makes the secret of webhooks, and says where they are sent; without one it is looked every minute',
  ],
  examples: ['flynn forge', 'flynn forge set github team/cluster < token', 'flynn forge set gitea team/cluster --url https://git.example.com < token', 'flynn forge hook', 'flynn forge remove'],
  subcommands: {set, hook, remove},
  otherwise: show,
});

async function tokenFrom(context: CommandContext): Promise<string> {
  const token = (await context.input()).trim();
  if (token === '') throw new UsageError('the token comes on stdin: flynn forge set github team/cluster < token');
  return token;
}
