import {createHash} from 'node:crypto';
import {type CommandPrint, Refused} from './oneshot.ts';

/** The first process of images that we build: it sets the app's environment up, and knows what a single word means. */
const LAUNCHER = '/flynn/launch';

/**
 * The words of a command line as an image is started with. A single one is a shell's line (`flynn run 'echo $HOME'`): our launcher reads it
 * so by itself; of others an entrypoint would take it for the name of a program.
 */
export function commandIn(entrypoint: readonly string[], words: readonly string[]): readonly string[] {
  const [line, ...more] = words;
  if (hasLauncher(entrypoint) || line === undefined || more.length > 0 || /^[\w./:@%+,-]+$/.test(line)) return words;
  return ['/bin/sh', '-c', line];
}

/** The same for a command in a container that runs, where no entrypoint comes first: the launcher makes its environment that of the app. */
export function execCommandIn(entrypoint: readonly string[], words: readonly string[]): readonly string[] {
  return hasLauncher(entrypoint) ? [LAUNCHER, ...words] : commandIn(entrypoint, words);
}

/** What may be kept of a command: arguments such as `--password=…` may not. */
export function printOf(words: readonly string[]): CommandPrint {
  const line = (words[0] ?? '').trim();
  const [program = ''] = /^[\w./@:+-]*/.exec(line) ?? [];
  // `DATABASE_URL=… rake`, `(curl …)`, `'…'`: what a shell makes of it is none of our business.
  const next = line.charAt(program.length);
  const more = next === '' || /[\s;]/.test(next) ? '' : next === '=' || next === '(' ? `${next}…` : '…';
  return {program: `${program}${more}`, sha256: createHash('sha256').update(JSON.stringify(words)).digest('hex')};
}

/** Why a container could not be started, when it is because of the command: with the exit status that a shell has for it (POSIX, 2.8.2). */
export function whyNotStarted(error: unknown, [program = '']: readonly string[]): Refused | undefined {
  const text = error instanceof Error ? error.message : '';
  if (/executable file not found|no such file or directory/.test(text)) return new Refused('impossible', `the image has no command "${program}"`, 127);
  if (/permission denied|exec format error|is a directory/.test(text)) return new Refused('impossible', `"${program}" is no program that the image can execute`, 126);
  return undefined;
}

function hasLauncher(entrypoint: readonly string[]): boolean {
  return entrypoint.length === 1 && entrypoint[0] === LAUNCHER;
}
