import type {AuditEntry} from '../../reconciler/oneshot/oneshot.ts';
import {type Command, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {localTime} from '../output/time.ts';

const LINES_DEFAULT = 30;
const LINES_MAX = 10_000;

export const audit: Command = {
  usage: 'audit [-n <lines>]',
  summary: 'List who did what that is no commit: run, exec, kill, restart, confirm …',
  details: [
    'What is a commit is in the history of the cluster repository: git log. Of a command only the program is kept: arguments may be secrets.',
    `-n, --lines <lines>   so many of the newest (default ${LINES_DEFAULT}, at most ${LINES_MAX})`,
  ],
  examples: ['flynn audit', 'flynn audit -a shop -n 100 --json'],

  async run(args, context, signal) {
    const {values} = parseFlags(args, {lines: {type: 'string', short: 'n', default: String(LINES_DEFAULT)}});
    if (!/^\d+$/.test(values.lines) || Number(values.lines) > LINES_MAX) throw new UsageError(`--lines is "${values.lines}"; it has to be a whole number from 0 to ${LINES_MAX}`);
    const all = await (await context.client()).get<readonly AuditEntry[]>(`/v1/audit?lines=${values.lines}`, signal);
    const entries = context.appFlag === undefined ? all : all.filter(({app}) => app === context.appFlag);
    if (context.isJson) context.out(JSON.stringify(entries, null, 2));
    else for (const entry of entries) context.out(auditLine(entry));
    return 0;
  },
};

function auditLine({at, actor, action, app, subject, command}: AuditEntry): string {
  return [localTime(at), actor, action, ...(app === undefined ? [] : [`⬢ ${app}`]), ...(subject === undefined ? [] : [subject]), ...(command === undefined ? [] : [`${command.program} …`])].join('  ');
}
