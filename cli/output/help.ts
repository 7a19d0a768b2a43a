import type {Command} from '../command.ts';
import type {TOPICS} from '../table.ts';
import {table} from './table.ts';

const GLOBAL_FLAGS = [
  ['-a, --app <app>', 'the app, or a git remote of one (else FLYNN_APP, or the remote "flynn")'],
  ['-c, --cluster <name>', 'the cluster (else FLYNN_CLUSTER, or the default one)'],
  ['--clone <folder>', 'commit to a clone of the cluster repository, without a cluster (else FLYNN_CLONE)'],
  ['--propose[=<title>]', 'propose the change instead of making it: others approve and merge it (flynn review)'],
  ['--json', 'print JSON for programs'],
  ['-h, --help', 'help; also: flynn help <command>'],
] as const;

export async function overview(topics: typeof TOPICS): Promise<readonly string[]> {
  const rows = await Promise.all(Object.values(topics).flatMap((commands) => Object.entries(commands)).map(async ([name, load]): Promise<[string, string]> => [name, (await load()).summary]));
  // One table, so that all summaries stand below each other.
  const lines = new Map(table(rows).map((line, index) => [rows[index]?.[0], line]));
  return [
    'usage: flynn [-a <app>] [-c <cluster>] [--propose] [--json] <command> [<args>…]',
    ...Object.entries(topics).flatMap(([title, commands]) => ['', title, ...indented(Object.keys(commands).map((name) => lines.get(name) ?? name))]),
    '',
    'For all',
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
