import {parse, stringify} from 'yaml';
import type {AppName, CommitId, ImageDigest} from '../../schemas/ids.ts';
import type {Reviewer} from './approvals.ts';

/** Somebody, as he is written down. */
export interface Who {
  /** His file below `people/`; `operator`; empty: somebody on the machine itself. */
  readonly user: string;
  readonly name: string;
  readonly email: string;
}

/** What git's branch does not say of a proposal. Each state of it is a commit of `refs/flynn/proposals/<number>`. */
export interface ProposalRecord {
  readonly number: number;
  readonly title: string;
  /** With `refs/heads/`. */
  readonly branch: string;
  readonly state: 'open' | 'merged' | 'closed';
  readonly opened: Who & {readonly at: string};
  /** Users who have put something on the branch: none of them approves it. */
  readonly authors: readonly string[];
  /** By which a retry finds it. */
  readonly operation?: string;
  readonly approvals: readonly Approval[];
  /** Oldest first. Absent: none. */
  readonly comments?: readonly Comment[];
  readonly release?: ProposedRelease;
  readonly ended?: Who & {readonly at: string; readonly commit?: CommitId; readonly tip?: CommitId; readonly comment?: string};
}

export interface Approval extends Who, Reviewer {
  readonly at: string;
  readonly comment?: string;
}

/** A word that decides nothing. */
export interface Comment extends Who {
  readonly at: string;
  readonly text: string;
}

/** A release that is deployed when its proposal is merged. */
export interface ProposedRelease {
  readonly app: AppName;
  /** The commit that we made: one that is on the branch instead is somebody's own work. */
  readonly tip: CommitId;
  readonly image: ImageDigest;
  readonly createdAt: string;
  /** Of the app's source. */
  readonly source?: string;
  /** Run once when it serves. */
  readonly postdeploy?: string;
}

export const RECORD_FILE = 'proposal.yaml';

export function recordText(record: ProposalRecord): string {
  return stringify(record, {lineWidth: 0});
}

/** Written by ourselves, in a place that nobody else can push to: its shape is taken as it is. */
export function parseRecord(text: string): ProposalRecord {
  return parse(text) as ProposalRecord;
}
