import {UsageError, type Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {runSession} from '../session.ts';
import {parseEnv, splitCommand} from './run.ts';

export const exec: Command = {
  usage: 'exec [-e <name>=<value>]… <replica> [--] <command> [<argument>…]',
  summary: 'Run a command in a replica that runs',
  details: [
    'It shares the replica\'s files, limits and fate. Streams, terminal, signals and exit status are as with flynn run; the command is ended',
    'when you go. For everything that is not about this one replica take flynn run: it leaves those with traffic alone.',
    '-e, --env <name>=<value>    set this too, for this command only',
  ],
  examples: ['flynn exec web.1 bash', 'flynn exec web.2 ps aux -a shop', 'flynn exec run.4821 top'],

  async run(args, context, signal) {
    const {own, command: [replica, ...rest]} = splitCommand(args, ['-e', '--env']);
    const {values} = parseFlags(own, {env: {type: 'string', short: 'e', multiple: true, default: []}});
    if (replica === undefined) throw new UsageError('in which replica? it has to be like flynn exec web.1 bash; flynn ps lists them');
    const command = rest[0] === '--' ? rest.slice(1) : rest;
    if (command.length === 0) throw new UsageError(`which command? it has to be like flynn exec ${replica} bash`);
    if (context.isJson) throw new UsageError("there is no --json here: stdout is the command's own");
    const client = await context.client();
    const app = await context.app(undefined, signal);
    return runSession({
      client, context, path: `/v1/apps/${app}/replicas/${encodeURIComponent(replica)}/exec`, start: {command, env: parseEnv(values.env)},
      upAs: (name) => `Running ${command.join(' ')} in ${name} of ⬢ ${app}... up`,
    }, signal);
  },
};
