import type {AppName, CommitId, ImageDigest} from '../../schemas/ids.ts';
import {slugOf} from '../../schemas/slug.ts';
import type {Access} from '../access/access.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import {OPERATOR, type Principal} from '../api/authenticate.ts';
import {cutIntoPieces} from '../checkout/pieces.ts';
import type {CommitCheck, FollowedRepo} from '../checkout/repo.ts';
import {EditRefused, NothingThere, type Change} from '../checkout/snapshot.ts';
import {MAIN} from '../checkout/own.ts';
import {writer} from '../commits/writer.ts';
import {massDelete, shownOf} from '../desired/mass-delete.ts';
import {approvable, missingFor} from './approvals.ts';
import {mergeProposal, type Deployer} from './merge.ts';
import {shortBranch, titleOf} from './naming.ts';
import type {ProposalDetails, Proposals, ProposalSummary} from './proposals.ts';
import type {Approval, ProposalRecord, ProposedRelease, Who} from './record.ts';
import {Remembered} from './remembered.ts';
import {detailsOf, standingOf, summaryOnto, type ShownParts} from './shown.ts';
import {look, Sights, type SightDeps} from './sight.ts';
import {BRANCHES, ProposalStore, type Stored} from './store.ts';
import {conflictWords, eventOf, mustBeAsSeen, now, opened, type ProposalEvent} from './words.ts';

/** How often something is written again because somebody else was faster. */
const TRIES_MAX = 20;
/** Comments of one proposal, approvals aside: each is a part of its record. */
const COMMENTS_MAX = 200;

export interface DeskDeps {
  /** Our own cluster repository. */
  readonly gitdir: string;
  readonly objects: ObjectReader;
  readonly repo: Pick<FollowedRepo, 'snapshot' | 'snapshotAt' | 'commit' | 'nextReleaseFloor'>;
  readonly check: CommitCheck;
  /** People of the applied commit. */
  access(): Access;
  /** Release files that are kept of an app. */
  keepReleases(): number;
  /** main has only commits that are signed by people who may make them. */
  areCommitsSigned(): boolean;
  readonly deployer: Deployer;
  wake(reason: string): void;
  /** For the events: something became of a proposal. */
  tell(event: ProposalEvent): void;
  log(message: string, error: unknown): void;
}

/** A proposal that is open, with what is known of it today. */
export interface Open extends Stored {
  readonly tip: CommitId;
}

/** Proposals on our own server. */
export class ProposalDesk implements Proposals {
  readonly #deps: DeskDeps;
  readonly #store: ProposalStore;
  readonly #sight: SightDeps;
  readonly #images = new Remembered<ReadonlyMap<AppName, readonly ImageDigest[]>>();
  readonly #shown: ShownParts;

  constructor(deps: DeskDeps) {
    this.#deps = deps;
    this.#store = new ProposalStore(deps);
    this.#sight = {...deps, releaseFloor: (app, signal) => deps.repo.nextReleaseFloor(app, signal), snapshotAt: (commit, signal) => deps.repo.snapshotAt(commit, signal)};
    this.#shown = {...deps, sight: this.#sight, sights: new Sights(this.#sight), main: (signal) => this.#main(signal)};
  }

  async list(which: 'open' | 'all', limit: number, signal: AbortSignal): Promise<readonly ProposalSummary[]> {
    const onto = await this.#main(signal);
    const listed = (await this.#all(signal)).filter(({record, tip}) => (which === 'all' ? record.state !== 'open' || tip !== undefined : tip !== undefined)).slice(0, limit);
    const summaries: ProposalSummary[] = [];
    // One after the other: each of those that are open takes a merge.
    for (const one of listed) summaries.push(await summaryOnto(this.#shown, {stored: one, onto}, signal));
    return summaries;
  }

  async show(number: number, signal: AbortSignal): Promise<ProposalDetails> {
    return detailsOf(this.#shown, await this.#one(number, signal), signal);
  }

  async propose(change: Change, who: Principal, signal: AbortSignal): Promise<{readonly proposal: ProposalDetails; readonly isNew: boolean}> {
    const known = (await this.#all(signal)).find(({record}) => record.operation === change.operationId);
    if (known !== undefined) return {proposal: await detailsOf(this.#shown, known, signal), isNew: false};
    const stored = await this.#put(change, {who: whoOf(who)}, signal);
    this.#deps.tell(eventOf('proposed', stored.record, whoOf(who)));
    return {proposal: await detailsOf(this.#shown, stored, signal), isNew: true};
  }

  /** A release that is deployed when it is merged. Instead of an earlier one of the same app that nobody else has worked on. */
  async proposeRelease(change: Change, release: Omit<ProposedRelease, 'tip'>, who: Who, signal: AbortSignal): Promise<ProposalDetails> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const earlier = (await this.#all(signal)).find(({record, tip}) => record.release?.app === release.app && record.release.tip === tip && tip !== undefined);
      const stored = await this.#put(change, {who, release, earlier}, signal);
      if (stored === undefined) continue;
      this.#deps.tell(eventOf('proposed', stored.record, who));
      return detailsOf(this.#shown, stored, signal);
    }
    throw new Error('others propose at the same moment again and again');
  }

  async approve(number: number, {comment, seen}: {readonly comment?: string; readonly seen?: string}, who: Principal, signal: AbortSignal): Promise<ProposalDetails> {
    const by = whoOf(who);
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const open = await this.#open(number, signal);
      const {record, tip} = open;
      if (record.authors.includes(by.user)) throw new EditRefused(`#${number} is your own: somebody else has to approve it`);
      const sight = await look(this.#sight, {onto: await this.#main(signal), tip}, signal);
      if (sight.tree === undefined) throw new EditRefused(conflictWords(open, sight));
      mustBeAsSeen(number, sight, seen);
      const paths = approvable(sight.paths, (right, app) => who.may(right, app));
      if (sight.paths.length === 0) throw new EditRefused(`main has all of #${number} already: there is nothing to approve`);
      if (paths.length === 0) throw new EditRefused(`nothing of #${number} is yours to approve: ${by.user} may not change ${sight.paths.length === 1 ? sight.paths[0]?.path : 'any of its files'}`);
      const approval: Approval = {...by, at: now(), tip, result: sight.result, paths, ...(comment !== undefined && {comment})};
      const approvals = [...record.approvals.filter(({user}) => user !== by.user), approval];
      if (await this.#store.save(open, {...record, approvals}, {by, message: 'approve'}, signal) !== 'saved') continue;
      this.#deps.tell(eventOf('approved', record, by));
      return this.show(number, signal);
    }
    throw new Error(`#${number} is changed by others again and again`);
  }

  async comment(number: number, text: string, who: Principal, signal: AbortSignal): Promise<ProposalDetails> {
    const by = whoOf(who);
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const stored = await this.#one(number, signal);
      const {record} = stored;
      const {comments = []} = record;
      if (comments.length >= COMMENTS_MAX) throw new EditRefused(`#${number} has ${COMMENTS_MAX} comments: there is no room for more`);
      if (await this.#store.save(stored, {...record, comments: [...comments, {...by, at: now(), text}]}, {by, message: 'comment'}, signal) !== 'saved') continue;
      this.#deps.tell(eventOf('commented', record, by));
      return this.show(number, signal);
    }
    throw new Error(`#${number} is changed by others again and again`);
  }

  async close(number: number, {comment}: {readonly comment?: string}, who: Principal, signal: AbortSignal): Promise<ProposalSummary> {
    const by = whoOf(who);
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const open = await this.#open(number, signal);
      const {record, tip} = open;
      const sight = await look(this.#sight, {onto: await this.#main(signal), tip}, signal);
      const isHis = record.authors.includes(by.user) || approvable(sight.paths, (right, app) => who.may(right, app)).length > 0;
      if (!isHis) throw new EditRefused(`#${number} is not yours to close: ${by.user} has not written it, and may not change any of its files`);
      const next: ProposalRecord = {...record, state: 'closed', ended: {...by, at: now(), tip, ...(comment !== undefined && {comment})}};
      if (await this.#store.save(open, next, {by, message: 'close', branch: 'removed'}, signal) !== 'saved') continue;
      this.#deps.tell(eventOf('closed', record, by));
      await this.#let(number, record.release);
      return summaryOnto(this.#shown, {stored: await this.#one(number, signal), onto: sight.onto}, signal);
    }
    throw new Error(`#${number} is changed by others again and again`);
  }

  async merge(number: number, {seen}: {readonly seen?: string}, who: Principal, signal: AbortSignal) {
    const by = whoOf(who);
    const stored = await this.#one(number, signal);
    const {record} = stored;
    if (record.state === 'merged') throw new EditRefused(`#${number} is merged already, as ${record.ended?.commit?.slice(0, 8) ?? 'a commit'}`);
    const open = await this.#open(number, signal);
    return mergeProposal({...this.#deps, sight: this.#sight}, {
      open, by,
      mayMerge: (sight) => {
        mustBeAsSeen(number, sight, seen);
        if (sight.tree === undefined) throw new EditRefused(conflictWords(open, sight));
        const missing = missingFor(record.approvals, standingOf(open, sight, this.#deps.access()), (right, app) => who.may(right, app));
        if (missing.length > 0) throw new EditRefused(`${missing.join('\n')}\n#${number} can't be merged yet, this is missing`);
      },
      mustKeepApps: (before, after) => {
        const gone = massDelete(before, after);
        if (gone !== undefined) throw new EditRefused(`it removes ${gone.removed.length} of ${before.length} apps (${shownOf(gone.removed).join(', ')}). If that is meant: merge it in a clone, and git push -o flynn.confirm-delete`);
      },
      ended: async (commit) => {
        const next: ProposalRecord = {...record, state: 'merged', ended: {...by, at: now(), tip: open.tip, commit}};
        // It is merged: who has put something on the branch meanwhile opens another one with it.
        if (await this.#store.save(open, next, {by, message: 'merge', branch: 'removed'}, signal) !== 'saved') return;
        this.#images.forget();
        this.#deps.tell({...eventOf('merged', record, by), commit});
      },
    }, signal);
  }

  proposedImages(): ReadonlyMap<AppName, readonly ImageDigest[]> | undefined {
    if (this.#images.value === undefined) this.#all(AbortSignal.timeout(30_000)).catch((error: unknown) => this.#deps.log("proposals can't be read", error));
    return this.#images.value;
  }

  /** A push is about to make this branch, or to move it. Resolves to the proposal's number. */
  async pushed({branch, title}: {readonly branch: string; readonly title: string}, by: Who, signal: AbortSignal): Promise<number> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const known = (await this.#store.all(signal)).find(({record}) => record.state === 'open' && record.branch === branch);
      if (known === undefined) {
        const {record} = await this.#store.create(() => opened({title, branch, by}), {by}, signal);
        this.#deps.tell(eventOf('proposed', record, by));
        return record.number;
      }
      const {record} = known;
      if (record.authors.includes(by.user)) return record.number;
      // Who changes a proposal is one of its authors.
      if (await this.#store.save(known, {...record, authors: [...record.authors, by.user]}, {by, message: 'push', branch: undefined}, signal) === 'saved') return record.number;
    }
    throw new Error(`${branch} is changed by others again and again`);
  }

  /** Of a branch that is open. */
  async numberOf(branch: string, signal: AbortSignal): Promise<number | undefined> {
    return (await this.#all(signal)).find(({record, tip}) => record.branch === branch && tip !== undefined)?.record.number;
  }

  /** A push is about to remove this branch. */
  async removed(branch: string, who: Principal | undefined, signal: AbortSignal): Promise<void> {
    const known = (await this.#all(signal)).find(({record, tip}) => record.branch === branch && tip !== undefined);
    if (known === undefined) return;
    const {record} = known;
    const by = whoOf(who);
    if (!record.authors.includes(by.user) && who?.may('cluster.edit') === false) throw new EditRefused(`#${record.number} is not yours to remove: flynn review close ${record.number}`);
    const next: ProposalRecord = {...record, state: 'closed', ended: {...by, at: now(), ...(known.tip !== undefined && {tip: known.tip})}};
    await this.#store.save(known, next, {by, message: 'close', branch: undefined}, signal);
    this.#deps.tell(eventOf('closed', record, by));
    await this.#let(record.number, record.release);
  }

  /** Commits the change on main as it is now, and makes that the proposal. Undefined: somebody was faster with the earlier one. */
  async #put(change: Change, how: {readonly who: Who; readonly release?: undefined}, signal: AbortSignal): Promise<Stored>;
  async #put(change: Change, how: PutRelease, signal: AbortSignal): Promise<Stored | undefined>;
  async #put(change: Change, {who, release, earlier}: {readonly who: Who; readonly release?: PutRelease['release'] | undefined; readonly earlier?: PutRelease['earlier']}, signal: AbortSignal): Promise<Stored | undefined> {
    const {objects, gitdir, check} = this.#deps;
    const snapshotAt = (commit: CommitId) => cutIntoPieces(objects, {commit, before: undefined}, signal);
    const title = titleOf(change.message);
    let stored: Stored | undefined;
    const commit = writer({
      gitdir, objects,
      freshTip: () => this.#main(signal),
      check: async ({from, to}) => check({before: await snapshotAt(from), after: await snapshotAt(to)}, signal),
      publish: async ({to}) => {
        const proposed = release && {release: {...release, tip: to}};
        if (earlier === undefined) {
          stored = await this.#store.create((number) => ({...opened({title, branch: `${BRANCHES}${number}-${slugOf(title)}`, by: who}), operation: change.operationId, ...proposed}), {by: who, tip: to}, signal);
        } else {
          const {record} = earlier;
          const next = {...record, title, authors: [...new Set([...record.authors, who.user])], ...proposed};
          stored = await this.#store.save(earlier, next, {by: who, message: 'push', branch: to}, signal) === 'saved' ? await this.#one(record.number, signal) : undefined;
        }
        return 'published';
      },
    });
    const {isNew} = await commit(change, signal);
    if (!isNew && stored === undefined) throw new EditRefused('there is nothing to propose: main is so already');
    this.#images.forget();
    return stored;
  }

  async #let(number: number, release: ProposedRelease | undefined): Promise<void> {
    this.#images.forget();
    if (release === undefined) return;
    // What is kept too long is only a file: nothing of it is wrong.
    await this.#deps.deployer.letGo(release).catch((error: unknown) => this.#deps.log(`what was kept for proposal ${number} stays`, error));
  }

  /** Also where nobody has said so yet: what main has is merged, whoever has done it. */
  async #all(signal: AbortSignal): Promise<readonly Stored[]> {
    const remember = this.#images.reading();
    const all = await this.#merged(await this.#store.all(signal), signal);
    const releases = all.flatMap(({record: {release}, tip}) => (release === undefined || tip === undefined ? [] : [release]));
    remember(new Map([...Map.groupBy(releases, ({app}) => app)].map(([app, its]) => [app, its.map(({image}) => image)])));
    return all;
  }

  async #merged(all: readonly Stored[], signal: AbortSignal): Promise<readonly Stored[]> {
    const found = await this.#store.mergedInto(MAIN, all, signal);
    if (found.length === 0) return all;
    for (const {stored, commit, by, at} of found) {
      const {record, tip} = stored;
      const next: ProposalRecord = {...record, state: 'merged', ended: {...by, at, commit, ...(tip !== undefined && {tip})}};
      if (await this.#store.save(stored, next, {by, message: 'merge', branch: 'removed'}, signal) === 'saved') await this.#let(record.number, record.release);
    }
    return this.#store.all(signal);
  }

  async #one(number: number, signal: AbortSignal): Promise<Stored> {
    const found = (await this.#all(signal)).find(({record}) => record.number === number);
    if (found === undefined) throw new NothingThere(`there is no proposal #${number}`);
    return found;
  }

  async #open(number: number, signal: AbortSignal): Promise<Open> {
    const stored = await this.#one(number, signal);
    const {record, tip} = stored;
    if (record.state !== 'open') throw new EditRefused(`#${number} is ${record.state} already`);
    if (tip === undefined) throw new EditRefused(`the branch of #${number}, ${shortBranch(record)}, is not there (any more)`);
    return {...stored, tip};
  }

  async #main(signal: AbortSignal): Promise<CommitId> {
    return (await this.#deps.repo.snapshot(signal)).commit;
  }
}

interface PutRelease {
  readonly who: Who;
  readonly release: Omit<ProposedRelease, 'tip'>;
  readonly earlier: Stored | undefined;
}

export function whoOf(who: Principal | undefined): Who {
  return who === undefined ? {user: OPERATOR, name: 'operator', email: ''} : {user: who.user, name: who.name, email: who.email};
}
