import type {AppName, CommitId, ImageDigest} from '../../schemas/ids.ts';
import {releaseNumberOf} from '../../schemas/release.ts';
import {slugOf} from '../../schemas/slug.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import {git, GitError} from '../adapters/git.ts';
import {objectWriter} from '../adapters/git-write.ts';
import type {Principal} from '../api/authenticate.ts';
import {readCommit} from '../checkout/pieces.ts';
import type {CommitCheck, FollowedRepo} from '../checkout/repo.ts';
import {EditRefused, type Change} from '../checkout/snapshot.ts';
import {releaseFolder} from '../commits/edits.ts';
import {mutex} from '../mutex.ts';
import {COMMITTER, writer} from '../commits/writer.ts';
import type {ChangeOpened, ForgeDesk, OpenPull} from '../forge/status.ts';
import type {Deployer} from './merge.ts';
import {titleOf} from './naming.ts';
import {pruneReleases} from './numbering.ts';
import type {ProposalDetails, Proposals, ProposalSummary} from './proposals.ts';
import type {ProposedRelease, Who} from './record.ts';
import {Remembered} from './remembered.ts';
import {commitsOf, look, planOf, type SightDeps} from './sight.ts';
import {WaitingReleases, type WaitingRelease} from './waiting.ts';

/** How long it may take to read what waits, in milliseconds. */
const READ_MS_MAX = 30_000;

export interface ForgeProposalsParts {
  readonly where: string;
  /** The copy of it on this node. */
  readonly gitdir: string;
  readonly objects: ObjectReader;
  readonly repo: Pick<FollowedRepo, 'snapshot' | 'snapshotAt' | 'refresh' | 'nextReleaseFloor' | 'lastApplied'>;
  readonly check: CommitCheck;
  readonly forge: Pick<ForgeDesk, 'state' | 'open' | 'openChange'>;
  /** Where a branch of the repository there is. Undefined: it is not there. */
  tipOf(branch: string, signal: AbortSignal): Promise<CommitId | undefined>;
  /** Release files that are kept of an app. */
  keepReleases(): number;
  readonly deployer: Deployer;
  log(message: string, error: unknown): void;
}

/**
 * Changes that people propose here, where the repository lives at a forge that we may write to: each is a pull request there, and is looked at and merged there. What this
 * node keeps for a release that waits there it keeps until main has it, or its pull request is closed.
 */
export class ForgeProposals implements Proposals {
  readonly #parts: ForgeProposalsParts;
  readonly #sight: SightDeps;
  readonly #waiting: WaitingReleases;
  readonly #inTurn = mutex();
  /** When this process opened pull requests, by their branches, in milliseconds since 1970: who was asked before does not know them. */
  readonly #openedAtMs = new Map<string, number>();
  readonly #images = new Remembered<ReadonlyMap<AppName, readonly ImageDigest[]>>();

  constructor(parts: ForgeProposalsParts) {
    const {gitdir, objects, repo, check} = parts;
    this.#parts = parts;
    this.#sight = {gitdir, objects, check, snapshotAt: (commit, signal) => repo.snapshotAt(commit, signal), releaseFloor: (app, signal) => repo.nextReleaseFloor(app, signal)};
    this.#waiting = new WaitingReleases(parts);
  }

  async show(number: number): Promise<never> {
    return this.#refuse(number);
  }

  async approve(number: number): Promise<never> {
    return this.#refuse(number);
  }

  async comment(number: number): Promise<never> {
    return this.#refuse(number);
  }

  async close(number: number): Promise<never> {
    return this.#refuse(number);
  }

  async merge(number: number): Promise<never> {
    return this.#refuse(number);
  }

  /** Those that were open when the forge was asked last. */
  async list(_which: 'open' | 'all', limit: number, signal: AbortSignal): Promise<readonly ProposalSummary[]> {
    const releases = new Map((await this.#all(signal)).map(({branch, release}) => [branch, release.app]));
    return this.#parts.forge.open().slice(0, limit).map(({number, title, branch, url, author, openedAt, head}) => {
      const app = releases.get(branch);
      return {number, title, state: 'open', branch, url, by: author, at: openedAt, tip: head, ...(app !== undefined && {app})};
    });
  }

  async propose(change: Change, who: Principal, signal: AbortSignal): Promise<{readonly proposal: ProposalDetails; readonly isNew: boolean}> {
    this.#mustHaveForge();
    const {onto, tip} = await this.#committed(change, signal);
    const title = titleOf(change.message);
    // A retry after a lost answer has the same branch, and so finds its own pull request.
    const branch = `flynn/${slugOf(title)}-${change.operationId.slice(0, 8)}`;
    const opened = await this.#parts.forge.openChange({branch, commit: tip, title, body: bodyOf(change)}, signal);
    return {isNew: true, proposal: await this.#details({opened, title, branch, by: who.name, onto, tip}, signal)};
  }

  /** A release that is deployed when main has it. Instead of an earlier one of the same app that nobody else has worked on. */
  async proposeRelease(change: Change, release: Omit<ProposedRelease, 'tip'>, who: Who, signal: AbortSignal): Promise<ProposalDetails> {
    this.#mustHaveForge();
    const {app} = release;
    const prune = pruneReleases([app], Math.max(1, this.#parts.keepReleases() - 1));
    const {onto, tip} = await this.#committed({...change, edit: (read, list) => ({...prune(read, list), ...change.edit(read, list)})}, signal);
    const title = titleOf(change.message);
    return this.#inTurn(async () => {
      const earlier = await this.#earlierOf(app, signal);
      const branch = earlier?.waiting.branch ?? `flynn/release-${app}-${change.operationId.slice(0, 8)}`;
      try {
        // Before anybody can merge it.
        await this.#put({branch, release: {...release, tip}, by: who}, signal);
        const opened = await this.#parts.forge.openChange({branch, commit: tip, title, body: bodyOf(change), ...(earlier?.isThere === true && {replaces: earlier.waiting.release.tip})}, signal);
        if (earlier !== undefined) await this.#letGo(earlier.waiting, signal);
        return await this.#details({opened, title, branch, by: who.name, onto, tip, app}, signal);
      } catch (error) {
        // What is on the branch is what is kept.
        if (earlier?.isThere === true && await this.#parts.tipOf(branch, signal) === earlier.waiting.release.tip) await this.#put(earlier.waiting, signal);
        throw error;
      } finally {
        // One that could not be opened is let go when the forge is asked next.
        this.#openedAtMs.set(branch, Date.now());
      }
    }, signal);
  }

  proposedImages(): ReadonlyMap<AppName, readonly ImageDigest[]> | undefined {
    if (this.#images.value === undefined) this.#all(AbortSignal.timeout(READ_MS_MAX)).catch((error: unknown) => this.#parts.log("releases that wait can't be read", error));
    return this.#images.value;
  }

  /** This commit of main is applied: looks after the releases that it has brought. */
  async landed(main: CommitId, signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      for (const waiting of await this.#all(signal)) await this.#land(waiting, main, signal);
    }, signal);
  }

  /**
   * All pull requests that were open when the forge was asked, at `askedAtMs`. What waits in none of them was merged or closed; what waits under a number that another
   * release has got meanwhile gets the next one.
   */
  async listed(open: readonly OpenPull[], askedAtMs: number, signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      const {repo} = this.#parts;
      const heads = new Map(open.filter(({isFromFork}) => !isFromFork).map(({branch, head}) => [branch, head]));
      for (const waiting of await this.#all(signal)) {
        const {branch, release: {tip}} = waiting;
        const isOver = !heads.has(branch) && (this.#openedAtMs.get(branch) ?? 0) < askedAtMs;
        const applied = await repo.lastApplied(signal);
        if (applied !== undefined && await this.#land(waiting, applied, signal)) continue;
        // Whether it was merged main says, as it is now.
        if (isOver) await repo.refresh(signal);
        const main = (await repo.snapshot(signal)).commit;
        // What is merged and not applied yet, or is held back, goes on waiting.
        if (isOver && await this.#numberOn(main, waiting.release, signal) === undefined) await this.#over(waiting, signal);
        else if (heads.get(branch) === tip) await this.#renumber(waiting, main, signal);
      }
    }, signal);
  }

  #refuse(number: number): never {
    const url = this.#parts.forge.open().find((one) => one.number === number)?.url;
    throw new EditRefused(url === undefined ? `the cluster repository is ${this.#parts.where}: review changes there` : `#${number} is a pull request, and is reviewed there: ${url}`);
  }

  #mustHaveForge(): void {
    // Before anything is made that nobody could get.
    if (this.#parts.forge.state() === undefined) throw new EditRefused(`the cluster repository is ${this.#parts.where}, and cluster.yaml names no forge where a pull request could be opened: flynn forge set`);
  }

  /** On the newest main, and on no branch yet. */
  async #committed(change: Change, signal: AbortSignal): Promise<{readonly onto: CommitId; readonly tip: CommitId}> {
    const {gitdir, objects, repo, check} = this.#parts;
    let onto: CommitId | undefined;
    // Not signed: what the node signs counts whatever it changes, and nobody has looked at this yet.
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

  /** One whose branch is where we have left it, or is gone. */
  async #earlierOf(app: AppName, signal: AbortSignal): Promise<{readonly waiting: WaitingRelease; readonly isThere: boolean} | undefined> {
    for (const waiting of await this.#all(signal)) {
      if (waiting.release.app !== app) continue;
      const tip = await this.#parts.tipOf(waiting.branch, signal);
      if (tip === undefined || tip === waiting.release.tip) return {waiting, isThere: tip !== undefined};
    }
    return undefined;
  }

  async #details({opened: {number, url}, title, branch, by, onto, tip, app}: {readonly opened: ChangeOpened; readonly title: string; readonly branch: string; readonly by: string; readonly onto: CommitId; readonly tip: CommitId; readonly app?: AppName}, signal: AbortSignal): Promise<ProposalDetails> {
    const {gitdir, objects} = this.#parts;
    const sight = await look(this.#sight, {onto, tip}, signal);
    const {plan, problems} = await planOf(this.#sight, sight, signal);
    return {
      number, title, state: 'open', branch, by, at: new Date().toISOString(), tip, onto, url, plan, problems, ...(app !== undefined && {app}),
      commits: await commitsOf({gitdir, objects}, {onto, tip}, signal),
      files: sight.changes.map(({path, change}) => ({path, change, isProtected: sight.protection.isProtected(path)})),
      conflicts: sight.conflicts, reviews: [], comments: [], missing: [], seen: tip,
    };
  }

  async #all(signal: AbortSignal): Promise<readonly WaitingRelease[]> {
    const remember = this.#images.reading();
    await this.#parts.repo.snapshot(signal);
    const all = await this.#waiting.all(signal);
    remember(new Map([...Map.groupBy(all, ({release: {app}}) => app)].map(([app, its]) => [app, its.map(({release: {image}}) => image)])));
    return all;
  }

  async #put(waiting: WaitingRelease, signal: AbortSignal): Promise<void> {
    await this.#waiting.put(waiting, signal);
    this.#images.forget();
    await this.#all(signal);
  }

  /** Resolves to whether main has it. What has begun is done again after a kill: nothing of it is wrong twice. */
  async #land(waiting: WaitingRelease, main: CommitId, signal: AbortSignal): Promise<boolean> {
    const {release, by} = waiting;
    const number = await this.#numberOn(main, release, signal);
    if (number === undefined) return false;
    const {deployer} = this.#parts;
    await deployer.prepare(release, {number, by}, signal);
    deployer.lookAfter(release);
    await this.#over(waiting, signal);
    return true;
  }

  /** By when it was made: numbers change. */
  async #numberOn(main: CommitId, {app, createdAt}: ProposedRelease, signal: AbortSignal): Promise<number | undefined> {
    try {
      const found = await git(['grep', '--fixed-strings', '--files-with-matches', '-e', createdAt, main, '--', `${releaseFolder(app)}/`], {gitdir: this.#parts.gitdir}, signal);
      return releaseNumberOf(found.split('\n')[0]?.split('/').at(-1) ?? '');
    } catch (error) {
      // There is no such line.
      if (error instanceof GitError && error.exitCode === 1) return undefined;
      throw error;
    }
  }

  async #over(waiting: WaitingRelease, signal: AbortSignal): Promise<void> {
    await this.#waiting.remove(waiting, signal);
    this.#openedAtMs.delete(waiting.branch);
    await this.#letGo(waiting, signal);
  }

  async #letGo({release}: WaitingRelease, signal: AbortSignal): Promise<void> {
    const others = await this.#all(signal);
    if (others.some(({release: {app, source}}) => app === release.app && source === release.source)) return;
    // What is kept too long is only a file: nothing of it is wrong.
    await this.#parts.deployer.letGo(release).catch((error: unknown) => this.#parts.log(`what was kept for a release of ${release.app} stays`, error));
  }

  /** Merged under a number that main has given out it would not be the newest. */
  async #renumber(waiting: WaitingRelease, main: CommitId, signal: AbortSignal): Promise<void> {
    const {branch, release} = waiting;
    const {tip, app} = release;
    const sight = await look(this.#sight, {onto: main, tip}, signal);
    const own = sight.releases.find((one) => one.app === app);
    // What conflicts says so in its pull request.
    if (own === undefined || own.from === own.to || sight.tree === undefined) return;
    const {gitdir, objects, forge} = this.#parts;
    const {author, message} = await readCommit(objects, tip, signal);
    const again = message.replace(`release v${own.from} `, `release v${own.to} `);
    const commit = await objectWriter(gitdir).commit({tree: sight.tree, parents: [main], message: again, author, committer: COMMITTER, atMs: Date.now()}) as CommitId; // has just been written
    await forge.openChange({branch, commit, title: titleOf(again), body: bodyOf({message: again, author}), replaces: tip}, signal);
    await this.#put({...waiting, release: {...release, tip: commit}}, signal);
  }
}

/** What its author says of it beyond the title. */
function bodyOf({message, author}: Pick<Change, 'message' | 'author'>): string {
  const [, ...rest] = message.trim().split('\n');
  const said = rest.filter((line) => !/^Flynn-(Tool|Operation): /.test(line)).join('\n').trim();
  return [said, `Proposed by ${author.name.replaceAll('@', '')}, with Flynn.`].filter((part) => part !== '').join('\n\n');
}
