import type {CommitId} from '../../schemas/ids.ts';
import {formatDiagnostic, type Diagnostic} from '../../schemas/diagnostic.ts';
import {git, GitError} from '../adapters/git.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import {fetchRef, type Remote} from '../adapters/git-remote.ts';
import {objectWriter} from '../adapters/git-write.ts';
import {cutIntoPieces} from '../checkout/pieces.ts';
import type {CommitCheck} from '../checkout/repo.ts';
import type {ManifestFile, Snapshot} from '../checkout/snapshot.ts';
import {differenceOf} from '../desired/difference.ts';
import type {Machine} from '../desired/nodes.ts';
import type {DesiredApp} from '../desired/state.ts';
import type {ChangePlan} from '../preview/markdown.ts';
import type {OpenChange} from './forge.ts';

export interface PlanOfParts {
  readonly gitdir: string;
  readonly objects: ObjectReader;
  readonly remote: Remote;
  readonly machines: readonly Machine[];
  domain(): string;
  main(signal: AbortSignal): Promise<CommitId>;
  /** As a push to main would be. */
  readonly check: CommitCheck;
  warningsOf(change: {readonly before: Snapshot; readonly after: Snapshot}, signal: AbortSignal): Promise<readonly Diagnostic[]>;
  /** What is wanted now: apps that a change does not touch are taken from here. */
  apps(): readonly DesiredApp[];
}

const BOT = {name: 'Flynn', email: 'flynn@localhost'};
const CLUSTER_FILE = 'cluster.yaml';

/** Where the newest commits of pull requests are kept, by number: so git does not collect what the next plan needs. */
const REFS = 'refs/flynn/forge/';

/** Lets go of pull requests that are not open any more. */
export async function forgetClosed(gitdir: string, open: ReadonlySet<number>, signal: AbortSignal): Promise<void> {
  const listed = await git(['for-each-ref', '--format=%(refname)', REFS], {gitdir}, signal);
  const closed = listed.split('\n').filter((ref) => ref !== '' && !open.has(Number(ref.slice(REFS.length))));
  if (closed.length > 0) await git(['update-ref', '--stdin'], {gitdir, input: closed.map((ref) => `delete ${ref}\n`).join('')}, signal);
}

/**
 * What would become of the cluster if a pull request were merged now: its newest commit is merged into what main is, by git and without a work tree, and compared with
 * main. So what main got meanwhile is not taken for a part of it.
 */
export async function planOfChange(parts: PlanOfParts, change: OpenChange, signal: AbortSignal): Promise<ChangePlan> {
  const {gitdir, objects} = parts;
  const head = await fetched(parts, change, signal);
  const base = await parts.main(signal);
  const of = {domain: parts.domain(), base, head};
  const merged = await merge({gitdir, base, head}, signal);
  if (!merged.ok) return {...of, outcome: {result: 'conflict', files: merged.conflicts}};
  const commit = await objectWriter(gitdir).commit({tree: merged.tree, parents: [base, head], message: 'a plan\n', author: BOT, committer: BOT, atMs: 0});
  const before = await cutIntoPieces(objects, {commit: base, before: undefined}, signal);
  // Git names commits by 40 hex digits.
  const after = await cutIntoPieces(objects, {commit: commit as CommitId, before}, signal);
  const problems = await parts.check({before, after}, signal);
  if (problems.length > 0) return {...of, outcome: {result: 'wrong', problems: problems.map(formatDiagnostic)}};
  const {files, others} = await differing({before, after, apps: parts.apps()}, signal);
  const warnings = await parts.warningsOf({before, after}, signal);
  return {...of, outcome: {result: 'fine', difference: differenceOf(files.before, files.after, {others, machines: parts.machines}), warnings}};
}

/** The commit itself is asked for: a branch may have moved since the forge listed it, and then the next look has it. */
async function fetched({gitdir, objects, remote}: PlanOfParts, {number, ref, head}: OpenChange, signal: AbortSignal): Promise<CommitId> {
  const kept = `${REFS}${number}`;
  const before = await objects.info(kept, signal);
  if (before?.id !== head) await fetchRef(gitdir, {remote, from: ref, to: kept}, signal);
  const now = await objects.info(kept, signal);
  if (now?.type !== 'commit') throw new Error(`${ref} of the repository is no commit`);
  return now.id as CommitId;
}

type MergeResult = {readonly ok: true; readonly tree: string} | {readonly ok: false; readonly conflicts: readonly string[]};

/** git-merge-tree(1), from 2.38 on: status 1 is a conflict, whose files come after the tree. */
async function merge({gitdir, base, head}: {readonly gitdir: string; readonly base: CommitId; readonly head: CommitId}, signal: AbortSignal): Promise<MergeResult> {
  try {
    const printed = await git(['merge-tree', '--write-tree', '--no-messages', '-z', '--name-only', base, head], {gitdir}, signal);
    return {ok: true, tree: printed.split('\0')[0]?.trim() ?? ''};
  } catch (error) {
    if (!(error instanceof GitError) || error.exitCode !== 1) throw error;
    return {ok: false, conflicts: [...new Set(error.stdout.split('\0').slice(1).filter((file) => file !== ''))]};
  }
}

/** Only what differs is read, unless cluster.yaml does, which every app depends on. */
async function differing({before, after, apps}: {readonly before: Snapshot; readonly after: Snapshot; readonly apps: readonly DesiredApp[]}, signal: AbortSignal) {
  const [sharedBefore, sharedAfter] = [await before.shared.files(signal), await after.shared.files(signal)];
  const isClusterSame = idOf(sharedBefore) === idOf(sharedAfter);
  const treesBefore = new Map(before.apps.map(({name, treeId}) => [name, treeId]));
  const same = new Set(isClusterSame ? after.apps.filter(({name, treeId}) => treesBefore.get(name) === treeId).map(({name}) => name) : []);
  const filesOf = async ({apps: pieces}: Snapshot) => (await Promise.all(pieces.filter(({name}) => !same.has(name)).map((piece) => piece.files(signal)))).flat();
  return {
    files: {before: [...sharedBefore, ...await filesOf(before)], after: [...sharedAfter, ...await filesOf(after)]},
    others: apps.filter(({name}) => same.has(name)),
  };
}

function idOf(shared: readonly ManifestFile[]): string | undefined {
  const file = shared.find(({path}) => path === CLUSTER_FILE);
  return file?.kind === 'text' ? file.blobId : file?.kind;
}
