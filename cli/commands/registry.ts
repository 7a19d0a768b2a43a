import type {RegistryAnswer, Written} from '../../reconciler/api/answers.ts';
import {formatRegistry} from '../output/registry.ts';
import {type CommandContext, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {tellWritten} from '../written.ts';

const show: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const answer = await (await context.client()).get<RegistryAnswer>('/v1/registry', signal);
    const {registry} = answer;
    if (context.isJson) context.out(JSON.stringify(answer, null, 2));
    else if (registry === undefined) context.err('no registry: images of releases are on the nodes only');
    else for (const line of formatRegistry(registry, answer.state)) context.out(line);
    return 0;
  },
};

const set: Subcommand = {
  usage: '<host>[/<path>] [-u <user>]',
  async run(args, context, signal) {
    const {values: {user}, words: [where]} = parseFlags(args, {user: {type: 'string', short: 'u'}}, {wordsMax: 1});
    if (where === undefined) throw new UsageError('which one? it has to be like flynn registry set registry.example.com/team -u ann');
    const [, host = '', path] = /^([^/]+)(?:\/(.+))?$/.exec(where) ?? [];
    const wanted = {host, ...(path !== undefined && {path}), ...(user !== undefined && {username: user, password: await passwordFrom(context)})};
    return tellWritten(await (await context.client()).post<Written>('/v1/registry', wanted, signal), context);
  },
};

const remove: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    return tellWritten(await (await context.client()).post<Written>('/v1/registry/remove', {}, signal), context);
  },
};

export const registry = group({
  name: 'registry',
  summary: 'Show, set or remove the registry that images of releases are pushed to',
  details: [
    'None is needed on one node. With one the images of releases are pushed there, and pulled where a node does not have them. Those that no release',
    'needs any more are removed there.',
    '-u, --user   who logs in; the password is read from stdin, and is encrypted in cluster.yaml',
  ],
  examples: ['flynn registry', 'flynn registry set registry.example.com/team -u ann < password', 'flynn registry remove'],
  subcommands: {set, remove},
  otherwise: show,
});

async function passwordFrom(context: CommandContext): Promise<string> {
  const password = (await context.input()).replace(/\r?\n$/, '');
  if (password === '') throw new UsageError('the password comes on stdin: flynn registry set registry.example.com -u ann < password');
  return password;
}
