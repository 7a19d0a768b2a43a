import type {AuditEntry, AuditVerdict} from '../../reconciler/oneshot/oneshot.ts';
import {type Command, type CommandContext, UsageError} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {localTime} from '../output/time.ts';

const LINES_DEFAULT = 30;
const LINES_MAX = 10_000;

export const audit: Command = {
  usage: 'audit [-n <lines>] [--verify]',
  summary: 'List who did what: commits, pushes, run, exec, kill, what was refused …',
  details: [
    'Commits that were pushed with git are in the history of the cluster repository: git log. Of a command only the program is kept: arguments may be secrets.',
    `-n, --lines <lines>   so many of the newest (default ${LINES_DEFAULT}, at most ${LINES_MAX})`,
    '--verify              say whether all lines are as they were written: each has the hash of the one before it',
  ],
  examples: ['flynn audit', 'flynn audit -a shop -n 100 --json', 'flynn audit --verify'],

  async run(args, context, signal) {
    const {values} = parseFlags(args, {lines: {type: 'string', short: 'n', default: String(LINES_DEFAULT)}, verify: {type: 'boolean', default: false}});
    if (values.verify) return verify(context, signal);
    if (!/^\d+$/.test(values.lines) || Number(values.lines) > LINES_MAX) throw new UsageError(`--lines is "${values.lines}"; it has to be a whole number from 0 to ${LINES_MAX}`);
    const all = await (await context.client()).get<readonly AuditEntry[]>(`/v1/audit?lines=${values.lines}`, signal);
    const entries = context.appFlag === undefined ? all : all.filter(({app}) => app === context.appFlag);
    if (context.isJson) context.out(JSON.stringify(entries, null, 2));
    else for (const entry of entries) context.out(auditLine(entry));
    return 0;
  },
};

async function verify(context: CommandContext, signal: AbortSignal): Promise<number> {
  const verdict = await (await context.client()).get<AuditVerdict>('/v1/audit/verdict', signal);
  if (context.isJson) context.out(JSON.stringify(verdict, null, 2));
  else if (verdict.brokenAt === undefined) context.out(`${verdict.lines} lines, all as they were written`);
  else context.out(`the line before ${verdict.brokenAt} is not what was written`);
  return verdict.brokenAt === undefined ? 0 : 1;
}

function auditLine({at, actor, action, app, subject, command, from, oidc, commit}: AuditEntry): string {
  return [localTime(at), actor === '' ? '(nobody)' : actor, ...(from === undefined ? [] : [from]), ...(oidc === undefined ? [] : [`by OIDC ${oidc}`]), action, ...(app === undefined ? [] : [`⬢ ${app}`]), ...(subject === undefined ? [] : [subject]), ...(command === undefined ? [] : [`${command.program} …`]), ...(commit === undefined ? [] : [commit.slice(0, 8)])].join('  ');
}
