import type {BuildContainer} from '../adapters/build-container.ts';
import {warning} from './output.ts';
import {runAlone} from './shell.ts';

/** Names that people are told. */
const SHOWN_MAX = 3;
const NAMES_BYTES_MAX = 100_000;

/** A command that lets the owner read and enter what is in these folders, and prints what that was needed for. */
export function readableScript(folders: readonly string[]): string {
  // Each folder before what is in it; `-exec … +` would come too late.
  return `find ${folders.join(' ')} -xdev \\( -type d ! -perm -500 -o -type f ! -perm -400 \\) -printf '%p\\n' -exec chmod u+rX {} \\; 2>/dev/null`;
}

/**
 * Builds leave folders of mode 000, tests of others' packages among them. What their owner can't read could neither be moved to another container nor
 * packed, and the app, which runs as the same user, could not read it either. All that they left running ends first.
 */
export async function makeReadable(container: BuildContainer, {folders, print}: {readonly folders: readonly string[]; print(line: string): void}, signal: AbortSignal): Promise<void> {
  // Nobody may stop reading before it is done with all of them.
  const text = `cd / && names=$(mktemp) && { ${readableScript(folders)} >"$names" || true; } && head -c ${NAMES_BYTES_MAX} "$names" && rm "$names"`;
  const names = (await runAlone(container, text, signal)).split('\n').filter((name) => name !== '').map((name) => name.replace(/^\/tmp\/build/, '.'));
  if (names.length === 0) return;
  const more = names.length > SHOWN_MAX ? ` and ${names.length - SHOWN_MAX} more` : '';
  print(warning(`Not even their owner could read ${names.slice(0, SHOWN_MAX).join(', ')}${more}: now it can.`));
}
