import type {Written} from '../reconciler/api/answers.ts';
import type {AppName} from '../schemas/ids.ts';
import type {Client} from './client.ts';
import type {CommandContext} from './command.ts';
import {reportOutcome, waitForConvergence} from './converge.ts';
import {Proposed} from './proposed.ts';

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
  if (isNew) tellWhere(context);
  if (wait === 'no-wait' || client.isOffline === true) {
    if (context.isJson) context.out(JSON.stringify({commit, isNew, message, ...about}, null, 2));
    return 0;
  }
  const outcome = await waitForConvergence({client, app, context, of: isNew ? commit : undefined}, signal);
  if (context.isJson) context.out(JSON.stringify({commit, isNew, message, ...about, outcome}, null, 2));
  const status = reportOutcome(outcome, app, context);
  // A suspended app does nothing of what was asked for yet, one that others have changed again does something else; that was told.
  if (outcome.result === 'healthy' && status === 0) context.err(done);
  return status;
}

/** What is still to be done where a commit is of a clone. */
export function tellWhere({cloneFlag, proposeFlag, err}: Pick<CommandContext, 'cloneFlag' | 'proposeFlag' | 'err'>): void {
  if (cloneFlag === undefined) return;
  err(proposeFlag === undefined ? 'it is a commit of this clone; the cluster gets it with: git push' : 'it is on a branch of this clone; the cluster gets the proposal with: flynn propose');
}

/** Tells of a commit that nothing has to be waited for, because it is of no app's containers. Returns the exit status. */
export function tellWritten({commit, isNew, message}: Written, context: Pick<CommandContext, 'isJson' | 'out' | 'err' | 'cloneFlag' | 'proposeFlag'>): 0 {
  if (context.isJson) context.out(JSON.stringify({commit, isNew, message}, null, 2));
  context.err(`${isNew ? 'Committed' : 'Already in git:'} "${message}" ${commit.slice(0, 8)}`);
  if (isNew) tellWhere(context);
  return 0;
}

export interface ShownOnce {
  /** `This is the only time that the token is shown:` */
  readonly note: string;
  /** All that stdout gets, so that it can go into a file. */
  readonly lines: readonly string[];
  /** For `--json`, beside the commit or the proposal. */
  readonly about: object;
}

/** Tells of a commit with a secret that nobody is shown again: of a proposed one, too, whose secret would be lost else. */
export async function tellOnce<Made extends Written>(change: Promise<Made>, once: (made: Made | undefined) => ShownOnce, context: Pick<CommandContext, 'isJson' | 'out' | 'err' | 'cloneFlag' | 'proposeFlag'>): Promise<0> {
  const made = await change.catch((error: unknown) => {
    if (error instanceof Proposed) return error.answer;
    throw error;
  });
  const {note, lines, about} = once('proposal' in made ? undefined : made);
  if ('proposal' in made) {
    const {number, title, url} = made.proposal;
    context.err(`Proposed "${title}" as #${number}, and good for nothing until that is merged`);
    context.err(url === undefined ? `others look at it with: flynn review show ${number}` : `others look at it at: ${url}`);
  } else {
    context.err(`Committed "${made.message}" ${made.commit.slice(0, 8)}`);
    tellWhere(context);
  }
  context.err(note);
  if (context.isJson) context.out(JSON.stringify({...about, ...('proposal' in made ? {proposal: made.proposal} : {commit: made.commit})}, null, 2));
  else for (const line of lines) context.out(line);
  return 0;
}
