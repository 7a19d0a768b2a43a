import type {ObjectReader} from '../adapters/git-objects.ts';
import type {CommitCheck, FollowedRepo} from '../checkout/repo.ts';
import {EditRefused, type Change} from '../checkout/snapshot.ts';
import {writer} from '../commits/writer.ts';
import type {ForgeDesk} from '../forge/status.ts';
import type {CommitId} from '../../schemas/ids.ts';
import {slugOf, titleOf} from './naming.ts';
import type {Proposals} from './proposals.ts';
import {commitsOf, look, planOf, type SightDeps} from './sight.ts';

/** A cluster repository that is not on this node: what is proposed and reviewed there is its own server's business. */
export function proposalsElsewhere(where: string): Proposals {
  const refuse = async (): Promise<never> => {
    throw new EditRefused(`the cluster repository is ${where}: propose and review changes there`);
  };
  return {list: async () => [], show: refuse, propose: refuse, approve: refuse, comment: refuse, close: refuse, merge: refuse, proposedImages: () => new Map()};
}

export interface ForgeProposalsParts {
  readonly where: string;
  /** The copy of it on this node. */
  readonly gitdir: string;
  readonly objects: ObjectReader;
  readonly repo: Pick<FollowedRepo, 'snapshot' | 'snapshotAt' | 'refresh' | 'nextReleaseFloor'>;
  readonly check: CommitCheck;
  readonly forge: Pick<ForgeDesk, 'state' | 'openChange'>;
}

/** The same, at a forge that we may write to: a change that somebody proposes here is a pull request there, and is looked at and merged there. */
export function proposalsAtForge(parts: ForgeProposalsParts): Proposals {
  const {where, gitdir, objects, repo, check, forge} = parts;
  const sightDeps: SightDeps = {gitdir, objects, check, snapshotAt: (commit, signal) => repo.snapshotAt(commit, signal), releaseFloor: (app, signal) => repo.nextReleaseFloor(app, signal)};
  const elsewhere = proposalsElsewhere(where);
  return {
    ...elsewhere,
    async propose(change, who, signal) {
      // Before anything is made that nobody could get.
      if (forge.state() === undefined) throw new EditRefused(`the cluster repository is ${where}, and cluster.yaml names no forge where a pull request could be opened: flynn forge set`);
      const {onto, tip} = await committed(parts, change, signal);
      const title = titleOf(change.message);
      // A retry after a lost answer has the same branch, and so finds its own pull request.
      const branch = `flynn/${slugOf(title)}-${change.operationId.slice(0, 8)}`;
      const {number, url} = await forge.openChange({branch, commit: tip, title, body: bodyOf(change)}, signal);
      const sight = await look(sightDeps, {onto, tip}, signal);
      return {isNew: true, proposal: {
        number, title, state: 'open', branch, by: who.name, at: new Date().toISOString(), tip, onto, url,
        ...await planOf(sightDeps, sight, signal).then(({plan, problems}) => ({plan, problems})),
        commits: await commitsOf({gitdir, objects}, {onto, tip}, signal),
        files: sight.changes.map(({path, change: what}) => ({path, change: what, isProtected: sight.protection.isProtected(path)})),
        conflicts: sight.conflicts, reviews: [], comments: [], missing: [], seen: tip,
      }};
    },
  };
}

/** On the newest main, and on no branch yet. */
async function committed({gitdir, objects, repo, check}: ForgeProposalsParts, change: Change, signal: AbortSignal): Promise<{readonly onto: CommitId; readonly tip: CommitId}> {
  let onto: CommitId | undefined;
  const commit = writer({
    gitdir, objects,
    async freshTip(until) {
      await repo.refresh(until);
      onto = (await repo.snapshot(until)).commit;
      return onto;
    },
    check: async ({from, to}, until) => check({before: await repo.snapshotAt(from, until), after: await repo.snapshotAt(to, until)}, until),
    publish: async () => 'published',
  });
  const {commit: tip, isNew} = await commit(change, signal);
  if (!isNew || onto === undefined) throw new EditRefused('there is nothing to propose: main is so already');
  return {onto, tip};
}

/** What its author says of it beyond the title. */
function bodyOf({message, author}: Change): string {
  const [, ...rest] = message.trim().split('\n');
  return [rest.join('\n').trim(), `Proposed by ${author.name.replaceAll('@', '')}, with Flynn.`].filter((part) => part !== '').join('\n\n');
}
