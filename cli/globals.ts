import {UsageError} from './command.ts';

export interface GlobalFlags {
  readonly app?: string;
  readonly cluster?: string;
  readonly clone?: string;
  /** The title; empty: as the change is called. Absent: it is made at once. */
  readonly propose?: string;
  readonly isJson: boolean;
  readonly isHelp: boolean;
  readonly isVersion: boolean;
}

/** Commands that run others, and their flags that take a value: what follows the other's first word belongs to it. */
const RUNNERS: Readonly<Record<string, readonly string[]>> = {
  run: ['-t', '--type', '-e', '--env'],
  exec: ['-e', '--env'],
};

/**
 * Takes `-a/--app`, `-c/--cluster`, `--clone`, `--propose[=<title>]`, `--json`, `-h/--help` and `--version` out of a command line, wherever they stand before `--`.
 * `--version` counts only before the command's name. Of `flynn run` and `flynn exec` only what stands before the command is looked at. Throws `UsageError` for a flag without its value.
 */
export function parseGlobals(argv: readonly string[]): {readonly flags: GlobalFlags; readonly rest: readonly string[]} {
  const rest: string[] = [];
  let flags: GlobalFlags = {isJson: false, isHelp: false, isVersion: false};
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') {
      rest.push(...argv.slice(at));
      break;
    }
    const {name, value} = split(word);
    if (name === '-a' || name === '--app') flags = {...flags, app: value ?? needed(argv[++at], name)};
    else if (name === '-c' || name === '--cluster') flags = {...flags, cluster: value ?? needed(argv[++at], name)};
    else if (name === '--clone') flags = {...flags, clone: value ?? needed(argv[++at], name)};
    else if (name === '--propose') flags = {...flags, propose: value ?? ''};
    else if (word === '--json') flags = {...flags, isJson: true};
    else if (word === '-h' || word === '--help') flags = {...flags, isHelp: true};
    else if (word === '--version' && rest.length === 0) flags = {...flags, isVersion: true};
    else {
      const own = Object.hasOwn(RUNNERS, rest[0] ?? '') ? RUNNERS[rest[0] ?? ''] : undefined;
      if (own !== undefined && !word.startsWith('-')) {
        rest.push(...argv.slice(at));
        break;
      }
      rest.push(word);
      if (own?.includes(word) === true && at + 1 < argv.length) rest.push(argv[++at] ?? '');
    }
  }
  return {flags, rest};
}

function split(word: string): {readonly name: string; readonly value?: string} {
  const [, name, value] = /^(--[a-z-]+)=(.*)$/s.exec(word) ?? [];
  return name === undefined || value === undefined ? {name: word} : {name, value};
}

function needed(value: string | undefined, flag: string): string {
  if (value === undefined || value === '' || value.startsWith('-')) throw new UsageError(`${flag} needs a name after it`);
  return value;
}
