import type {AppName, CommitId} from '../../schemas/ids.ts';
import {readCommit} from '../checkout/pieces.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import type {DeskDeps, Open} from './desk.ts';
import {pruneReleases, type Numbered} from './numbering.ts';
import type {Merged} from './proposals.ts';
import type {ProposedRelease, Who} from './record.ts';
import {look, type Sight, type SightDeps} from './sight.ts';

/** How often releases get other numbers because somebody else took them. */
const NUMBER_TRIES_MAX = 5;

/** What belongs to a proposed release beside its file. */
export interface Deployer {
  /** What has to be so before a commit of main names it. */
  prepare(release: ProposedRelease, how: {readonly number: number; readonly by: Who}, signal: AbortSignal): Promise<void>;
  /** It is on main: takes it back when it does not get healthy, as a push would. Returns at once. */
  lookAfter(release: ProposedRelease): void;
  /** Its proposal is over: nothing is kept for it any more. */
  letGo(release: ProposedRelease): Promise<void>;
}

export interface Merging {
  readonly open: Open;
  readonly by: Who;
  /** @throws {EditRefused} when something is missing */
  mayMerge(sight: Sight): void;
  /** @throws {EditRefused} when too many would be gone */
  mustKeepApps(before: readonly AppName[], after: readonly AppName[]): void;
  /** It is merged. */
  ended(commit: CommitId): Promise<void>;
}

type MergeDeps = Pick<DeskDeps, 'objects' | 'areCommitsSigned' | 'keepReleases' | 'deployer' | 'wake' | 'log'> & {readonly repo: Pick<FollowedRepo, 'snapshot' | 'commit'>; readonly sight: SightDeps};

/**
 * Makes a merge commit of main, on whatever main is by then: it is looked at and judged again on each new tip. Asked for again after its answer was lost, it
 * finds its own commit.
 */
export async function mergeProposal(deps: MergeDeps, {open, by, mayMerge, mustKeepApps, ended}: Merging, signal: AbortSignal): Promise<Merged> {
  const {record, tip} = open;
  const {release} = record;
  const origin = await readCommit(deps.objects, tip, signal);
  for (let tries = 0; tries < NUMBER_TRIES_MAX; tries += 1) {
    const {commit: main, apps} = await deps.repo.snapshot(signal);
    const first = await look(deps.sight, {onto: main, tip}, signal);
    mayMerge(first);
    const own = first.releases.find(({app}) => app === release?.app);
    if (release !== undefined && own !== undefined) await deps.deployer.prepare(release, {number: own.to, by: record.opened}, signal);
    const message = messageOf({open, by, sight: first, own, trailers: trailersOf(origin.message)});
    try {
      const {commit, isNew} = await deps.repo.commit({
        merge: async (onto, until) => {
          const sight = onto === main ? first : await look(deps.sight, {onto, tip}, until);
          mayMerge(sight);
          // The numbers are in the message.
          if (JSON.stringify(sight.releases) !== JSON.stringify(first.releases)) throw new NumbersTaken();
          if (sight.tree === undefined) throw new Error('bug: what conflicts was let through');
          // Commits of people who may not change these paths themselves are no part of a history in which each has to be signed by somebody who may.
          return {tree: sight.tree, ...(!deps.areCommitsSigned() && {parent: tip})};
        },
        edit: both(mustKeep(apps.map(({name}) => name), mustKeepApps), pruneReleases([...new Set(first.releases.map(({app}) => app))], deps.keepReleases())),
        message,
        author: {name: by.name, email: by.email},
        operationId: `proposal-${record.number}-${tip}`,
      }, signal);
      await ended(commit);
      deps.wake(`proposal ${record.number} is merged`);
      if (release !== undefined && own !== undefined && isNew) deps.deployer.lookAfter(release);
      if (release !== undefined) await deps.deployer.letGo(release).catch((error: unknown) => deps.log(`what was kept for proposal ${record.number} stays`, error));
      return {
        commit, isNew, number: record.number,
        message: message.split('\n')[0] ?? '',
        apps: [...new Set(first.changes.flatMap(({path}) => /^apps\/([^/]+)\//.exec(path)?.[1] ?? []))] as AppName[],
        ...(own !== undefined && {release: {app: own.app, number: own.to}}),
      };
    } catch (error) {
      if (!(error instanceof NumbersTaken)) throw error;
    }
  }
  throw new EditRefused('others released at the same moment again and again');
}

class NumbersTaken extends Error {
  override name = 'NumbersTaken';
}

function messageOf({open: {record}, by, sight, own, trailers}: {readonly open: Open; readonly by: Who; readonly sight: Sight; readonly own: Numbered | undefined; readonly trailers: readonly string[]}): string {
  const title = own === undefined ? record.title : record.title.replace(`release v${own.from} `, `release v${own.to} `);
  const approved = record.approvals.filter((one) => !record.authors.includes(one.user) && one.tip === sight.tip && one.result === sight.result);
  return [
    `${title} (#${record.number})`, '',
    ...trailers,
    `Flynn-Proposal: ${record.number}`,
    `Proposed-by: ${person(record.opened)}`,
    ...approved.map((one) => `Approved-by: ${person(one)}`),
    `Merged-by: ${person(by)}`,
  ].join('\n');
}

/** What the proposed commit says for programs: of which source its release is, and so on. */
function trailersOf(message: string): readonly string[] {
  return message.split('\n').filter((line) => /^Flynn-(App|Source|Image|Rollback): \S/.test(line));
}

function person({name, email}: Who): string {
  return `${name.replaceAll(/[\p{C}<>]/gu, ' ')} <${email.replaceAll(/[\p{C}<> ]/gu, '')}>`;
}

function mustKeep(before: readonly AppName[], judge: Merging['mustKeepApps']): Edit {
  return (_read, list) => {
    judge(before, list('apps') as readonly AppName[]);
    return {};
  };
}

function both(one: Edit, other: Edit): Edit {
  return (read, list) => ({...one(read, list), ...other(read, list)});
}

