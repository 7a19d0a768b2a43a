import type {LogLine} from '../../reconciler/node.ts';
import {type Command, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';

const LINES_DEFAULT = 100;
const LINES_MAX = 10_000;

export const logs: Command = {
  usage: 'logs [<app>] [-f] [-n <lines>] [-t <service>]',
  summary: 'Print what the replicas of an app wrote',
  details: [
    '-f, --follow           go on with what they write; ends with Ctrl-C',
    `-n, --lines <lines>    at most so many old lines (default ${LINES_DEFAULT}, at most ${LINES_MAX})`,
    '-t, --type <service>   of this service only',
  ],
  examples: ['flynn logs -f -t web', 'flynn logs -n 500 --json | jq -r .text'],

  async run(args, context, signal) {
    const {values, words: [named]} = parseFlags(args, {
      follow: {type: 'boolean', short: 'f', default: false},
      lines: {type: 'string', short: 'n', default: String(LINES_DEFAULT)},
      type: {type: 'string', short: 't'},
    }, {wordsMax: 1});
    if (!/^\d+$/.test(values.lines) || Number(values.lines) > LINES_MAX) throw new UsageError(`--lines is "${values.lines}"; it has to be a whole number from 0 to ${LINES_MAX}`);
    const client = await context.client();
    const query = {
      app: await context.app(named, signal),
      lines: Number(values.lines),
      follow: values.follow,
      ...(values.type === undefined ? {} : {service: values.type}),
    };
    for await (const line of client.logs(query, signal)) context.out(context.isJson ? JSON.stringify(line) : formatLogLine(line));
    return 0;
  },
};

/** `2024-10-31T23:31:16+00:00 app[web.1]: text`, as Heroku has it. */
export function formatLogLine({at, replica, text}: LogLine): string {
  return `${at.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}+00:00 app[${replica}]: ${text}`;
}
