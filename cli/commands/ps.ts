import type {ReplicaStatus, RunStatus, ServiceStatus} from '../../reconciler/status/status.ts';
import type {Command} from '../command.ts';
import {parseFlags} from '../flags.ts';
import {palette, type Palette} from '../output/color.ts';
import {age, localTime} from '../output/time.ts';

export const ps: Command = {
  usage: 'ps [<app>]',
  summary: 'List the replicas of an app, by service',
  examples: ['flynn ps', 'flynn ps -a shop'],

  async run(args, context, signal) {
    const {words: [named]} = parseFlags(args, {}, {wordsMax: 1});
    const client = await context.client();
    const {name, services, runs} = await client.app(await context.app(named, signal), signal);
    if (context.isJson) context.out(JSON.stringify(runs.length === 0 ? services : [...services, {name: 'run', replicas: runs}], null, 2));
    else if (services.length === 0) context.err(`no services on ⬢ ${name} yet: git push flynn main`);
    else for (const line of [...processes(services, context.nowMs(), palette(context)), ...runLines(runs, context.nowMs(), palette(context))]) context.out(line);
    return 0;
  },
};

function processes(services: readonly ServiceStatus[], nowMs: number, colors: Palette): readonly string[] {
  return services.flatMap(({name, wanted, command, replicas, waitsFor}, index) => [
    ...(index === 0 ? [] : ['']),
    colors.title(`=== ${name} (${wanted}): ${commandLine(command)}`),
    ...replicas.map((replica) => replicaLine(replica, nowMs, colors)),
    ...(waitsFor === undefined ? [] : [`${name}: ${colors.busy('waiting')} for room: ${waitsFor}`]),
  ]);
}

function replicaLine({name, state, since, release, detail}: ReplicaStatus, nowMs: number, colors: Palette): string {
  const paint = {up: colors.good, starting: colors.busy, stopping: colors.faint, unhealthy: colors.bad, crashed: colors.bad}[state];
  return `${name}: ${paint(state)} ${localTime(since)} (~ ${age(since, nowMs)} ago) v${release}${detail === undefined ? '' : `: ${detail}`}`;
}

function runLines(runs: readonly RunStatus[], nowMs: number, colors: Palette): readonly string[] {
  if (runs.length === 0) return [];
  return ['', colors.title(`=== run: one-off commands (${runs.length})`), ...runs.map(({name, state, since, release, program, isDetached, detail}) => {
    const paint = {up: colors.good, starting: colors.busy, stopping: colors.faint, ended: colors.faint}[state];
    return `${name}: ${paint(state)} ${localTime(since)} (~ ${age(since, nowMs)} ago) v${release}: ${program} …${isDetached ? ', detached' : ''}${detail === undefined ? '' : `, ${detail}`}`;
  })];
}

/** A Procfile line is run by a shell: the shell is our business, the line is its owner's. */
function commandLine(command: readonly string[]): string {
  const [shell = '', flag, line] = command;
  if (command.length === 3 && /(^|\/)(ba)?sh$/.test(shell) && flag === '-c' && line !== undefined) return line;
  // One word is a shell line, as a Procfile has it.
  if (command.length === 1 && shell !== '') return shell;
  return command.length === 0 ? "the image's command" : command.map((word) => /^[\w./:=@%+,-]+$/.test(word) ? word : JSON.stringify(word)).join(' ');
}
