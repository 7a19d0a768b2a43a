import type {CommitId} from '../../schemas/ids.ts';
import {git, GitError} from '../adapters/git.ts';
import {NO_COMMIT} from '../adapters/git-format.ts';
import {ObjectReader} from '../adapters/git-objects.ts';
import {moveRef} from '../adapters/git-write.ts';
import {cutIntoPieces, FILE_BYTES_MAX, readCommit, textOf} from './pieces.ts';
import {HistoryRewritten} from './repo.ts';
import type {Snapshot} from './snapshot.ts';

/** How many commits back the applied one is looked for, one by one, before git is asked about the whole history. */
const STEPS_MAX = 20;

/** One branch of a bare repository on this disk, read in pieces and followed forward only. */
export class BareBranch {
  readonly gitdir: string;
  readonly objects: ObjectReader;
  readonly ref: string;
  readonly #appliedRef: string;
  #last: Snapshot | undefined;
  #descends: {readonly applied: CommitId; readonly tip: CommitId} | undefined;

  /** `kind` keeps what was applied of one source apart from what was applied of another. */
  constructor({gitdir, ref, kind}: {gitdir: string; ref: string; kind: 'own' | 'remote' | 'folder'}) {
    this.gitdir = gitdir;
    this.ref = ref;
    this.objects = new ObjectReader({gitdir});
    this.#appliedRef = `refs/flynn/applied/${kind}`;
  }

  /** Undefined: the branch does not exist. */
  async tip(signal: AbortSignal): Promise<CommitId | undefined> {
    return this.#resolve(this.ref, signal);
  }

  async snapshot(signal: AbortSignal): Promise<Snapshot> {
    const tip = await this.tip(signal);
    if (tip === undefined) throw new Error(`the cluster repository "${this.gitdir}" has no branch "${this.ref.replace('refs/heads/', '')}"`);
    await this.#mustDescend(tip, signal);
    return this.snapshotAt(tip, signal);
  }

  async snapshotAt(commit: CommitId, signal: AbortSignal): Promise<Snapshot> {
    this.#last = await cutIntoPieces(this.objects, {commit, before: this.#last}, signal);
    return this.#last;
  }

  async textAt(commit: CommitId, path: string, signal: AbortSignal): Promise<string | undefined> {
    const header = await this.objects.info(`${commit}:${path}`, signal);
    if (header?.type !== 'blob' || header.sizeBytes > FILE_BYTES_MAX) return undefined;
    const object = await this.objects.read(header.id, signal);
    return object === undefined ? undefined : textOf(object.content);
  }

  async lastApplied(signal: AbortSignal): Promise<CommitId | undefined> {
    return this.#resolve(this.#appliedRef, signal);
  }

  async markApplied(commit: CommitId, signal: AbortSignal): Promise<void> {
    const from = await this.lastApplied(signal);
    if (from === commit) return;
    const moved = await moveRef(this.gitdir, {ref: this.#appliedRef, from: from ?? NO_COMMIT, to: commit, reason: 'applied'}, signal);
    if (!moved) throw new Error(`could not note commit ${commit.slice(0, 8)} as applied: the ref was changed by somebody else`);
  }

  async #mustDescend(tip: CommitId, signal: AbortSignal): Promise<void> {
    const applied = await this.lastApplied(signal);
    if (applied === undefined || applied === tip) return;
    if (this.#descends?.applied === applied && this.#descends.tip === tip) return;
    if (!await this.#isAncestor({ancestor: applied, of: tip}, signal)) throw new HistoryRewritten({applied, tip});
    this.#descends = {applied, tip};
  }

  /** Nearly always the parent, which costs no process. */
  async #isAncestor({ancestor, of}: {ancestor: CommitId; of: CommitId}, signal: AbortSignal): Promise<boolean> {
    let at: string | undefined = of;
    for (let step = 0; step < STEPS_MAX && at !== undefined; step += 1) {
      if (at === ancestor) return true;
      at = (await readCommit(this.objects, at, signal)).parents[0];
    }
    return isAncestor(this.gitdir, {ancestor, of}, signal);
  }

  async #resolve(ref: string, signal: AbortSignal): Promise<CommitId | undefined> {
    const header = await this.objects.info(ref, signal);
    // Git itself names commits by 40 hex digits.
    return header?.type === 'commit' ? (header.id as CommitId) : undefined;
  }
}

/** @throws {GitError} when one of them is not in the repository */
export async function isAncestor(gitdir: string, {ancestor, of, env = {}}: {ancestor: string; of: string; env?: Readonly<Record<string, string>>}, signal: AbortSignal): Promise<boolean> {
  try {
    await git(['merge-base', '--is-ancestor', ancestor, of], {gitdir, env}, signal);
    return true;
  } catch (error) {
    if (error instanceof GitError && error.exitCode === 1) return false;
    throw error;
  }
}
