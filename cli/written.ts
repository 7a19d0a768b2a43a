import type {Written} from '../reconciler/api/answers.ts';
import type {AppName} from '../schemas/ids.ts';
import type {Client} from './client.ts';
import type {CommandContext} from './command.ts';
import {reportOutcome, waitForConvergence} from './converge.ts';

export interface Writing {
  readonly client: Client;
  readonly app: AppName;
  readonly context: CommandContext;
  readonly written: Written;
  readonly wait: 'wait' | 'no-wait';
  /** Told on stderr once it is so: `Scaling ⬢ shop... done, now running web at 2`. */
  readonly done: string;
  /** For `--json`, beside the commit and its outcome. */
  readonly about?: object;
}

/** Tells of a commit that a command made, waits until it is what runs (or has failed), and resolves to the exit status. */
export async function reportWritten({client, app, context, written, wait, done, about}: Writing, signal: AbortSignal): Promise<number> {
  const {commit, isNew, message} = written;
  context.err(`${isNew ? 'Committed' : 'Already in git:'} "${message}" ${commit.slice(0, 8)}`);
  if (client.isOffline === true && isNew) context.err(context.proposeFlag === undefined ? 'it is a commit of this clone; the cluster gets it with: git push' : 'it is on a branch of this clone; the cluster gets the proposal with: flynn propose');
  if (wait === 'no-wait' || client.isOffline === true) {
    if (context.isJson) context.out(JSON.stringify({commit, isNew, message, ...about}, null, 2));
    return 0;
  }
  const outcome = await waitForConvergence({client, app, context}, signal);
  if (context.isJson) context.out(JSON.stringify({commit, isNew, message, ...about, outcome}, null, 2));
  const status = reportOutcome(outcome, app, context);
  // A suspended app does nothing of what was asked for yet; that was told.
  if (outcome.result === 'healthy') context.err(done);
  return status;
}

/** Tells of a commit that nothing has to be waited for, because it is of no app's containers. Returns the exit status. */
export function tellWritten({commit, isNew, message}: Written, context: Pick<CommandContext, 'isJson' | 'out' | 'err'>): 0 {
  if (context.isJson) context.out(JSON.stringify({commit, isNew, message}, null, 2));
  context.err(`${isNew ? 'Committed' : 'Already in git:'} "${message}" ${commit.slice(0, 8)}`);
  return 0;
}
