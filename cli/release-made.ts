import type {ReleaseLine, ReleaseOutcome} from '../reconciler/release/releases.ts';
import type {AppName} from '../schemas/ids.ts';
import {type CommandContext, Failure} from './command.ts';

/**
 * Tells how a release is made, line by line, until it serves or not. Ctrl-C ends the telling: the release goes on, and is taken back by
 * itself when it fails. Throws `Failure` when the answer ends without an outcome.
 */
export async function followRelease(lines: AsyncIterable<ReleaseLine>, {app, context}: {app: AppName; context: CommandContext}, signal: AbortSignal): Promise<ReleaseOutcome> {
  const interrupted = () => context.err('stopped waiting; what was begun goes on');
  signal.addEventListener('abort', interrupted, {once: true});
  try {
    for await (const line of lines) {
      if ('print' in line) context.err(line.print);
      if ('outcome' in line) return line.outcome;
    }
  } finally {
    signal.removeEventListener('abort', interrupted);
  }
  throw new Failure('the cluster stopped answering before the release was made', {advice: [`it goes on by itself; see: flynn releases -a ${app}`]});
}

/** Exit status for the outcome, whose bad news are told on stderr. */
export function reportRelease(outcome: ReleaseOutcome, app: AppName, {err}: Pick<CommandContext, 'err'>): 0 | 1 {
  switch (outcome.result) {
    case 'healthy':
    case 'proposed': return 0;
    case 'removed':
      err(`error: ⬢ ${app} was removed meanwhile`);
      return 1;
    case 'superseded':
      err(`error: v${outcome.by} has taken over from v${outcome.release} meanwhile`);
      return 1;
    case 'failed':
      if (outcome.log.length > 0) {
        err(`=====> Last lines of ${app} v${outcome.release}`);
        for (const line of outcome.log) err(`       ${line}`);
        err(`=====> End of ${app} v${outcome.release}`);
      }
      err(`error: release v${outcome.release} failed: ${outcome.cause}`);
      return 1;
  }
}

/** `3` and `v3`. Undefined: it is no number of a release. */
export function parseRelease(word: string): number | undefined {
  const [, digits] = /^v?(\d{1,9})$/.exec(word) ?? [];
  return digits === undefined || Number(digits) === 0 ? undefined : Number(digits);
}
