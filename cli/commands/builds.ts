import type {BuildCache, BuildLine, ListedBuild} from '../../reconciler/builds/builds.ts';
import type {AppName} from '../../schemas/ids.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import type {Client} from '../client.ts';
import {type CommandContext, Failure, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {buildFacts, buildTable, outcomeOf} from '../output/builds.ts';
import {palette} from '../output/color.ts';
import {group, type Subcommand} from '../subcommands.ts';

const COUNT_DEFAULT = '15';

const list: Subcommand = {
  usage: '[-n <count>]',
  async run(args, context, signal) {
    const {values} = parseFlags(args, {num: {type: 'string', short: 'n', default: COUNT_DEFAULT}});
    if (!/^[1-9]\d{0,2}$/.test(values.num)) throw new UsageError(`-n is "${values.num}"; it has to be a whole number from 1 to 999`);
    const {client, app} = await clientAndApp(context, signal);
    const all = await client.get<readonly ListedBuild[]>(`/v1/apps/${app}/builds?limit=${values.num}`, signal);
    if (context.isJson) context.out(JSON.stringify(all, null, 2));
    else if (all.length === 0) context.err(`no builds of ⬢ ${app} yet: git push flynn main`);
    else for (const line of buildTable(app, all, {nowMs: context.nowMs(), colors: palette(context)})) context.out(line);
    return 0;
  },
};

const info: Subcommand = {
  usage: '[<number>]',
  async run(args, context, signal) {
    const {words: [word]} = parseFlags(args, {}, {wordsMax: 1});
    const {client, app} = await clientAndApp(context, signal);
    const build = await chosen(word, {client, app}, signal);
    if (context.isJson) context.out(JSON.stringify(build, null, 2));
    else for (const line of buildFacts(build, {nowMs: context.nowMs(), colors: palette(context)})) context.out(line);
    return 0;
  },
};

const logs: Subcommand = {
  usage: '[<number>] [-f]',
  async run(args, context, signal) {
    const {values: {follow}, words: [word]} = parseFlags(args, {follow: {type: 'boolean', short: 'f', default: false}}, {wordsMax: 1});
    const {client, app} = await clientAndApp(context, signal);
    const {number} = await chosen(word, {client, app}, signal);
    for await (const line of client.follow<BuildLine>(`/v1/apps/${app}/builds/${number}/log?follow=${follow}`, signal)) {
      if (context.isJson) context.out(JSON.stringify(line));
      else if ('line' in line) context.out(line.line);
      else context.err(`build ${number} ${outcomeOf(line.build)}`);
    }
    return 0;
  },
};

const cancel: Subcommand = {
  usage: '[<number>]',
  async run(args, context, signal) {
    const {words: [word]} = parseFlags(args, {}, {wordsMax: 1});
    const {client, app} = await clientAndApp(context, signal);
    const {number} = word === undefined ? await only(await client.get<readonly ListedBuild[]>(`/v1/apps/${app}/builds`, signal), app) : {number: parseNumber(word)};
    const build = await client.postOnce<ListedBuild>(`/v1/apps/${app}/builds/${number}/cancel`, {}, signal);
    if (context.isJson) context.out(JSON.stringify(build, null, 2));
    context.err(`Cancelling build ${number} of ⬢ ${app}... ${build.state === 'cancelled' ? 'done' : outcomeOf(build)}`);
    return build.state === 'cancelled' ? 0 : 1;
  },
};

const cache: Subcommand = {
  usage: '[purge]',
  async run(args, context, signal) {
    const {words: [word]} = parseFlags(args, {}, {wordsMax: 1});
    if (word !== undefined && word !== 'purge') throw new UsageError(`"${word}" means nothing here; known is purge`);
    const {client, app} = await clientAndApp(context, signal);
    const place = `/v1/apps/${app}/build-cache`;
    const answer = word === undefined ? await client.get<BuildCache>(place, signal) : await client.postOnce<BuildCache>(`${place}/purge`, {}, signal);
    if (context.isJson) context.out(JSON.stringify(answer, null, 2));
    else if (word === undefined) context.out(`${formatBytes(answer.bytes)}${answer.maxBytes === undefined ? '' : ` of ${formatBytes(answer.maxBytes)}`}`);
    if (word !== undefined) context.err(`Emptying the build cache of ⬢ ${app}... done, ${formatBytes(answer.bytes)}`);
    return 0;
  },
};

export const builds = group({
  name: 'builds',
  summary: 'List the builds of an app, show one and its log, cancel one, or empty the cache',
  details: [
    'Without a number the newest one is meant; of cancel: the one that has not ended.',
    'logs         what it printed; -f, --follow goes on until it has ended',
    'cancel       also one that waits for its turn; whoever pushed it is told by whom',
    'cache        what builds of the app keep for the next one; purge empties it, and the next build takes longer',
  ],
  examples: ['flynn builds', 'flynn builds info 12', 'flynn builds logs -f', 'flynn builds cancel 12', 'flynn builds:cache purge -a shop'],
  otherwise: list,
  subcommands: {info, logs, cancel, cache},
});

async function clientAndApp(context: CommandContext, signal: AbortSignal): Promise<{readonly client: Client; readonly app: AppName}> {
  const client = await context.client();
  return {client, app: await context.app(undefined, signal)};
}

async function chosen(word: string | undefined, {client, app}: {client: Client; app: AppName}, signal: AbortSignal): Promise<ListedBuild> {
  if (word !== undefined) return client.get<ListedBuild>(`/v1/apps/${app}/builds/${parseNumber(word)}`, signal);
  const [newest] = await client.get<readonly ListedBuild[]>(`/v1/apps/${app}/builds?limit=1`, signal);
  if (newest === undefined) throw new Failure(`no builds of ⬢ ${app} yet`, {advice: ['git push flynn main']});
  return newest;
}

/** Nobody should end somebody else's build because there were two. */
function only(all: readonly ListedBuild[], app: AppName): ListedBuild {
  const open = all.filter(({endedAt}) => endedAt === undefined);
  const [one] = open;
  if (one === undefined) throw new Failure(`no build of ⬢ ${app} is running or waiting`);
  if (open.length > 1) throw new UsageError(`which of them? ${open.map(({number, state}) => `${number} (${state})`).join(', ')}`);
  return one;
}

function parseNumber(word: string): number {
  const [, digits] = /^#?(\d{1,9})$/.exec(word) ?? [];
  if (digits === undefined || Number(digits) === 0) throw new UsageError(`"${word}" is no build; it has to be a number such as 12`);
  return Number(digits);
}
