import type {FlynnEvent} from '../../reconciler/status/status.ts';
import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';

export const events: Command = {
  usage: 'events [-f]',
  summary: 'Print what happened on the node lately',
  details: ['-f, --follow   go on with what happens; ends with Ctrl-C', '-a <app>       of this app only'],
  examples: ['flynn events -f', 'flynn events -a shop'],

  async run(args, context, signal) {
    const {values: {follow}} = parseFlags(args, {follow: {type: 'boolean', short: 'f', default: false}});
    const client = await context.client();
    const app = context.appFlag === undefined ? undefined : await context.app(undefined, signal);
    for await (const event of client.events(follow ? 'follow' : 'so-far', signal)) {
      if (app === undefined || event.app === app) context.out(context.isJson ? JSON.stringify(event) : formatEvent(event));
    }
    return 0;
  },
};

export function formatEvent({at, app, kind, message}: FlynnEvent): string {
  return `${at.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}+00:00 ${app ?? 'flynn'}[${kind}]: ${message}`;
}
