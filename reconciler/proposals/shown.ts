import type {CommitId} from '../../schemas/ids.ts';
import {mayDo, type Access} from '../access/access.ts';
import {OPERATOR} from '../api/authenticate.ts';
import {readCommit} from '../checkout/pieces.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import {countOf, missingFor, whyStale, type May, type Standing} from './approvals.ts';
import {shortBranch} from './naming.ts';
import type {ProposalDetails, ProposalSummary} from './proposals.ts';
import {commitsOf, look, planOf, type Sight, type SightDeps, type Sights} from './sight.ts';
import type {Stored} from './store.ts';
import {seenOf, summaryOf} from './words.ts';

// What people are shown of a proposal, after a look at what it makes of main today.

export interface ShownParts {
  readonly sight: SightDeps;
  readonly sights: Sights;
  /** People of the applied commit. */
  access(): Access;
  main(signal: AbortSignal): Promise<CommitId>;
}

const nothing: May = () => false;

/** What approvals are judged by. */
export function standingOf({record}: Stored, {tip, result, paths, protection}: Sight, {people}: Access): Standing {
  return {
    tip, result, paths, protection, authors: record.authors,
    mayOf: (user) => {
      if (user === OPERATOR || user === '') return () => true;
      const roles = people.get(user)?.roles;
      return roles && ((right, app) => mayDo(roles, right, app));
    },
  };
}

export async function summaryOnto({sights, access}: ShownParts, {stored, onto}: {readonly stored: Stored; readonly onto: CommitId}, signal: AbortSignal): Promise<ProposalSummary> {
  const {record, tip} = stored;
  if (record.state !== 'open' || tip === undefined) return summaryOf(stored);
  const sight = await sights.look({onto, tip}, signal);
  return {...summaryOf(stored), approvals: countOf(record.approvals, standingOf(stored, sight, access()))};
}

export async function detailsOf({sight: deps, access, main}: ShownParts, stored: Stored, signal: AbortSignal): Promise<ProposalDetails> {
  const {record} = stored;
  // Of one that is merged, what it changed then.
  const merged = record.ended?.commit === undefined ? undefined : await readCommit(deps.objects, record.ended.commit, signal);
  const onto = merged?.parents[0] as CommitId | undefined ?? await main(signal);
  const tip = stored.tip ?? record.ended?.tip;
  if (tip === undefined) throw new EditRefused(`the branch of #${record.number}, ${shortBranch(record)}, is not there (any more)`);
  const sight = await look(deps, {onto, tip}, signal);
  const standing = standingOf(stored, sight, access());
  const {plan, problems} = await planOf(deps, sight, signal);
  const isOpen = record.state === 'open';
  return {
    ...summaryOf({...stored, tip}),
    ...(isOpen && {approvals: countOf(record.approvals, standing)}),
    onto, problems, plan,
    commits: await commitsOf(deps, {onto, tip}, signal),
    files: sight.changes.map(({path, change}) => ({path, change, isProtected: sight.protection.isProtected(path)})),
    conflicts: sight.conflicts,
    reviews: record.approvals.map((one) => {
      const stale = isOpen ? whyStale(one, standing) : undefined;
      return {by: one.name, at: one.at, ...(one.comment !== undefined && {comment: one.comment}), ...(stale !== undefined && {stale})};
    }),
    comments: (record.comments ?? []).map(({name, at, text}) => ({by: name, at, text})),
    missing: isOpen ? missingFor(record.approvals, standing, nothing) : [],
    seen: seenOf(sight),
  };
}
