import type {Restarted, RestartedReplica} from '../../reconciler/oneshot/oneshot.ts';
import type {AppName} from '../../schemas/ids.ts';
import type {Client} from '../client.ts';
import {UsageError, type Command, type CommandContext} from '../command.ts';
import {reportOutcome, waitForConvergence} from '../converge.ts';
import {parseFlags} from '../flags.ts';

export const restart: Command = {
  usage: 'restart [<app>|<replica>] [-t <service>] [--no-wait]',
  summary: 'Replace the containers of an app, or one of them, by new ones, without losing a request',
  details: [
    'It is a deploy of what serves already: new containers start, are checked, get the traffic; the old ones finish their requests and stop.',
    'If the new ones do not become healthy the old ones serve on. Nothing is written to the cluster repository.',
    'A replica, such as web.2, is replaced alone: another one gets its place, and it is kept if none becomes healthy.',
    '-t, --type <service>   of this service only',
    '    --no-wait          return when it has begun',
  ],
  examples: ['flynn restart', 'flynn restart shop -t worker', 'flynn restart web.2 -a shop'],

  async run(args, context, signal) {
    const {values, words: [named]} = parseFlags(args, {type: {type: 'string', short: 't'}, 'no-wait': {type: 'boolean', default: false}}, {wordsMax: 1});
    const client = await context.client();
    // An app's name has no dot, a replica's has one.
    if (named?.includes('.') === true) {
      if (values.type !== undefined || values['no-wait']) throw new UsageError(`${named} is one replica: there is no -t nor --no-wait with it`);
      return restartOne(client, {app: await context.app(undefined, signal), replica: named}, {context, signal});
    }
    const app = await context.app(named, signal);
    const restarted = await client.postOnce<Restarted>(`/v1/apps/${app}/restart`, values.type === undefined ? {} : {service: values.type}, signal);
    const what = `Restarting ${restarted.services.join(', ')} of ⬢ ${app}...`;
    if (values['no-wait']) {
      if (context.isJson) context.out(JSON.stringify(restarted, null, 2));
      else context.err(`${what} begun`);
      return 0;
    }
    const outcome = await waitForConvergence({client, app, context}, signal);
    if (context.isJson) context.out(JSON.stringify({...restarted, outcome}, null, 2));
    const status = reportOutcome(outcome, app, context);
    context.err(status === 0 ? `${what} done` : `${what} failed; the old ones serve on`);
    return status;
  },
};

/** Ctrl-C ends the wait and not the restart: it is written down on the node. */
async function restartOne(client: Client, {app, replica}: {readonly app: AppName; readonly replica: string}, {context, signal}: {readonly context: CommandContext; readonly signal: AbortSignal}): Promise<0> {
  for await (const restarted of client.postLines<RestartedReplica>(`/v1/apps/${app}/replicas/${encodeURIComponent(replica)}/restart`, {}, signal)) {
    if (context.isJson) context.out(JSON.stringify(restarted));
    else context.err(`Restarting ${replica} of ⬢ ${app}... done, another one has its place after ${(restarted.tookMs / 1000).toFixed(1)} s`);
  }
  return 0;
}
