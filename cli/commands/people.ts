import type {PersonAnswer, Written} from '../../reconciler/api/answers.ts';
import {UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {appRoles, appsInWords, roleChanges} from '../role-words.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {tellWritten} from '../written.ts';
import {identity} from './people-identities.ts';
import {key} from './people-keys.ts';

const list: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const people = await (await context.client()).get<readonly PersonAnswer[]>('/v1/people', signal);
    if (context.isJson) context.out(JSON.stringify(people, null, 2));
    else if (people.length === 0) context.err('nobody but the operator');
    else for (const line of table([['USER', 'NAME', 'EMAIL', 'CLUSTER', 'APPS'], ...people.map(rowOf)])) context.out(line);
    return 0;
  },
};

const add: Subcommand = {
  usage: '<user> --name <name> --email <address> [--role <role>] [<app>=<role>…]',
  async run(args, context, signal) {
    const {values: {name, email, role}, words: [user, ...pairs]} = parseFlags(args, {name: {type: 'string'}, email: {type: 'string'}, role: {type: 'string'}}, {wordsMax: 100});
    if (user === undefined || name === undefined || email === undefined) throw new UsageError('it has to be like flynn people add ann --name "Ann Lee" --email ann@example.com shop=deployer');
    const apps = appRoles(pairs);
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

const role: Subcommand = {
  usage: '<user> [<role>|none] [<app>=<role>|none…]',
  async run(args, context, signal) {
    const {words: [user, ...words]} = parseFlags(args, {}, {wordsMax: 100});
    if (user === undefined || words.length === 0) throw new UsageError('it has to be like flynn people role ann viewer shop=maintainer blog=none');
    return tellWritten(await (await context.client()).post<Written>(`/v1/people/${encodeURIComponent(user)}/roles`, roleChanges(words), signal), context);
  },
};

export const people = group({
  name: 'people',
  summary: 'List, add or remove people, what they may do, their SSH keys, and who they are at identity providers',
  details: [
    'Roles are viewer, deployer, maintainer and admin (docs/people.md): for the whole cluster with --role, for an app as <app>=<role>.',
    'key      public keys for git over SSH, your own unless -u says whose; add takes the one in ~/.ssh, or a file, or - for stdin',
    'identity who somebody is at the cluster\'s identity provider (flynn oidc), so that `flynn login` lets him in; or at another --issuer, for jobs of CI that have no',
    '         token: their tokens have to be for --audience (https://api.<domain>). --role and --for limit it as with tokens.',
    '`flynn people role` changes roles; `none` takes one away. Roles of several people at once: flynn team.',
  ],
  examples: ['flynn people', 'flynn people add ann --name "Ann Lee" --email ann@example.com --role viewer shop=maintainer', 'flynn people role ann deployer shop=none', 'flynn people remove ann', 'flynn people key add', 'flynn people key add ann.pub -u ann', 'flynn people key remove ann@laptop', 'flynn people identity add ann 248289761001', 'flynn people identity add shop-ci repo:acme/shop:ref:refs/heads/main --issuer https://token.actions.githubusercontent.com --role deployer --for shop'],
  subcommands: {add, remove, role, key, identity},
  otherwise: list,
});

function rowOf({user, name, email, role, apps}: PersonAnswer): readonly string[] {
  return [user, name, email, role ?? '', appsInWords(apps)];
}
