import type {TeamAnswer, Written} from '../../reconciler/api/answers.ts';
import {UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {appRoles, appsInWords, roleChanges} from '../role-words.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {tellWritten} from '../written.ts';

const WHICH = 'which one? flynn team lists them';
const WORDS_MAX = 100;

const list: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const teams = await (await context.client()).get<readonly TeamAnswer[]>('/v1/teams', signal);
    if (context.isJson) context.out(JSON.stringify(teams, null, 2));
    else if (teams.length === 0) context.err('no teams yet; make one: flynn team add');
    else for (const line of table([['TEAM', 'MEMBERS', 'CLUSTER', 'APPS'], ...teams.map(({name, members, role, apps}) => [name, members.join(' '), role ?? '', appsInWords(apps)])])) context.out(line);
    return 0;
  },
};

const info: Subcommand = {
  usage: '<team>',
  async run(args, context, signal) {
    const {words: [name]} = parseFlags(args, {}, {wordsMax: 1});
    if (name === undefined) throw new UsageError(WHICH);
    const team = await (await context.client()).get<TeamAnswer>(`/v1/teams/${encodeURIComponent(name)}`, signal);
    if (context.isJson) context.out(JSON.stringify(team, null, 2));
    else for (const line of table([['Team:', team.name], ['Members:', team.members.join(' ') || 'nobody'], ['Cluster:', team.role ?? 'no role'], ['Apps:', appsInWords(team.apps) || 'no roles']])) context.out(line);
    return 0;
  },
};

const add: Subcommand = {
  usage: '<team> [--member <user>…] [--role <role>] [<app>=<role>…]',
  async run(args, context, signal) {
    const {values: {member, role}, words: [team, ...pairs]} = parseFlags(args, {member: {type: 'string', short: 'm', multiple: true, default: []}, role: {type: 'string'}}, {wordsMax: WORDS_MAX});
    if (team === undefined) throw new UsageError('it has to be like flynn team add web --member ann --member bob shop=deployer');
    const wish = {team, members: member, ...(role !== undefined && {role}), ...(pairs.length > 0 && {apps: appRoles(pairs)})};
    return tellWritten(await (await context.client()).post<Written>('/v1/teams', wish, signal), context);
  },
};

const remove: Subcommand = {
  usage: '<team>',
  async run(args, context, signal) {
    const {words: [team]} = parseFlags(args, {}, {wordsMax: 1});
    if (team === undefined) throw new UsageError(WHICH);
    return tellWritten(await (await context.client()).post<Written>(`/v1/teams/${encodeURIComponent(team)}/remove`, {}, signal), context);
  },
};

const member: Subcommand = {
  usage: 'add|remove <team> <user>…',
  async run(args, context, signal) {
    const {words: [what, team, ...users]} = parseFlags(args, {}, {wordsMax: WORDS_MAX});
    if ((what !== 'add' && what !== 'remove') || team === undefined || users.length === 0) throw new UsageError('it has to be like flynn team member add web ann bob');
    return tellWritten(await (await context.client()).post<Written>(`/v1/teams/${encodeURIComponent(team)}/members`, {[what]: users}, signal), context);
  },
};

const role: Subcommand = {
  usage: '<team> [<role>|none] [<app>=<role>|none…]',
  async run(args, context, signal) {
    const {words: [team, ...words]} = parseFlags(args, {}, {wordsMax: WORDS_MAX});
    if (team === undefined || words.length === 0) throw new UsageError('it has to be like flynn team role web viewer shop=maintainer blog=none');
    return tellWritten(await (await context.client()).post<Written>(`/v1/teams/${encodeURIComponent(team)}/roles`, roleChanges(words), signal), context);
  },
};

export const team = group({
  name: 'team',
  summary: 'List, make or remove teams, who is in them, and what they may do',
  details: [
    'A role of a team is one of each of its members; the highest one that somebody has counts (docs/people.md).',
    'Roles are viewer, deployer, maintainer and admin: alone for the whole cluster, as <app>=<role> for an app. `none` takes one away.',
  ],
  examples: ['flynn team', 'flynn team add web --member ann --member bob shop=deployer', 'flynn team member add web eve', 'flynn team role web viewer shop=maintainer', 'flynn team remove web'],
  subcommands: {list, info, add, remove, member, role},
  otherwise: list,
});
