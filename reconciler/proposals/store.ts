import type {CommitId} from '../../schemas/ids.ts';
import {git} from '../adapters/git.ts';
import {NO_COMMIT} from '../adapters/git-format.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import {durableWriter, moveRefs, type RefMove} from '../adapters/git-write.ts';
import {readCommit} from '../checkout/pieces.ts';
import {COMMITTER} from '../commits/writer.ts';
import {parseRecord, RECORD_FILE, recordText, type ProposalRecord, type Who} from './record.ts';

/** Records, one ref each. Nobody can fetch or push them: `transfer.hideRefs`. */
const RECORDS = 'refs/flynn/proposals/';
/** Branches that are proposals. */
export const BRANCHES = 'refs/heads/proposals/';
/** Records of proposals that are over: the oldest go. Numbers are not used again. */
const OVER_KEPT_MAX = 500;
/** Records that are kept in memory. */
const READ_MAX = 2000;

/** A record as it stands in git. */
export interface Stored {
  readonly record: ProposalRecord;
  /** The commit that says so. */
  readonly at: string;
  /** Where its branch is now; absent: there is none. */
  readonly tip?: CommitId;
}

/** Somebody else was faster: look again. */
export type Saved = 'saved' | 'moved';

/** Proposals as git has them. What is written moves all of its refs at once, or none: there is nothing half-made, whenever we are killed. */
export class ProposalStore {
  readonly #gitdir: string;
  readonly #objects: ObjectReader;
  /** By commit: a commit never changes. */
  readonly #read = new Map<string, ProposalRecord>();

  constructor({gitdir, objects}: {readonly gitdir: string; readonly objects: ObjectReader}) {
    this.#gitdir = gitdir;
    this.#objects = objects;
  }

  /** All of them, the newest first. */
  async all(signal: AbortSignal): Promise<readonly Stored[]> {
    const listed = await git(['for-each-ref', '--format=%(objectname) %(refname)', '--', RECORDS, BRANCHES], {gitdir: this.#gitdir}, signal);
    const refs = new Map(listed.split('\n').filter((line) => line !== '').map((line) => [line.slice(41), line.slice(0, 40)] as const));
    const records = await Promise.all([...refs].filter(([ref]) => ref.startsWith(RECORDS)).map(async ([, at]) => ({at, record: await this.#record(at, signal)})));
    return records.map(({at, record}): Stored => {
      const tip = record.state === 'open' ? refs.get(record.branch) : undefined;
      return {at, record, ...(tip !== undefined && {tip: tip as CommitId})}; // git's own
    }).toSorted((one, other) => other.record.number - one.record.number);
  }

  /**
   * Writes down a new one, under the next number. With a tip its branch is made, too; without, a push is about to make it.
   * `make` gets the number, and may not have anything of it done already: it is called again when somebody else took that number.
   */
  async create(make: (number: number) => Omit<ProposalRecord, 'number'>, {by, tip}: {readonly by: Who; readonly tip?: CommitId}, signal: AbortSignal): Promise<Stored> {
    for (;;) {
      const all = await this.all(signal);
      const number = (all[0]?.record.number ?? 0) + 1;
      const record: ProposalRecord = {number, ...make(number)};
      const at = await this.#commit(record, {parents: tip === undefined ? [] : [tip], by, message: 'open'});
      const old = all.filter((one) => one.record.state !== 'open').slice(OVER_KEPT_MAX);
      const moves: RefMove[] = [
        {ref: refOf(number), from: NO_COMMIT, to: at},
        ...(tip === undefined ? [] : [{ref: record.branch, from: NO_COMMIT, to: tip}]),
        ...old.map(({at: from, record: {number: gone}}) => ({ref: refOf(gone), from, to: NO_COMMIT})),
      ];
      if (await moveRefs(this.#gitdir, {moves, reason: `proposal ${number}`}, signal)) return {record, at, ...(tip !== undefined && {tip})};
    }
  }

  /** Writes the next state of a record, if both are still as they were read; the branch is moved with it, or removed. */
  async save({record: before, at, tip}: Stored, next: Omit<ProposalRecord, 'number'>, {by, message, branch = tip}: {readonly by: Who; readonly message: string; readonly branch?: CommitId | 'removed' | undefined}, signal: AbortSignal): Promise<Saved> {
    const record = {...next, number: before.number};
    // What was looked at stays in the repository as long as the record does.
    const to = await this.#commit(record, {parents: [at, ...(tip === undefined ? [] : [tip])], by, message});
    const moves: RefMove[] = [
      {ref: refOf(before.number), from: at, to},
      ...(branch === undefined || (branch === 'removed' && tip === undefined) ? [] : [{ref: before.branch, from: tip ?? NO_COMMIT, to: branch === 'removed' ? NO_COMMIT : branch}]),
    ];
    return await moveRefs(this.#gitdir, {moves, reason: `proposal ${before.number}: ${message}`}, signal) ? 'saved' : 'moved';
  }

  /** Those that are open and that a branch has all of, with the commit that brought it and by whom. */
  async mergedInto(main: string, all: readonly Stored[], signal: AbortSignal): Promise<readonly {readonly stored: Stored; readonly commit: CommitId; readonly by: Who; readonly at: string}[]> {
    const open = all.filter(({tip}) => tip !== undefined);
    if (open.length === 0) return [];
    const listed = new Set((await git(['for-each-ref', `--merged=${main}`, '--format=%(refname)', '--', BRANCHES], {gitdir: this.#gitdir}, signal)).split('\n'));
    return Promise.all(open.filter(({record}) => listed.has(record.branch)).map(async (stored) => {
      // Ours says so; of what somebody has merged himself, it is the proposal's own commit.
      const said = await git(['log', '--first-parent', '--max-count=1', `--grep=^Flynn-Proposal: ${stored.record.number}$`, '--format=%H', main, '--'], {gitdir: this.#gitdir}, signal);
      const commit = (said === '' ? stored.tip : said) as CommitId; // one of the two there is
      const {author, committedAtMs} = await readCommit(this.#objects, commit, signal);
      return {stored, commit, by: {user: '', ...author}, at: new Date(committedAtMs).toISOString()};
    }));
  }

  async #record(at: string, signal: AbortSignal): Promise<ProposalRecord> {
    const known = this.#read.get(at);
    if (known !== undefined) return known;
    const object = await this.#objects.read(`${at}:${RECORD_FILE}`, signal);
    if (object === undefined) throw new Error(`a proposal (commit ${at.slice(0, 8)}) can't be read`);
    const record = parseRecord(object.content.toString('utf8'));
    this.#read.set(at, record);
    const oldest = this.#read.keys().next().value;
    if (this.#read.size > READ_MAX && oldest !== undefined) this.#read.delete(oldest);
    return record;
  }

  async #commit(record: ProposalRecord, {parents, by, message}: {readonly parents: readonly string[]; readonly by: Who; readonly message: string}): Promise<string> {
    const write = durableWriter(this.#gitdir);
    const tree = await write.tree([{mode: '100644', name: RECORD_FILE, id: await write.blob(recordText(record))}]);
    const commit = await write.commit({tree, parents, message: `proposal ${record.number}: ${message}\n`, author: by, committer: COMMITTER, atMs: Date.now()});
    await write.flush();
    return commit;
  }
}

function refOf(number: number): string {
  return `${RECORDS}${number}`;
}
