import type {Restarted} from '../../reconciler/oneshot/oneshot.ts';
import {UsageError, type Command} from '../command.ts';
import {reportOutcome, waitForConvergence} from '../converge.ts';
import {parseFlags} from '../flags.ts';

export const restart: Command = {
  usage: 'restart [<app>] [-t <service>] [--no-wait]',
  summary: 'Replace the containers of an app by new ones, without losing a request',
  details: [
    'It is a deploy of what serves already: new containers start, are checked, get the traffic; the old ones finish their requests and stop.',
    'If the new ones do not become healthy the old ones serve on. Nothing is written to the cluster repository.',
    '-t, --type <service>   of this service only',
    '    --no-wait          return when it has begun',
  ],
  examples: ['flynn restart', 'flynn restart shop -t worker'],

  async run(args, context, signal) {
    const {values, words: [named]} = parseFlags(args, {type: {type: 'string', short: 't'}, 'no-wait': {type: 'boolean', default: false}}, {wordsMax: 1});
    // An app's name has no dot, a replica's has one.
    if (named?.includes('.') === true) throw new UsageError(`a restart is of whole services, such as -t ${named.split('.')[0]}; one replica alone: flynn kill ${named}`);
    const client = await context.client();
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
