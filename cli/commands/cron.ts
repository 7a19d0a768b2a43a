import type {CronLine} from '../../reconciler/node.ts';
import type {CronRunStatus, CronStatus} from '../../reconciler/status/cron.ts';
import type {Written} from '../../reconciler/api/answers.ts';
import type {AppName} from '../../schemas/ids.ts';
import type {Client} from '../client.ts';
import {type CommandContext, Failure, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {cronTable, outcomeOf, runsTable} from '../output/cron.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {formatLogLine} from './logs.ts';

const list: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const {app, crons} = await ask(context, signal);
    if (context.isJson) context.out(JSON.stringify(crons, null, 2));
    else if (crons.length === 0) context.err(`no cron jobs on ⬢ ${app}: they stand in apps/${app}/app.yaml, and run from its first release on`);
    else for (const line of cronTable(crons, context.nowMs())) context.out(line);
    return 0;
  },
};

const runs: Subcommand = {
  usage: '<name>',
  async run(args, context, signal) {
    const {crons, app} = await ask(context, signal);
    const cron = named(nameIn(args), {crons, app});
    if (context.isJson) context.out(JSON.stringify(cron.runs, null, 2));
    else if (cron.runs.length === 0) context.err(`${cron.name} has not run yet${cron.nextAt === undefined ? '' : `; it is due at ${cron.nextAt}`}`);
    else for (const line of runsTable(cron.runs)) context.out(line);
    return 0;
  },
};

const run: Subcommand = {
  usage: '<name> [--detach]',
  async run(args, context, signal) {
    const {values: {detach}, words: [name]} = parseFlags(args, {detach: {type: 'boolean', short: 'd', default: false}}, {wordsMax: 1});
    if (name === undefined) throw new UsageError('which cron job?');
    const {client, app} = await clientAndApp(context, signal);
    const started = await client.post<CronRunStatus>(`/v1/apps/${app}/cron/${encodeURIComponent(name)}/runs`, {}, signal);
    if (detach) {
      context.err(`see it with: flynn cron logs ${name} ${started.id}`);
      context.out(context.isJson ? JSON.stringify(started) : started.id);
      return 0;
    }
    context.err(`Running ${name} of ⬢ ${app}... ${started.id}`);
    return follow({client, app, cron: name, run: started.id}, {context, mode: 'follow'}, signal);
  },
};

const logs: Subcommand = {
  usage: '<name> [<run>] [-f]',
  async run(args, context, signal) {
    const {values: {follow: isFollowed}, words: [name, id]} = parseFlags(args, {follow: {type: 'boolean', short: 'f', default: false}}, {wordsMax: 2});
    if (name === undefined) throw new UsageError('which cron job?');
    const {client, app, crons} = await ask(context, signal);
    const last = named(name, {crons, app}).runs.findLast(({startedAt}) => startedAt !== undefined);
    const chosen = id ?? last?.id;
    if (chosen === undefined) throw new Failure(`${name} has not run yet`, {advice: [`run it now: flynn cron run ${name}`]});
    await follow({client, app, cron: name, run: chosen}, {context, mode: isFollowed ? 'follow' : 'so-far'}, signal);
    return 0;
  },
};

const suspend: Subcommand = {usage: '<name>', run: (args, context, signal) => setSuspended(nameIn(args), {suspend: true, context}, signal)};
const resume: Subcommand = {usage: '<name>', run: (args, context, signal) => setSuspended(nameIn(args), {suspend: false, context}, signal)};

export const cron = group({
  name: 'cron',
  summary: 'Show the commands with a schedule, and run one now',
  details: [
    'Schedules stand in app.yaml, below `cron:`. Times are those of this machine, ids of runs are in UTC.',
    'run       runs one now, prints what it writes, and exits as it does; Ctrl-C stops watching, not the run',
    'logs      what a run wrote: the last one, or the one with this id',
    'suspend, resume   are commits',
  ],
  examples: ['flynn cron', 'flynn cron runs nightly', 'flynn cron run nightly', 'flynn cron logs nightly 20261125-030000'],
  subcommands: {runs, run, logs, suspend, resume},
  otherwise: list,
});

async function clientAndApp(context: CommandContext, signal: AbortSignal): Promise<{readonly client: Client; readonly app: AppName}> {
  const client = await context.client();
  return {client, app: await context.app(undefined, signal)};
}

async function ask(context: CommandContext, signal: AbortSignal) {
  const {client, app} = await clientAndApp(context, signal);
  return {client, app, crons: await client.get<readonly CronStatus[]>(`/v1/apps/${app}/cron`, signal)};
}

function nameIn(args: readonly string[]): string {
  const {words: [name]} = parseFlags(args, {}, {wordsMax: 1});
  if (name === undefined) throw new UsageError('which cron job?');
  return name;
}

function named(name: string, {crons, app}: {readonly crons: readonly CronStatus[]; readonly app: AppName}): CronStatus {
  const found = crons.find((one) => one.name === name);
  if (found === undefined) throw new Failure(`⬢ ${app} has no cron job "${name}"`, {advice: crons.length === 0 ? [] : [`known are ${crons.map((one) => one.name).join(', ')}`]});
  return found;
}

interface Followed {
  readonly client: Client;
  readonly app: AppName;
  readonly cron: string;
  readonly run: string;
}

/** Prints what the run writes; what became of it goes to stderr and into the exit status: the command's own, else 1. */
async function follow({client, app, cron: name, run: id}: Followed, {context, mode}: {context: CommandContext; mode: 'follow' | 'so-far'}, signal: AbortSignal): Promise<number> {
  let last: CronRunStatus | undefined;
  for await (const line of client.follow<CronLine>(`/v1/apps/${app}/cron/${encodeURIComponent(name)}/runs/${encodeURIComponent(id)}/log?follow=${mode === 'follow'}`, signal)) {
    if (context.isJson) context.out(JSON.stringify(line));
    else if ('line' in line) context.out(mode === 'follow' ? line.line.text : formatLogLine(line.line));
    if ('run' in line) last = line.run;
  }
  if (last === undefined) throw new Failure('the cluster stopped answering before the run was done', {advice: [`it goes on by itself; see: flynn cron runs ${name}`]});
  context.err(`${name} ${id} ${outcomeOf(last)}`);
  return last.state === 'succeeded' ? 0 : last.exitCode === undefined || last.exitCode === 0 ? 1 : last.exitCode;
}

async function setSuspended(name: string, {suspend: isWanted, context}: {suspend: boolean; context: CommandContext}, signal: AbortSignal): Promise<number> {
  const {client, app} = await clientAndApp(context, signal);
  const written = await client.post<Written>(`/v1/apps/${app}/cron/${encodeURIComponent(name)}`, {suspend: isWanted}, signal);
  if (context.isJson) context.out(JSON.stringify(written, null, 2));
  context.err(`${written.isNew ? 'Committed' : 'Already in git:'} "${written.message}" ${written.commit.slice(0, 8)}`);
  return 0;
}
