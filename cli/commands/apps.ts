import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {palette} from '../output/color.ts';
import {appTable} from '../output/status.ts';

export const apps: Command = {
  usage: 'apps',
  summary: 'List the apps of the cluster',
  examples: ['flynn apps', "flynn apps --json | jq -r '.[].name'"],

  async run(args, context, signal) {
    parseFlags(args, {});
    const all = await (await context.client()).apps(signal);
    if (context.isJson) context.out(JSON.stringify(all, null, 2));
    else if (all.length === 0) context.err('no apps yet; make one: flynn create');
    else for (const line of appTable(all, {nowMs: context.nowMs(), colors: palette(context)})) context.out(line);
    return 0;
  },
};
