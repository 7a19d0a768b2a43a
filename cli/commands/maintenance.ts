import type {AppAnswer, Written} from '../../reconciler/api/answers.ts';
import {parseFlags} from '../flags.ts';
import {group, type Subcommand} from '../subcommands.ts';
import {reportWritten} from '../written.ts';

const show: Subcommand = {
  usage: '',
  async run(args, context, signal) {
    parseFlags(args, {});
    const client = await context.client();
    const {isInMaintenance = false}: AppAnswer = await client.app(await context.app(undefined, signal), signal);
    context.out(context.isJson ? JSON.stringify({maintenance: isInMaintenance}) : isInMaintenance ? 'on' : 'off');
    return 0;
  },
};

export const maintenance = group({
  name: 'maintenance',
  summary: 'Answer 503 with a page that says so for an app, or print whether it does',
  details: ['The hosts of the app answer with a page and Retry-After; its replicas go on running, and can be deployed and scaled meanwhile.'],
  examples: ['flynn maintenance on', 'flynn maintenance off -a shop', 'flynn maintenance'],
  otherwise: show,
  subcommands: {on: turning('on'), off: turning('off')},
});

function turning(word: 'on' | 'off'): Subcommand {
  return {
    usage: '[--no-wait]',
    async run(args, context, signal) {
      const {values} = parseFlags(args, {'no-wait': {type: 'boolean', default: false}});
      const client = await context.client();
      const app = await context.app(undefined, signal);
      const written = await client.post<Written>(`/v1/apps/${app}/maintenance`, {on: word === 'on'}, signal);
      const done = `${word === 'on' ? 'Enabling' : 'Disabling'} maintenance mode for ⬢ ${app}... done`;
      return reportWritten({client, app, context, written, wait: values['no-wait'] ? 'no-wait' : 'wait', done}, signal);
    },
  };
}
