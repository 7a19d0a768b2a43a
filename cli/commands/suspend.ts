import type {Written} from '../../reconciler/api/answers.ts';
import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {reportWritten} from '../written.ts';

const DETAILS = 'It is one commit to the cluster repository: `suspend` in app.yaml. It beats everything else: pushes are kept and not started.';
const NO_WAIT = '--no-wait   return when it is in git, not when it is so';

/** All of an app's replicas stop until it is resumed. */
export const suspend: Command = {
  usage: 'suspend [--no-wait]',
  summary: 'Stop an app, whatever else is asked of it, until it is resumed',
  details: [DETAILS, 'Its hosts answer 503. Its configuration, releases and volumes stay.', NO_WAIT],
  examples: ['flynn suspend', 'flynn suspend -a shop'],
  run: (args, context, signal) => change('suspend', {args, context, signal}),
};

export const resume: Command = {
  usage: 'resume [--no-wait]',
  summary: 'Let a suspended app run again',
  details: ['It is one commit to the cluster repository: `suspend` leaves app.yaml. The newest release is deployed; the one before serves if that fails.', NO_WAIT],
  examples: ['flynn resume -a shop'],
  run: (args, context, signal) => change('resume', {args, context, signal}),
};

async function change(word: 'suspend' | 'resume', {args, context, signal}: {readonly args: readonly string[]; readonly context: Parameters<Command['run']>[1]; readonly signal: AbortSignal}): Promise<number> {
  const {values} = parseFlags(args, {'no-wait': {type: 'boolean', default: false}}, {wordsMax: 0});
  const client = await context.client();
  const app = await context.app(undefined, signal);
  const written = await client.post<Written>(`/v1/apps/${app}/suspend`, {on: word === 'suspend'}, signal);
  const done = `Resuming ⬢ ${app}... done`;
  return reportWritten({client, app, context, written, wait: values['no-wait'] ? 'no-wait' : 'wait', done}, signal);
}
