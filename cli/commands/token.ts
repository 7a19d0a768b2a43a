import type {PersonAnswer, Written} from '../../reconciler/api/answers.ts';
import {UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {newToken} from '../new-token.ts';
import {ownName} from '../own-name.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {tellOnce, tellWritten} from '../written.ts';

const list: Subcommand = {
  usage: '[-u <user>]',
  async run(args, context, signal) {
    const {values} = parseFlags(args, {user: {type: 'string', short: 'u'}});
    const people = await (await context.client()).get<readonly PersonAnswer[]>('/v1/people', signal);
    const tokens = people.filter(({user}) => values.user === undefined || user === values.user).flatMap(({user, tokens: own}) => own.map((token) => ({user, ...token})));
    if (context.isJson) context.out(JSON.stringify(tokens, null, 2));
    else if (tokens.length === 0) context.err('no tokens');
    else for (const line of table([['USER', 'TOKEN', 'ROLE', 'APPS', 'EXPIRES'], ...tokens.map(({user, name, role = '', apps = [], expires = 'never'}) => [user, name, role, apps.join(' '), expires])])) context.out(line);
    return 0;
  },
};

const add: Subcommand = {
  usage: '<name> [-u <user>] [--role <role>] [--for <app>…] [--expires <day>]',
  async run(args, context, signal) {
    const {values, words: [name]} = parseFlags(args, {
      user: {type: 'string', short: 'u'},
      role: {type: 'string'},
      for: {type: 'string', multiple: true},
      expires: {type: 'string'},
    }, {wordsMax: 1});
    if (name === undefined) throw new UsageError('what is it for? it has to be like flynn token add laptop');
    const user = values.user ?? await ownName(context, signal);
    const {token, hash} = newToken();
    const {role, expires, for: apps} = values;
    if (expires !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(expires) && expires < new Date(context.nowMs()).toISOString().slice(0, expires.length)) throw new UsageError(`--expires is "${expires}", and that day is over`);
    const wish = {name, hash, ...(role !== undefined && {role}), ...(apps !== undefined && {apps}), ...(expires !== undefined && {expires})};
    const change = (await context.client()).post<Written>(`/v1/people/${user}/tokens`, wish, signal);
    return tellOnce(change, () => ({note: 'This is the only time that the token is shown:', lines: [token], about: {user, name, token}}), context);
  },
};

const remove: Subcommand = {
  usage: '<name> [-u <user>]',
  async run(args, context, signal) {
    const {values, words: [name]} = parseFlags(args, {user: {type: 'string', short: 'u'}}, {wordsMax: 1});
    if (name === undefined) throw new UsageError('which one? flynn token lists them');
    const user = values.user ?? await ownName(context, signal);
    const written = await (await context.client()).post<Written>(`/v1/people/${user}/tokens/${name}/remove`, {}, signal);
    return tellWritten(written, context);
  },
};

export const token = group({
  name: 'token',
  summary: 'List, make or remove what programs prove themselves with',
  details: [
    'A token is printed once, when it is made; people/<user>.yaml has its hash.',
    '-u, --user   whose; default: your own',
    '--role       the most that may be done with it; default: what its owner may',
    '--for        an app that it is good for, again for more; default: all of its owner',
    '--expires    the last day of it, such as 2027-01-31; default: never',
  ],
  examples: ['flynn token', 'flynn token add laptop', 'flynn token add ci -u shop-ci --role deployer --for shop --expires 2027-01-31 > token', 'flynn token remove laptop'],
  subcommands: {add, remove},
  otherwise: list,
});
