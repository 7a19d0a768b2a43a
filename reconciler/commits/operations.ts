import type {CommitId} from '../../schemas/ids.ts';
import {OPERATION_TRAILER} from '../../schemas/commit-trailers.ts';
import {parseCommit} from '../adapters/git-format.ts';
import type {ObjectReader} from '../adapters/git-objects.ts';

/** How many commits back, along first parents, an operation is looked for: a retry comes within minutes. */
const COMMITS_MAX = 200;
/** Most operations that are remembered, so that the same commits are not read again. */
const REMEMBERED_MAX = 2000;

const TRAILERS = new RegExp(`^${OPERATION_TRAILER}: (.+)$`, 'gm');

/** Finds the commit that an operation made, if it was made already. */
export class OperationLog {
  readonly #objects: ObjectReader;
  /** Commits that were looked at, oldest first, and the operations they name. */
  readonly #seen = new Map<string, {readonly operations: readonly string[]; readonly parent: string | undefined}>();

  constructor(objects: ObjectReader) {
    this.#objects = objects;
  }

  async find(operationId: string, tip: CommitId, signal: AbortSignal): Promise<CommitId | undefined> {
    let at: string | undefined = tip;
    for (let step = 0; step < COMMITS_MAX && at !== undefined; step += 1) {
      const {operations, parent} = await this.#look(at, signal);
      // `at` began as a commit's id and went on to parents' ids.
      if (operations.includes(operationId)) return at as CommitId;
      at = parent;
    }
    return undefined;
  }

  async #look(commit: string, signal: AbortSignal): Promise<{readonly operations: readonly string[]; readonly parent: string | undefined}> {
    const known = this.#seen.get(commit);
    if (known !== undefined) return known;
    const object = await this.#objects.read(commit, signal);
    if (object?.type !== 'commit') throw new Error(`commit ${commit} is not in the repository`);
    const {message, parents} = parseCommit(object.content);
    const looked = {operations: [...message.matchAll(TRAILERS)].map(([, id = '']) => id.trim()), parent: parents[0]};
    this.#seen.set(commit, looked);
    const oldest = this.#seen.keys().next().value;
    if (this.#seen.size > REMEMBERED_MAX && oldest !== undefined) this.#seen.delete(oldest);
    return looked;
  }
}
