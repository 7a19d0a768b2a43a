import type {ReleaseDetails, ReleaseList} from '../../reconciler/release/releases.ts';
import {UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {palette} from '../output/color.ts';
import {releaseFacts, releaseTable} from '../output/releases.ts';
import {parseRelease} from '../release-made.ts';
import {group, type Subcommand} from '../subcommands.ts';

const COUNT_DEFAULT = '15';

const list: Subcommand = {
  usage: '[-n <count>]',
  async run(args, context, signal) {
    const {values} = parseFlags(args, {num: {type: 'string', short: 'n', default: COUNT_DEFAULT}});
    if (!/^[1-9]\d{0,2}$/.test(values.num)) throw new UsageError(`-n is "${values.num}"; it has to be a whole number from 1 to 999`);
    const client = await context.client();
    const app = await context.app(undefined, signal);
    const answer = await client.get<ReleaseList>(`/v1/apps/${app}/releases?limit=${values.num}`, signal);
    if (context.isJson) context.out(JSON.stringify(answer, null, 2));
    else if (answer.releases.length === 0) context.err(`no releases on ⬢ ${app} yet: git push flynn main`);
    else for (const line of releaseTable(app, answer, {nowMs: context.nowMs(), colors: palette(context)})) context.out(line);
    return 0;
  },
};

const info: Subcommand = {
  usage: '[<release>]',
  async run(args, context, signal) {
    const {words: [word]} = parseFlags(args, {}, {wordsMax: 1});
    const client = await context.client();
    const app = await context.app(undefined, signal);
    const number = word === undefined ? (await client.get<ReleaseList>(`/v1/apps/${app}/releases?limit=1`, signal)).current : parseRelease(word);
    if (number === undefined) throw new UsageError(word === undefined ? `⬢ ${app} has no release yet` : `"${word}" is no release; it has to be like v41`);
    const details = await client.get<ReleaseDetails>(`/v1/apps/${app}/releases/${number}`, signal);
    if (context.isJson) context.out(JSON.stringify(details, null, 2));
    else for (const line of releaseFacts(details, {nowMs: context.nowMs(), colors: palette(context)})) context.out(line);
    return 0;
  },
};

export const releases = group({
  name: 'releases',
  summary: 'List the releases of an app, or show one',
  details: [
    'A number is never used twice: releases that failed, or that were reverted, are listed as such.',
    'Changes of the configuration are commits too, and have no number: flynn history lists them.',
  ],
  examples: ['flynn releases', 'flynn releases -n 50 -a shop', 'flynn releases info v41'],
  otherwise: list,
  subcommands: {info},
});
