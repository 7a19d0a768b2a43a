import type {CommitId} from '../../schemas/ids.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import {shortBranch, titleOf} from './naming.ts';
import type {ProposalSummary} from './proposals.ts';
import type {ProposalRecord, Who} from './record.ts';
import type {Sight} from './sight.ts';
import type {Stored} from './store.ts';

// What is told of proposals, without a look at the repository.

/** Something became of a proposal. */
export interface ProposalEvent {
  readonly kind: 'proposed' | 'commented' | 'approved' | 'merged' | 'closed';
  readonly message: string;
  readonly actor: string;
  /** Of main. */
  readonly commit?: CommitId;
}

export function eventOf(kind: ProposalEvent['kind'], {number, title}: ProposalRecord, {name: actor}: Who): ProposalEvent {
  return {kind, message: `proposal #${number} is ${kind === 'commented' ? 'commented on' : kind}: ${title}`, actor};
}

export function opened({title, branch, by}: {readonly title: string; readonly branch: string; readonly by: Who}): Omit<ProposalRecord, 'number'> {
  return {title: titleOf(title), branch, state: 'open', opened: {...by, at: now()}, authors: [by.user], approvals: []};
}

export function summaryOf({record: {number, title, state, branch, opened: {name, at}, release, ended}, tip}: Stored): ProposalSummary {
  return {
    number, title, state, at, by: name, branch: branch.replace('refs/heads/', ''),
    ...(tip !== undefined && {tip}),
    ...(release !== undefined && {app: release.app}),
    ...(ended !== undefined && {ended: {by: ended.name, at: ended.at, ...(ended.commit !== undefined && {commit: ended.commit}), ...(ended.comment !== undefined && {comment: ended.comment})}}),
  };
}

export function seenOf({tip, result}: Sight): string {
  return `${tip.slice(0, 12)}-${result.slice(0, 12)}`;
}

export function mustBeAsSeen(number: number, sight: Sight, seen: string | undefined): void {
  if (seen !== undefined && seen !== seenOf(sight)) throw new EditRefused(`#${number} has changed, or main has changed what becomes of it, since you looked: flynn review show ${number}`);
}

export function conflictWords({record}: Stored, {conflicts}: Sight): string {
  const branch = shortBranch(record);
  return `${conflicts.join(', ')}: main has changed the same lines since. To go on, in a clone: git fetch && git switch ${branch} && git merge origin/main, put it right, and git push`;
}

export function now(): string {
  return new Date().toISOString();
}
