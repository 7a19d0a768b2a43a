import type {Command} from '../command.ts';
import {HIDDEN} from '../table.ts';
import {table} from './table.ts';

const GLOBAL_FLAGS = [
  ['-a, --app <app>', 'the app, or a git remote of one (else FLYNN_APP, or the remote "flynn")'],
  ['-c, --cluster <name>', 'the cluster (else FLYNN_CLUSTER, or the default one)'],
  ['--clone <folder>', 'commit to a clone of the cluster repository, without a cluster (else FLYNN_CLONE)'],
  ['--propose[=<title>]', 'propose the change instead of making it: others approve and merge it (flynn review)'],
  ['--json', 'print JSON for programs'],
  ['-h, --help', 'help; also: flynn help <command>'],
] as const;

export async function overview(commands: Readonly<Record<string, () => Promise<Command>>>): Promise<readonly string[]> {
  const listed = Object.entries(commands).filter(([name]) => !HIDDEN.has(name));
  const rows = await Promise.all(listed.map(async ([name, load]) => [name, (await load()).summary]));
  return [
    'usage: flynn [-a <app>] [-c <cluster>] [--propose] [--json] <command> [<args>…]',
    '',
    ...indented(table(rows)),
    '',
    ...indented(table(GLOBAL_FLAGS)),
  ];
}

export function helpOf({usage, summary, details = [], examples = []}: Command): readonly string[] {
  return [
    `usage: flynn ${usage}`,
    '',
    summary,
    ...(details.length === 0 ? [] : ['', ...details]),
    ...(examples.length === 0 ? [] : ['', 'examples:', ...indented(examples)]),
  ];
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
