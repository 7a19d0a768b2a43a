import type {StartedRun} from '../../reconciler/oneshot/oneshot.ts';
import {UsageError, type Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {runSession} from '../session.ts';

export const run: Command = {
  usage: 'run [-t <service>] [-e <name>=<value>]… [--detach] [--] <command> [<argument>…]',
  summary: 'Run a command in a container of its own, of the release that serves',
  details: [
    'The container has the environment, limits and network of the service, and is removed when the command has ended. A single word is a line',
    "for a shell: flynn run 'ls | wc -l'. On a terminal the command gets one too; in a pipe stdin, stdout and stderr are kept apart.",
    'The exit status is the command\'s own. Ctrl-C and SIGTERM are passed on, and SIGKILL follows after 10 s.',
    '-t, --type <service>        whose environment and limits (default web)',
    '-e, --env <name>=<value>    set this too, for this run only',
    '    --detach                print its name and return; see it with flynn ps and flynn logs, end it with flynn kill',
  ],
  examples: ['flynn run bash', 'flynn run -e LOG_LEVEL=debug node migrate.js', 'flynn run cat < dump.sql', "flynn run 'psql $DATABASE_URL' -a shop"],

  async run(args, context, signal) {
    const {own, command} = splitCommand(args, ['-t', '--type', '-e', '--env']);
    const {values} = parseFlags(own, {
      type: {type: 'string', short: 't'},
      env: {type: 'string', short: 'e', multiple: true, default: []},
      detach: {type: 'boolean', default: false},
    });
    if (command.length === 0) throw new UsageError('which command? it has to be like flynn run bash');
    const start = {command, env: parseEnv(values.env), ...(values.type === undefined ? {} : {service: values.type})};
    if (context.isJson && !values.detach) throw new UsageError("with --json there has to be --detach: stdout is the command's own otherwise");
    const client = await context.client();
    const app = await context.app(undefined, signal);
    if (!values.detach) {
      const upAs = (name: string, release: number) => `Running ${command.join(' ')} on ⬢ ${app}... up, ${name} (v${release})`;
      return runSession({client, path: `/v1/apps/${app}/run`, start, context, upAs}, signal);
    }
    // Not sent again when the answer is lost: it would run twice.
    const started = await client.postOnce<StartedRun>(`/v1/apps/${app}/run`, start, signal);
    if (context.isJson) context.out(JSON.stringify(started));
    else {
      context.err(`Running ${command.join(' ')} on ⬢ ${app}... done, up as ${started.name}`);
      context.out(started.name);
    }
    return 0;
  },
};

/** Flags of ours stand before the command; what follows its first word is the command's. `withValue` are flags that take the next word. */
export function splitCommand(args: readonly string[], withValue: readonly string[]): {readonly own: readonly string[]; readonly command: readonly string[]} {
  let at = 0;
  while (at < args.length) {
    const word = args[at] ?? '';
    if (word === '--') return {own: args.slice(0, at), command: args.slice(at + 1)};
    if (!word.startsWith('-') || word === '-') break;
    at += withValue.includes(word) ? 2 : 1;
  }
  return {own: args.slice(0, at), command: args.slice(at)};
}

/** `LOG_LEVEL=debug`. The value of one that is wrong is not shown: it may be a secret. */
export function parseEnv(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(pairs.map((pair) => {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined || value === undefined) throw new UsageError(`"${pair.split('=')[0]}" after -e is no setting; it has to be like LOG_LEVEL=debug`);
    return [name, value];
  }));
}
