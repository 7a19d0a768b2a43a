import {mayDo, refusalOf} from '../access/access.ts';
import {needOf} from '../access/paths.ts';
import {EMPTY_TREE} from '../adapters/git-format.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';
import {git} from '../adapters/git.ts';
import type {Person} from '../access/access.ts';
import type {CommitId} from '../../schemas/ids.ts';
import {signerOf} from './signer.ts';
import type {Signers} from './signers.ts';

/** More than this many commits at once are somebody's whole other history. */
const COMMITS_MAX = 5000;
/** Paths told of one commit. */
const PATHS_TOLD_MAX = 3;
/** Larger commits are none that people write. */
const COMMIT_BYTES_MAX = 256 * 1024;

export interface Range {
  readonly objects: ObjectReader;
  readonly gitdir: string;
  /** Where git finds the objects of a push that is not accepted yet. */
  readonly env?: Readonly<Record<string, string>>;
  /** Applied, or accepted before: nothing up to it is looked at again. */
  readonly from: CommitId;
  /** Descends from it. */
  readonly to: CommitId;
  readonly signers: Signers;
  readonly nowMs: number;
}

/** A commit that must not be followed. */
export interface UntrustedCommit {
  readonly commit: CommitId;
  /** Follows "commit 1a2b3c4d: ". */
  readonly problem: string;
}

export interface Trusted {
  /** The newest commit on the way from `from` to `to`, by first parents, that can be followed with all that is in it: `to` itself when nothing is wrong. */
  readonly newest: CommitId;
  /** The first that is wrong. */
  readonly wrong?: UntrustedCommit;
}

/** Whether every commit that came since is signed by somebody who may change what it changes. Merged commits count as all others. */
export async function trustedIn(range: Range, signal: AbortSignal): Promise<Trusted> {
  const {from, to} = range;
  const commits = await listed(range, signal);
  if (commits === undefined) return {newest: from, wrong: {commit: to, problem: `is more than ${COMMITS_MAX} commits after what is applied`}};
  const problems = new Map<string, UntrustedCommit>();
  /** Those that have `from` in their past: a merge is a change of one of these. */
  const descendants = new Set<string>([from]);
  let wrong: UntrustedCommit | undefined;
  for (const {id, parents} of commits) {
    const before = parents.filter((parent) => descendants.has(parent));
    if (before.length > 0) descendants.add(id);
    const inherited = parents.map((parent) => problems.get(parent)).find((problem) => problem !== undefined);
    const own = inherited === undefined ? await problemOf({id, parents, mainline: before}, range, signal) : undefined;
    const problem = inherited ?? (own === undefined ? undefined : {commit: id as CommitId, problem: own}); // git's own id
    if (problem !== undefined) problems.set(id, problem);
    wrong ??= problem;
  }
  if (wrong === undefined) return {newest: to};
  const firstParents = new Map(commits.map(({id, parents}) => [id, parents[0]]));
  let newest: string | undefined = to;
  while (newest !== undefined && newest !== from && (problems.has(newest) || !descendants.has(newest))) newest = firstParents.get(newest);
  // Only ids of git's are in the list.
  return {newest: (newest ?? from) as CommitId, wrong};
}

interface Listed {
  readonly id: string;
  readonly parents: readonly string[];
}

/** Parents first. Undefined: too many. */
async function listed({gitdir, env = {}, from, to}: Range, signal: AbortSignal): Promise<readonly Listed[] | undefined> {
  // Not --max-count, which would leave the oldest out: the newest are then the ones with unknown parents.
  const lines = (await git(['rev-list', '--topo-order', '--parents', `--max-count=${COMMITS_MAX + 1}`, to, `^${from}`, '--'], {gitdir, env}, signal)).split('\n').filter((line) => line !== '');
  if (lines.length > COMMITS_MAX) return undefined;
  return lines.toReversed().map((line) => {
    const [id = '', ...parents] = line.split(' ');
    return {id, parents};
  });
}

/** `mainline`: those of its parents that have what is applied in their past. */
async function problemOf({id, parents, mainline}: Listed & {readonly mainline: readonly string[]}, range: Range, signal: AbortSignal): Promise<string | undefined> {
  const {objects, signers, nowMs} = range;
  const header = await objects.info(id, signal);
  if (header?.type !== 'commit') throw new Error(`commit ${id} is not in the repository`);
  if (header.sizeBytes > COMMIT_BYTES_MAX) return `has ${header.sizeBytes} bytes, at most ${COMMIT_BYTES_MAX} are read`;
  const object = await objects.read(id, signal);
  if (object === undefined) throw new Error(`commit ${id} is not in the repository`);
  const signed = await signerOf(object.content, {signers, nowMs});
  if (!signed.ok) return signed.problem;
  const {signer} = signed;
  if (signer.kind !== 'person') return undefined;
  const bases = mainline.length > 0 ? mainline : parents;
  let first: string | undefined;
  for (const base of bases.length === 0 ? [EMPTY_TREE] : bases) {
    const forbidden = await forbiddenIn({base, id, person: signer.person}, range, signal);
    if (forbidden === undefined) return undefined;
    first ??= forbidden;
  }
  return first;
}

async function forbiddenIn({base, id, person}: {readonly base: string; readonly id: string; readonly person: Person}, {gitdir, env = {}, objects}: Range, signal: AbortSignal): Promise<string | undefined> {
  const paths = (await git(['diff-tree', '-r', '-z', '--no-renames', '--name-only', base, id, '--'], {gitdir, env}, signal)).split('\0').filter((path) => path !== '');
  const known = new Map<string, boolean>();
  const has = async (tree: string, app: string): Promise<boolean> => {
    const name = `${tree}:apps/${app}`;
    // A name that can't be asked for is of no app; its file is told of by the manifests' check.
    if (!known.has(name)) known.set(name, !/[\n\0]/.test(app) && (await objects.info(name, signal)) !== undefined);
    return known.get(name) === true;
  };
  const refused: string[] = [];
  for (const path of paths) {
    const app = /^apps\/([^/]+)\//.exec(path)?.[1];
    const need = needOf({path, before: app === undefined || await has(base, app), after: app === undefined || await has(id, app)});
    if (!mayDo(person.roles, need.right, need.app)) refused.push(`${path} (${refusalOf(person, need.right, need.app)})`);
  }
  if (refused.length === 0) return undefined;
  const more = refused.length > PATHS_TOLD_MAX ? `, and ${refused.length - PATHS_TOLD_MAX} more` : '';
  return `is signed by ${person.user}, who may not change ${refused.slice(0, PATHS_TOLD_MAX).join(', ')}${more}`;
}

/** What whoever made an untrusted commit can do about it, a line each. */
export const HOW_TO_SIGN: readonly string[] = [
  'sign with a key that stands in signingKeys of your file in people/ (an admin puts it there), for example:',
  '  git config gpg.format ssh && git config user.signingKey ~/.ssh/id_ed25519.pub && git config commit.gpgSign true',
  'and sign what is made already: git rebase --exec "git commit --amend --no-edit -S" origin/main',
];
