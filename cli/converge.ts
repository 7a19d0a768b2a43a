import type {ToldOutcome} from '../reconciler/api/answers.ts';
import type {AppName, CommitId} from '../schemas/ids.ts';
import type {Client} from './client.ts';
import {type CommandContext, Failure} from './command.ts';

export interface Waited {
  readonly client: Client;
  readonly app: AppName;
  readonly context: CommandContext;
  /** The commit that it is waited for. Absent: none. */
  readonly of?: CommitId | undefined;
}

/**
 * Waits until what is in git is what runs of this app, telling progress. Ctrl-C ends the wait and not the change: that is in git already.
 * Throws `Failure` when the answer ends without an outcome.
 */
export async function waitForConvergence({client, app, context, of}: Waited, signal: AbortSignal): Promise<ToldOutcome> {
  const interrupted = () => context.err('stopped waiting; the change is in git, and goes on');
  signal.addEventListener('abort', interrupted, {once: true});
  try {
    for await (const line of client.converged(app, of, signal)) {
      if ('progress' in line) context.err(`  ${line.progress}`);
      if ('outcome' in line) return line.outcome;
    }
  } finally {
    signal.removeEventListener('abort', interrupted);
  }
  throw new Failure('the cluster stopped answering before the change was done', {advice: [`it goes on by itself; see: flynn status ${app}`]});
}

/** Exit status for the outcome, whose bad news are told on stderr. */
export function reportOutcome(outcome: ToldOutcome, app: AppName, context: CommandContext): 0 | 1 {
  const {overtaken} = outcome;
  if (overtaken !== undefined) context.err(`error: superseded: ${overtaken.commit.slice(0, 8)} "${overtaken.subject}" by ${overtaken.by} has changed the same again${outcome.result === 'healthy' ? ', and is what runs' : ''}`);
  if (outcome.result === 'healthy') return overtaken === undefined ? 0 : 1;
  if (outcome.result === 'suspended') {
    context.err(`⬢ ${app} is suspended: nothing of it runs. Start it with: flynn resume -a ${app}`);
    return overtaken === undefined ? 0 : 1;
  }
  if (outcome.result === 'removed') {
    context.err(`error: ⬢ ${app} was removed meanwhile, by commit ${outcome.commit.slice(0, 8)}`);
    return 1;
  }
  context.err(`error: ${outcome.cause}`);
  for (const line of outcome.log) context.err(`       ${line}`);
  return 1;
}
