import type {AppAnswer} from '../../reconciler/api/answers.ts';
import type {Command, CommandContext} from '../command.ts';
import {UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {reportWritten} from '../written.ts';

const SERVICES_MAX = 100;

export const scale: Command = {
  usage: 'scale [<service>=<replicas>…] [--no-wait]',
  summary: 'Set how many replicas of its services an app has, or print that',
  details: [
    'It is one commit to the cluster repository. Services that are not named stay as they are. web+1 is one more than there are when it is done.',
    '--no-wait   return when it is in git, not when it is so',
  ],
  examples: ['flynn scale web=3', 'flynn scale web=2 worker+1 -a shop', 'flynn scale'],

  async run(args, context, signal) {
    const {values, words} = parseFlags(args, {'no-wait': {type: 'boolean', default: false}}, {wordsMax: SERVICES_MAX});
    const services = parseScale(words);
    const client = await context.client();
    const app = await context.app(undefined, signal);
    if (words.length === 0) return printScale(await client.app(app, signal), context);

    const written = await client.scale(app, services, signal);
    const done = `Scaling ⬢ ${app}... done, now running ${Object.entries(written.services ?? services).map(([service, count]) => `${service} at ${count}`).join(', ')}`;
    return reportWritten({client, app, context, written, wait: values['no-wait'] ? 'no-wait' : 'wait', done}, signal);
  },
};

/** `web=3 worker+1 job-1`. Throws `UsageError`. */
export function parseScale(words: readonly string[]): Readonly<Record<string, number | string>> {
  const services: Record<string, number | string> = {};
  for (const word of words) {
    const [, service, sign = '', count = ''] = /^([a-z0-9-]+)([=+-])(\d{1,6})$/.exec(word) ?? [];
    if (service === undefined) throw new UsageError(`"${word}" is no scale; it has to be like web=3, web+1 or web-1`);
    if (Object.hasOwn(services, service)) throw new UsageError(`"${service}" is there twice`);
    services[service] = sign === '=' ? Number(count) : `${sign}${count}`;
  }
  return services;
}

/** What could be typed back. */
function printScale({name, services}: AppAnswer, context: CommandContext): 0 {
  if (context.isJson) context.out(JSON.stringify(Object.fromEntries(services.map((service) => [service.name, service.wanted]))));
  else if (services.length === 0) context.err(`no services on ⬢ ${name} yet: git push flynn main`);
  else context.out(services.map((service) => `${service.name}=${service.wanted}`).join(' '));
  return 0;
}
