import type {DrainStatus} from '../../reconciler/node.ts';
import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {table} from '../output/table.ts';

export const drains: Command = {
  usage: 'drains',
  summary: 'List where logs are sent on to, and how that goes',
  details: ['-a <app>   of this app, and of all apps', 'They are written in app.yaml and cluster.yaml, as `drains:`.'],
  examples: ['flynn drains -a shop', 'flynn drains --json | jq ".[] | select(.state == \\"failing\\")"'],

  async run(args, context, signal) {
    parseFlags(args, {});
    const client = await context.client();
    const app = context.appFlag === undefined ? undefined : await context.app(undefined, signal);
    const found = await client.get<readonly DrainStatus[]>(`/v1/drains${app === undefined ? '' : `?app=${app}`}`, signal);
    if (context.isJson) context.out(JSON.stringify(found));
    else if (found.length === 0) context.err('no drains');
    else for (const line of table([HEADER, ...found.map(rowOf)])) context.out(line);
    return 0;
  },
};

const HEADER = ['app', 'url', 'state', 'delivered', 'waiting', 'lost', ''];

function rowOf({app, url, state, delivered, behind, dropped, error = ''}: DrainStatus): readonly string[] {
  return [app ?? '(all)', url, state, String(delivered), String(behind), String(dropped), error];
}
