import {createReadStream} from 'node:fs';
import {open, rename, rm} from 'node:fs/promises';
import {type BackupSummary, verified} from '../../reconciler/volumes/format.ts';
import type {Volume} from '../../reconciler/volumes/volumes.ts';
import type {AppName} from '../../schemas/ids.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import {type CommandContext, Failure, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {group} from '../subcommands.ts';

const TAR = 'application/x-tar';

export const volume = group({
  name: 'volume',
  summary: 'List, back up, restore and remove what apps keep in volumes',
  details: [
    'A volume outlives releases, containers and its app. <volume> is <app>/<name>, or only the name of one of the app that is meant.',
    'A backup is a tar with the checksum of its content in its last entry; it is checked when it is made and before it is restored.',
    'A restore needs the app\'s containers with this volume to be stopped (flynn scale), and replaces all files.',
    '--file <file>   to or from this file instead of stdout and stdin',
    '-y, --yes       remove without asking',
  ],
  examples: ['flynn volume', 'flynn volume backup shop/data > data.tar', 'flynn volume restore shop/data < data.tar', 'flynn volume rm shop/data'],
  otherwise: {usage: '[--all]', run: list},
  subcommands: {
    backup: {usage: '<volume> [--file <file>]', run: backup},
    restore: {usage: '<volume> [--file <file>]', run: restore},
    rm: {usage: '<volume> [--yes]', run: remove},
  },
});

interface Named {
  readonly app: AppName;
  readonly name: string;
}

async function list(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const {values: {all}} = parseFlags(args, {all: {type: 'boolean', default: false}});
  const client = await context.client();
  const isOneApp = !all && context.appFlag !== undefined;
  const volumes = await client.get<readonly Volume[]>(`/v1/volumes${isOneApp ? `?app=${await context.app(undefined, signal)}` : ''}`, signal);
  if (context.isJson) context.out(JSON.stringify(volumes, null, 2));
  else if (volumes.length === 0) context.err('no volumes');
  else for (const line of table([['VOLUME', 'SIZE', 'CREATED', 'USED BY'], ...volumes.map(rowOf)])) context.out(line);
  return 0;
}

function rowOf({app, name, bytes, createdAt, usedBy, isWanted}: Volume): readonly string[] {
  const use = usedBy.length > 0 ? usedBy.join(', ') : isWanted ? '-' : '- (in no app.yaml: kept until flynn volume rm)';
  return [`${app}/${name}`, bytes === undefined ? '?' : formatBytes(bytes), createdAt.slice(0, 'YYYY-MM-DD'.length), use];
}

async function backup(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const {values: {file}, words: [word]} = parseFlags(args, {file: {type: 'string'}}, {wordsMax: 1});
  const {app, name} = await named(word, context, signal);
  if (file === undefined && context.isTerminal) throw new UsageError('a backup is no text for a terminal: > it into a file, or say --file');
  const client = await context.client();
  const bytes = await client.download(`/v1/apps/${app}/volumes/${name}/backup`, signal);
  const summary = file === undefined
    ? await passOn(bytes, (chunk) => context.streams().write('stdout', chunk))
    : await writeFileWhole(file, bytes);
  context.err(`Backing up ${app}/${name}... done, ${formatBytes(summary.bytes)} in ${summary.entries} files and folders, sha256 ${summary.sha256}`);
  return 0;
}

/** Resolves only when all of it has come and is whole. */
async function passOn(bytes: AsyncIterable<Uint8Array>, write: (chunk: Uint8Array) => Promise<unknown>): Promise<BackupSummary> {
  const content = verified(bytes);
  for (;;) {
    const next = await content.next().catch((cause: unknown) => {
      throw new Failure(`the backup is not whole: ${cause instanceof Error ? cause.message : String(cause)}`, {cause});
    });
    if (next.done !== true) {
      await write(next.value);
      continue;
    }
    await write(next.value.trailer);
    return next.value.summary;
  }
}

/** A file of this name is whole, or is not there. */
async function writeFileWhole(file: string, bytes: AsyncIterable<Uint8Array>): Promise<BackupSummary> {
  const part = `${file}.part`;
  try {
    await using handle = await open(part, 'w', 0o600);
    const summary = await passOn(bytes, (chunk) => handle.write(chunk));
    await handle.sync();
    await rename(part, file);
    return summary;
  } catch (error) {
    await rm(part, {force: true});
    throw error;
  }
}

async function restore(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const {values: {file}, words: [word]} = parseFlags(args, {file: {type: 'string'}}, {wordsMax: 1});
  const {app, name} = await named(word, context, signal);
  const client = await context.client();
  const bytes = file === undefined ? context.streams().stdin : createReadStream(file);
  const summary = await client.upload<BackupSummary>(`/v1/apps/${app}/volumes/${name}/restore`, {type: TAR, bytes}, signal);
  if (context.isJson) context.out(JSON.stringify(summary, null, 2));
  context.err(`Restoring ${app}/${name}... done, ${formatBytes(summary.bytes)} of ${summary.app}/${summary.volume} as it was at ${summary.createdAt}`);
  return 0;
}

async function remove(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const {values: {yes}, words: [word]} = parseFlags(args, {yes: {type: 'boolean', short: 'y', default: false}}, {wordsMax: 1});
  const {app, name} = await named(word, context, signal);
  if (!yes && !(await context.confirm(`remove the volume ${app}/${name} and all that is in it, for ever?`, signal))) {
    throw new Failure('nothing is removed', {advice: [`without a question: flynn volume rm ${app}/${name} --yes`]});
  }
  const removed = await (await context.client()).post<Named>(`/v1/apps/${app}/volumes/${name}/remove`, {confirm: `${app}/${name}`}, signal);
  if (context.isJson) context.out(JSON.stringify(removed, null, 2));
  context.err(`Removing ${app}/${name}... done`);
  return 0;
}

async function named(word: string | undefined, context: CommandContext, signal: AbortSignal): Promise<Named> {
  if (word === undefined) throw new UsageError('which volume? flynn volume lists them');
  const [first = '', second, ...more] = word.split('/');
  if (more.length > 0 || first === '' || second === '') throw new UsageError(`"${word}" is no volume: it is <app>/<name>, or a name`);
  return second === undefined ? {app: await context.app(undefined, signal), name: first} : {app: await context.app(first, signal), name: second};
}
