import type {AppAnswer} from '../../reconciler/api/answers.ts';
import type {LogLine} from '../../reconciler/node.ts';
import {type Command, Failure, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';

const LINES_DEFAULT = 100;
const LINES_MAX = 10_000;

export const logs: Command = {
  usage: 'logs [<app>] [-f] [-n <lines>] [-t <service>] [--replica <name>] [--since <time>] [--until <time>] [--grep <pattern>]',
  summary: 'Print what an app wrote, and what happened to it',
  details: [
    '-f, --follow           go on with what comes; ends with Ctrl-C',
    `-n, --lines <lines>    the last so many (default ${LINES_DEFAULT}, or all with --since; at most ${LINES_MAX})`,
    '-t, --type <service>   of this service only; also build, router, platform',
    '--replica <name>       of this replica only, such as web.1',
    '--since, --until <time>   from, and before: 10m, 2h, 1d (ago), 2026-11-25T19:54:23Z',
    '--grep <pattern>       lines that match a regular expression',
    'Lines of containers of earlier releases are there too, until the log is older or larger than cluster.yaml allows (logs).',
  ],
  examples: ['flynn logs -f -t web', 'flynn logs --since 1h --grep "status=5.."', 'flynn logs -n 500 --json | jq -r .text'],

  async run(args, context, signal) {
    const {values, words: [named]} = parseFlags(args, {
      follow: {type: 'boolean', short: 'f', default: false},
      lines: {type: 'string', short: 'n'},
      type: {type: 'string', short: 't'},
      replica: {type: 'string'},
      since: {type: 'string'},
      until: {type: 'string'},
      grep: {type: 'string'},
    }, {wordsMax: 1});
    const {lines, type: service, follow, replica, since, until, grep} = values;
    if (lines !== undefined && (!/^\d+$/.test(lines) || Number(lines) > LINES_MAX)) throw new UsageError(`--lines is "${lines}"; it has to be a whole number from 0 to ${LINES_MAX}`);
    const client = await context.client();
    const app = await context.app(named, signal);
    const given: Record<string, string | undefined> = {lines, service, replica, since, until, grep};
    const query = new URLSearchParams({follow: String(follow), ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Record<string, string>});
    const doubt = service === undefined ? undefined : doubtful(service, await client.app(app, signal));
    if (follow && doubt !== undefined) context.err(doubt);
    let isSilent = true;
    for await (const line of client.follow<LogLine>(`/v1/apps/${app}/logs?${query}`, signal)) {
      isSilent = false;
      context.out(context.isJson ? JSON.stringify(line) : formatLogLine(line));
    }
    // Lines of a service that was taken away are there for some time yet.
    if (isSilent && !follow && doubt !== undefined) throw new Failure(doubt);
    return 0;
  },
};

/** What writes into an app's log, and is no service of it. */
const OTHERS: ReadonlySet<string> = new Set(['build', 'router', 'platform', 'logs', 'release', 'postdeploy', 'cron', 'run']);

/** Undefined: there is such a service. */
function doubtful(service: string, {name, services}: AppAnswer): string | undefined {
  if (OTHERS.has(service) || services.some((one) => one.name === service)) return undefined;
  return `⬢ ${name} has no service "${service}"; known are ${services.length === 0 ? 'none' : services.map((one) => one.name).join(', ')}`;
}

/** `2024-10-31T23:31:16+00:00 app[web.1]: text`, as Heroku has it; our own lines are `flynn[router]: …`. */
export function formatLogLine({at, source, name, text}: LogLine): string {
  return `${at.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}+00:00 ${source}[${name}]: ${text}`;
}
