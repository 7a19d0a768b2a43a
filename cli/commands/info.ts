import type {ReleaseList} from '../../reconciler/release/releases.ts';
import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {palette} from '../output/color.ts';
import {appFacts} from '../output/info.ts';

export const info: Command = {
  usage: 'info [<app>]',
  summary: 'Show where an app is, what it runs and who released it',
  examples: ['flynn info', 'flynn info shop --json | jq -r .gitUrl'],

  async run(args, context, signal) {
    const {words: [named]} = parseFlags(args, {}, {wordsMax: 1});
    const client = await context.client();
    const name = await context.app(named, signal);
    const [app, {releases: [release]}] = await Promise.all([
      client.app(name, signal),
      client.get<ReleaseList>(`/v1/apps/${name}/releases?limit=1`, signal),
    ]);
    if (context.isJson) context.out(JSON.stringify({...app, ...(release === undefined ? {} : {newestRelease: release})}, null, 2));
    else for (const line of appFacts(app, {release, cluster: client.cluster, nowMs: context.nowMs(), colors: palette(context)})) context.out(line);
    return 0;
  },
};
