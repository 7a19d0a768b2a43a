import type {PersonAnswer, Written} from '../../reconciler/api/answers.ts';
import {UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {tellWritten} from '../written.ts';

const list: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const people = await (await context.client()).get<readonly PersonAnswer[]>('/v1/people', signal);
    if (context.isJson) context.out(JSON.stringify(people, null, 2));
    else if (people.length === 0) context.err('nobody but the operator');
    else for (const line of table([['user', 'name', 'email', 'cluster', 'apps'], ...people.map(rowOf)])) context.out(line);
    return 0;
  },
};

const add: Subcommand = {
  usage: '<user> --name <name> --email <address> [--role <role>] [<app>=<role>…]',
  async run(args, context, signal) {
    const {values: {name, email, role}, words: [user, ...pairs]} = parseFlags(args, {name: {type: 'string'}, email: {type: 'string'}, role: {type: 'string'}}, {wordsMax: 100});
    if (user === undefined || name === undefined || email === undefined) throw new UsageError('it has to be like flynn people add ann --name "Ann Lee" --email ann@example.com shop=deployer');
    const apps = Object.fromEntries(pairs.map(pairOf));
    return tellWritten(await (await context.client()).post<Written>('/v1/people', {user, name, email, ...(role !== undefined && {role}), ...(pairs.length > 0 && {apps})}, signal), context);
  },
};

const remove: Subcommand = {
  usage: '<user>',
  async run(args, context, signal) {
    const {words: [user]} = parseFlags(args, {}, {wordsMax: 1});
    if (user === undefined) throw new UsageError('whom? flynn people lists them');
    return tellWritten(await (await context.client()).post<Written>(`/v1/people/${user}/remove`, {}, signal), context);
  },
};

export const people = group({
  name: 'people',
  summary: 'List, add or remove people and what they may do',
  details: [
    'Roles are viewer, deployer, maintainer and admin (docs/people.md): for the whole cluster with --role, for an app as <app>=<role>.',
    'Teams, and changes of roles, are edits of people/ and teams/ in the cluster repository.',
  ],
  examples: ['flynn people', 'flynn people add ann --name "Ann Lee" --email ann@example.com --role viewer shop=maintainer', 'flynn people remove ann'],
  subcommands: {add, remove},
  otherwise: list,
});

function rowOf({user, name, email, role, apps}: PersonAnswer): readonly string[] {
  return [user, name, email, role ?? '', Object.entries(apps).map(([app, of]) => `${app}=${of}`).join(' ')];
}

function pairOf(word: string): readonly [string, string] {
  const [, app, role] = /^([^=]+)=(.+)$/.exec(word) ?? [];
  if (app === undefined || role === undefined) throw new UsageError(`"${word}" is no role for an app; it has to be like shop=deployer`);
  return [app, role];
}
