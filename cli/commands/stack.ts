import type {StackAnswer} from '../../reconciler/api/answers.ts';
import type {StackImageInfo, StackLine, StackPackage} from '../../reconciler/node.ts';
import type {RebasePreview, ReleaseLine} from '../../reconciler/release/releases.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import {type CommandContext, Failure, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';
import {followRelease, reportRelease} from '../release-made.ts';
import {group} from '../subcommands.ts';

/** Digits of an image's id that people see. */
const ID_DIGITS = 12;
const IMAGES: readonly string[] = ['run', 'build', 'router'] satisfies readonly StackImageInfo['name'][];

export const stack = group({
  name: 'stack',
  summary: 'Show and update the images that apps are built in and run on',
  details: [
    'Without a word: the images, and which apps stand on an older one.',
    'packages   what is installed in one of them, with versions: run (unless another is named), build, router',
    'build      make run and build anew, with the security updates of the day; apps go on as they are',
    'rebase     put the current release onto the newest run image, without building it: a new release, deployed as any other.',
    '           Apps built by their Dockerfile, and images built elsewhere, are told of and left alone.',
    '--all      of all apps that are behind, one after the other',
    '--dry-run  only say which would be',
  ],
  examples: ['flynn stack', 'flynn stack build', 'flynn stack rebase -a shop', 'flynn stack rebase --all'],
  otherwise: {usage: '', run: show},
  subcommands: {
    packages: {usage: '[<image>]', run: packages},
    build: {usage: '', run: build},
    rebase: {usage: '[--all] [--dry-run]', run: rebase},
  },
});

async function show(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  parseFlags(args, {});
  const client = await context.client();
  const answer = await client.get<StackAnswer>('/v1/stack', signal);
  if (context.isJson) {
    context.out(JSON.stringify(answer, null, 2));
    return 0;
  }
  for (const line of table([['IMAGE', 'ID', 'SIZE', 'SYSTEM', 'MADE'], ...answer.images.map(rowOf)])) context.out(line);
  if (answer.apps.length > 0) context.out('');
  for (const line of answer.apps.length === 0 ? [] : table([['APP', 'RELEASE', 'STANDS ON'], ...answer.apps.map(standingRow)])) context.out(line);
  const behind = answer.apps.filter(({state}) => state === 'outdated').length;
  if (behind > 0) context.err(`${behind} of ${answer.apps.length} apps can be put onto the newest run image: flynn stack rebase --all`);
  return 0;
}

async function packages(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const {words: [image = 'run']} = parseFlags(args, {}, {wordsMax: 1});
  if (!IMAGES.includes(image)) throw new UsageError(`"${image}" is none of ${IMAGES.join(', ')}`);
  const client = await context.client();
  const installed = await client.get<readonly StackPackage[]>(`/v1/stack/${image}/packages`, signal);
  if (context.isJson) context.out(JSON.stringify(installed, null, 2));
  else for (const line of table([['PACKAGE', 'VERSION'], ...installed.map(({name, version}) => [name, version])])) context.out(line);
  return 0;
}

async function build(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  parseFlags(args, {});
  const client = await context.client();
  for await (const line of client.postLines<StackLine>('/v1/stack/build', {}, signal)) {
    if ('print' in line) context.err(line.print);
    else return report(line.images, context);
  }
  signal.throwIfAborted();
  throw new Failure('the cluster stopped answering before the images were made', {advice: ['what there was is still there: run it again']});
}

function report(images: Extract<StackLine, {images: unknown}>['images'], context: CommandContext): number {
  if (context.isJson) context.out(JSON.stringify(images, null, 2));
  else for (const line of table([['IMAGE', 'ID', 'SIZE', 'SYSTEM', 'MADE', ''], ...images.map((image) => [...rowOf(image), image.isNew ? 'new' : 'as before'])])) context.out(line);
  context.err(images.some(({name, isNew}) => name === 'run' && isNew) ? 'Apps go on with what they stand on until: flynn stack rebase --all' : 'There is nothing newer for the apps to run on.');
  return 0;
}

async function rebase(args: readonly string[], context: CommandContext, signal: AbortSignal): Promise<number> {
  const {values: {all, 'dry-run': isDry}} = parseFlags(args, {all: {type: 'boolean', default: false}, 'dry-run': {type: 'boolean', default: false}});
  if (all && context.appFlag !== undefined) throw new UsageError('either --all, or one app with -a');
  const client = await context.client();
  const previews = all ? (await client.get<StackAnswer>('/v1/stack', signal)).apps : [await client.get<RebasePreview>(`/v1/apps/${await context.app(undefined, signal)}/rebase`, signal)];
  const results: {readonly app: string; readonly state: string; readonly release?: number}[] = [];
  for (const preview of previews) {
    if (preview.state !== 'outdated' || isDry) {
      context.err(`⬢ ${preview.app}: ${standing(preview)}`);
      results.push(preview);
      continue;
    }
    context.err(`Rebasing ⬢ ${preview.app} v${preview.release}`);
    const outcome = await followRelease(client.postLines<ReleaseLine>(`/v1/apps/${preview.app}/rebase`, {}, signal), {app: preview.app, context}, signal);
    const status = reportRelease(outcome, preview.app, context);
    if (status === 0) context.err(`Rebasing ⬢ ${preview.app}... done, v${outcome.release}`);
    results.push({app: preview.app, state: outcome.result === 'proposed' ? 'proposed' : status === 0 ? 'rebased' : 'failed', release: outcome.release});
  }
  if (context.isJson) context.out(JSON.stringify(results, null, 2));
  return results.some(({state}) => state === 'failed') || (!all && previews[0]?.state === 'fixed') ? 1 : 0;
}

function rowOf({name, id, sizeBytes, debian, madeAt}: StackImageInfo): readonly string[] {
  if (id === undefined) return [name, 'missing: flynn up makes it'];
  return [name, id.replace('sha256:', '').slice(0, ID_DIGITS), formatBytes(sizeBytes ?? 0), debian ?? '-', (madeAt ?? '').slice(0, 'YYYY-MM-DDTHH:MM'.length).replace('T', ' ')];
}

function standingRow(preview: RebasePreview): readonly string[] {
  return [preview.app, preview.release === undefined ? '-' : `v${preview.release}`, standing(preview)];
}

function standing(preview: RebasePreview): string {
  switch (preview.state) {
    case 'current': return 'the newest run image';
    case 'outdated': return 'an older run image';
    case 'fixed': return `not to be rebased: ${preview.reason}`;
  }
}
