import {setTimeout as sleep} from 'node:timers/promises';
import {commitTrailers} from '../../schemas/commit-trailers.ts';
import {formatDiagnostic, type Diagnostic} from '../../schemas/diagnostic.ts';
import type {CommitId} from '../../schemas/ids.ts';
import {parseCommit} from '../adapters/git-format.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import {durableWriter, type Person, type SignCommit} from '../adapters/git-write.ts';
import {EditRefused, StaleRead, type Change, type Committed} from '../checkout/snapshot.ts';
import {inBatches, type Wish} from './batches.ts';
import {OperationLog} from './operations.ts';
import {runEdit} from './run-edit.ts';

/** How often an edit is made again because somebody else was faster. */
const TRIES_MAX = 20;
/** Commits that are published together: more would let the first of them wait for longer than they save. */
const TOGETHER_MAX = 25;
/** Wait before another try, in milliseconds: at random up to this, times the number of tries so far. */
const JITTER_MS = 25;

/** Who commits on behalf of the author: our own server. */
export const COMMITTER: Person = {name: 'Flynn', email: 'flynn@localhost'};

/** Where commits are published. Implementations: our own repository, a remote one, a plain folder. */
export interface Target {
  readonly gitdir: string;
  readonly objects: ObjectReader;
  /** Absent: its commits are not signed. */
  readonly sign?: SignCommit | undefined;
  /** The newest published commit, asked anew. */
  freshTip(signal: AbortSignal): Promise<CommitId>;
  /** Moves the branch, without force. `moved`: it is not at `from` any more. Throws `EditRefused` when it may not be moved. */
  publish(move: {readonly from: CommitId; readonly to: CommitId}, signal: AbortSignal): Promise<'published' | 'moved'>;
  /** What is wrong with the new commit; it is published only when nothing is, or the change is unchecked. */
  check(move: {readonly from: CommitId; readonly to: CommitId}, signal: AbortSignal): Promise<readonly Diagnostic[]>;
}

/**
 * Makes a function that commits edits on the tip and publishes them (rule 8): read the tip, run the edit, write objects, move the
 * branch if it is still where it was read. Somebody was faster: again on the new tip.
 *
 * Those who wait at the same time are published together: each has a commit of his own, on those of the others, that is made, checked and refused as if
 * he were alone, and the branch moves once for all of them. Nobody is answered before it has moved, because it is on what it moves to that each answer is true.
 *
 * @throws {EditRefused} when the edit can't be made, or would break a manifest
 */
export function writer(target: Target): (change: Change, signal: AbortSignal) => Promise<Committed> {
  const operations = new OperationLog(target.objects);
  return inBatches(TOGETHER_MAX, (wishes, signal) => publish({...target, operations}, wishes, signal));
}

type Wished = Wish<Change, Committed>;
type Stacking = Target & {readonly operations: OperationLog};

async function publish(target: Stacking, wishes: readonly Wished[], signal: AbortSignal): Promise<void> {
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const from = await target.freshTip(signal);
    const {to, answers} = await stack(target, {wishes, tip: from});
    const outcome = from === to ? 'published' : await target.publish({from, to}, signal).catch((error: unknown) => orAlone(error, wishes));
    if (outcome === 'published') return answers.forEach((answer) => answer());
    if (outcome === 'alone') return oneByOne(target, wishes);
    await sleep(Math.random() * JITTER_MS * attempt, undefined, {signal});
  }
  for (const {asked, refuse} of wishes) refuse(new Error(`could not commit "${asked.message.split('\n')[0]}": others changed the cluster repository ${TRIES_MAX} times meanwhile, try again`));
}

/** A server elsewhere refuses all that it is offered for one of them, which must not be the others' answer. */
function orAlone(error: unknown, {length}: readonly Wished[]): 'alone' {
  if (error instanceof EditRefused && length > 1) return 'alone';
  throw error;
}

async function oneByOne(target: Stacking, wishes: readonly Wished[]): Promise<void> {
  for (const wish of wishes) {
    if (!wish.signal.aborted) await publish(target, [wish], wish.signal).catch(wish.refuse);
  }
}

/** Makes a commit for each, on top of one another. `answers`: to be given when the branch is at `to`. */
async function stack(target: Stacking, {wishes, tip}: {readonly wishes: readonly Wished[]; readonly tip: CommitId}): Promise<{readonly to: CommitId; readonly answers: readonly (() => void)[]}> {
  let to = tip;
  const answers: (() => void)[] = [];
  const write = durableWriter(target.gitdir, target.sign);
  for (const {asked: change, signal, answer, refuse} of wishes) {
    if (signal.aborted) continue;
    try {
      const done = await target.operations.find(change.operationId, to, signal);
      const {made, ...called}: Written = done === undefined
        ? await writeCommit({...target, write}, {change, tip: to}, signal)
        : change.subject === undefined ? {} : {subject: await subjectOf(target.objects, done, signal)};
      const committed = {commit: done ?? made ?? to, isNew: made !== undefined, ...called};
      answers.push(() => answer(committed));
      to = made ?? to;
    } catch (error) {
      answers.push(() => refuse(error));
    }
  }
  await write.flush();
  return {to, answers};
}

interface Written {
  /** Undefined: the edit changes nothing. */
  readonly made?: CommitId;
  readonly subject?: string;
}

async function writeCommit(target: Target & {readonly write: ReturnType<typeof durableWriter>}, {change, tip}: {change: Change; tip: CommitId}, signal: AbortSignal): Promise<Written> {
  const before = (await readCommit(target.objects, tip, signal)).tree;
  if (change.seen !== undefined) await mustBeAsSeen(target.objects, {seen: change.seen, tip}, signal);
  const {write} = target;
  const merged = await change.merge?.(tip, signal);
  const called: {subject?: string} = {};
  const tree = await runEdit({objects: target.objects, write, tree: merged?.tree ?? before}, (read, list) => {
    if (change.subject !== undefined) called.subject = change.subject(read);
    return change.edit(read, list);
  }, signal);
  if (tree === before) return called;
  const id = await write.commit({
    tree,
    parents: [tip, ...(merged?.parent === undefined ? [] : [merged.parent])],
    message: withTrailer(renamed(change.message, called), change.operationId),
    author: change.author,
    committer: COMMITTER,
    atMs: Date.now(),
  });
  // It was just written, so it is 40 hex digits.
  const commit = id as CommitId;
  const problems = change.isUnchecked === true ? [] : await target.check({from: tip, to: commit}, signal);
  if (problems.length > 0) throw new EditRefused(problems.map(formatDiagnostic).join('\n'), {problems});
  return {made: commit, ...called};
}

async function readCommit(objects: ObjectReader, id: CommitId, signal: AbortSignal): Promise<ReturnType<typeof parseCommit>> {
  const object = await objects.read(id, signal);
  if (object?.type !== 'commit') throw new Error(`commit ${id} is not in the repository`);
  return parseCommit(object.content);
}

async function subjectOf(objects: ObjectReader, commit: CommitId, signal: AbortSignal): Promise<string> {
  return (await readCommit(objects, commit, signal)).message.split('\n')[0] ?? '';
}

function renamed(message: string, {subject}: {readonly subject?: string}): string {
  return subject === undefined ? message : message.trim().replace(/^.*/, () => subject);
}

/** Compared by what git calls the content: that is the same exactly when nothing below differs. */
async function mustBeAsSeen(objects: ObjectReader, {seen: {commits, path}, tip}: {seen: NonNullable<Change['seen']>; tip: CommitId}, signal: AbortSignal): Promise<void> {
  const now = await objects.info(`${tip}:${path}`, signal);
  for (const commit of commits) {
    if (commit === tip) return;
    // Of a commit that is not there, every path is as absent as one that was never made.
    if ((await objects.info(commit, signal))?.type === 'commit' && (await objects.info(`${commit}:${path}`, signal))?.id === now?.id) return;
  }
  throw new StaleRead(`${path === '' ? 'the cluster repository' : path} was changed since ${commits.map((commit) => commit.slice(0, 8)).join(', ')}: look again, main is at ${tip.slice(0, 8)}`);
}

/** Trailers stand together in the last paragraph, git-interpret-trailers(1). */
function withTrailer(message: string, operationId: string): string {
  if (/[\r\n]/.test(operationId)) throw new Error(`bug: operation id ${JSON.stringify(operationId)} has several lines`);
  const text = message.trim();
  const last = text.split(/\n\n+/).slice(1).at(-1);
  const hasTrailers = last?.split('\n').every((line) => /^[A-Za-z][A-Za-z0-9-]*: /.test(line)) ?? false;
  return `${text}\n${hasTrailers ? '' : '\n'}${commitTrailers(operationId)}\n`;
}
