import type {PersonAnswer, Written} from '../../reconciler/api/answers.ts';
import {type CommandContext, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import type {Subcommand} from '../subcommands.ts';
import {tellWritten} from '../written.ts';

type Word = (args: readonly string[], context: CommandContext, signal: AbortSignal) => Promise<number>;

const WORDS: Readonly<Record<string, Word>> = {add, remove, list};

/** `flynn people identity`: who people are at identity providers. */
export const identity: Subcommand = {
  usage: '[list | add <user> <subject> [--issuer <url>] [--audience <audience>] [--role <role>] [--for <app>…] | remove <user> <subject> [--issuer <url>]]',
  async run([word = 'list', ...args], context, signal) {
    if (word.startsWith('-')) return list([word, ...args], context, signal);
    const chosen = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
    if (chosen === undefined) throw new UsageError(`"people identity ${word}" is not a flynn command: list, add and remove are`);
    return chosen(args, context, signal);
  },
};

async function list(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  parseFlags(args, {});
  const people = await (await context.client()).get<readonly PersonAnswer[]>('/v1/people', signal);
  const all = people.flatMap(({user, oidc}) => oidc.map((one) => ({user, ...one})));
  if (context.isJson) context.out(JSON.stringify(all, null, 2));
  else if (all.length === 0) context.err('nobody is known by an identity provider');
  else for (const line of table([['user', 'subject', 'issuer', 'audience', 'role', 'apps'], ...all.map(({user, subject, issuer = '', audience = '', role = '', apps = []}) => [user, subject, issuer, audience, role, apps.join(' ')])])) context.out(line);
  return 0;
}

async function add(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const {values: {issuer, audience, role, for: apps}, words: [user, subject]} = parseFlags(args, {
    issuer: {type: 'string'},
    audience: {type: 'string'},
    role: {type: 'string'},
    for: {type: 'string', multiple: true},
  }, {wordsMax: 2});
  if (user === undefined || subject === undefined) throw new UsageError('who is it? it has to be like flynn people identity add ann 248289761001');
  const wanted = {subject, ...(issuer !== undefined && {issuer}), ...(audience !== undefined && {audience}), ...(role !== undefined && {role}), ...(apps !== undefined && {apps})};
  return tellWritten(await (await context.client()).post<Written>(`/v1/people/${encodeURIComponent(user)}/identities`, wanted, signal), context);
}

async function remove(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const {values: {issuer}, words: [user, subject]} = parseFlags(args, {issuer: {type: 'string'}}, {wordsMax: 2});
  if (user === undefined || subject === undefined) throw new UsageError('which one? flynn people identity lists them');
  return tellWritten(await (await context.client()).post<Written>(`/v1/people/${encodeURIComponent(user)}/identities/remove`, {subject, ...(issuer !== undefined && {issuer})}, signal), context);
}
