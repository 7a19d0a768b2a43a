import type {CommitId} from '../../schemas/ids.ts';
import type {OpenPull} from './status.ts';

/** What we do at a forge, whichever it is. All of it may be done again: what is there already is found first. */
export interface Forge {
  /** What people call it: `GitHub`. */
  readonly name: string;
  /** Who opens, comments and states things there, as far as it says so. Undefined: a program without an account. */
  whoAmI(signal: AbortSignal): Promise<string | undefined>;
  /** Open pull requests into a branch. */
  openChanges(into: string, signal: AbortSignal): Promise<readonly OpenChange[]>;
  /** Opens a pull request for a branch that is there; one that is open already gets the title and the text. */
  propose(change: NewChange, signal: AbortSignal): Promise<OpenChange>;
  /** Comments of a pull request, oldest first. */
  comments(change: number, signal: AbortSignal): Promise<readonly Comment[]>;
  addComment(change: number, body: string, signal: AbortSignal): Promise<void>;
  editComment(comment: CommentPlace, body: string, signal: AbortSignal): Promise<void>;
  /** The newest of a context. Undefined: there is none. */
  status(commit: CommitId, context: string, signal: AbortSignal): Promise<CommitStatus | undefined>;
  setStatus(commit: CommitId, status: CommitStatus, signal: AbortSignal): Promise<void>;
}

export interface OpenChange extends OpenPull {
  /** Where git finds its newest commit, be it of a fork. */
  readonly ref: string;
}

export interface NewChange {
  readonly branch: string;
  readonly into: string;
  readonly title: string;
  /** Markdown. */
  readonly body: string;
}

export interface CommentPlace {
  readonly change: number;
  readonly id: number;
}

export interface Comment {
  readonly id: number;
  readonly body: string;
  /** Absent: the forge does not say. */
  readonly author?: string;
  /** By a program without an account: a GitHub App, or the token of a CI job. */
  readonly isByProgram: boolean;
}

export interface CommitStatus {
  /** `flynn/plan` */
  readonly context: string;
  readonly state: CommitState;
  /** Cut to what the forge takes. */
  readonly description: string;
  readonly url?: string;
}

export type CommitState = 'pending' | 'success' | 'failure';

/** A text that fits. */
export function cut(text: string, lengthMax: number): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= lengthMax ? line : `${line.slice(0, lengthMax - 1)}…`;
}
