import type {HistoryEntry} from '../../reconciler/release/releases.ts';
import {type Command, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {palette} from '../output/color.ts';
import {historyTable} from '../output/releases.ts';

const COUNT_DEFAULT = '15';

export const history: Command = {
  usage: 'history [-n <count>]',
  summary: 'List every commit that changed an app: releases, configuration, scale',
  examples: ['flynn history', 'flynn history -n 100 --json'],

  async run(args, context, signal) {
    const {values} = parseFlags(args, {num: {type: 'string', short: 'n', default: COUNT_DEFAULT}});
    if (!/^[1-9]\d{0,2}$/.test(values.num)) throw new UsageError(`-n is "${values.num}"; it has to be a whole number from 1 to 999`);
    const client = await context.client();
    const app = await context.app(undefined, signal);
    const entries = await client.get<readonly HistoryEntry[]>(`/v1/apps/${app}/history?limit=${values.num}`, signal);
    if (context.isJson) context.out(JSON.stringify(entries, null, 2));
    else if (entries.length === 0) context.err(`git knows of no app "${app}"`);
    else for (const line of historyTable(entries, {nowMs: context.nowMs(), colors: palette(context)})) context.out(line);
    return 0;
  },
};
