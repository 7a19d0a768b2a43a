import type {FlynnEvent} from '../../reconciler/status/status.ts';
import {type Command, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';

const LINES_DEFAULT = 1_000;
const LINES_MAX = 10_000;

export const events: Command = {
  usage: 'events [-f] [-n <lines>]',
  summary: 'Print what happened on the node',
  details: ['-f, --follow          go on with what happens; ends with Ctrl-C', `-n, --lines <lines>   the last so many (default ${LINES_DEFAULT}, at most ${LINES_MAX})`, '-a <app>              of this app only'],
  examples: ['flynn events -f', 'flynn events -a shop -n 20', 'flynn events --json | jq -r "select(.actor == \\"Ada\\")"'],

  async run(args, context, signal) {
    const {values: {follow, lines}} = parseFlags(args, {follow: {type: 'boolean', short: 'f', default: false}, lines: {type: 'string', short: 'n', default: String(LINES_DEFAULT)}});
    if (!/^\d+$/.test(lines) || Number(lines) > LINES_MAX) throw new UsageError(`--lines is "${lines}"; it has to be a whole number from 0 to ${LINES_MAX}`);
    const client = await context.client();
    // Not asked of the cluster whether there is such an app: what happened to one that is gone is there too.
    const app = context.appFlag === undefined ? undefined : await context.app(undefined, signal);
    const query = new URLSearchParams({follow: String(follow), lines, ...(app !== undefined && {app})});
    for await (const event of client.follow<FlynnEvent>(`/v1/events?${query}`, signal)) context.out(context.isJson ? JSON.stringify(event) : formatEvent(event));
    return 0;
  },
};

/** `2024-10-31T23:31:16+00:00 shop[exited]: web.1 exited with code 3  # 1a2b3c4d, Ada` */
export function formatEvent({at, app, kind, message, commit, actor}: FlynnEvent): string {
  const origin = [...(commit === undefined ? [] : [commit.slice(0, 8)]), ...(actor === undefined || actor === 'flynn' ? [] : [actor])];
  return `${at.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}+00:00 ${app ?? 'flynn'}[${kind}]: ${message}${origin.length === 0 ? '' : `  # ${origin.join(', ')}`}`;
}
