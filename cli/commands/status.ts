import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {palette} from '../output/color.ts';
import {appStatus, nodeStatus} from '../output/status.ts';

export const status: Command = {
  usage: 'status [<app>]',
  summary: 'What the cluster, or an app, is doing: conditions with reason, commit and age',
  details: ['Stalled: somebody has to do something. Reconciling: it is being done. Ready: what is in git is what runs.'],
  examples: ['flynn status', 'flynn status shop', 'flynn status --json | jq .lastSuccessfulPassAt'],

  async run(args, context, signal) {
    const {words: [named]} = parseFlags(args, {}, {wordsMax: 1});
    const client = await context.client();
    const isOfApp = named !== undefined || context.appFlag !== undefined;
    const look = {nowMs: context.nowMs(), colors: palette(context)};
    if (isOfApp) {
      const app = await client.app(await context.app(named, signal), signal);
      if (context.isJson) context.out(JSON.stringify(app, null, 2));
      else for (const line of appStatus(app, look)) context.out(line);
      return 0;
    }
    const node = await client.status(signal);
    if (context.isJson) context.out(JSON.stringify(node, null, 2));
    else for (const line of nodeStatus(node, look)) context.out(line);
    return 0;
  },
};
