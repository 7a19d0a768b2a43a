import type {Held} from '../loop.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import type {Snapshot} from '../checkout/snapshot.ts';
import {ObjectReader} from '../adapters/git-objects.ts';
import {HOW_TO_SIGN, trustedIn, type Range, type UntrustedCommit} from '../signatures/range.ts';
import {NO_SIGNERS, signersOf, type Signers} from '../signatures/signers.ts';
import type {CommitSigning} from '../status/status.ts';
import type {CommitId, TreeId} from '../../schemas/ids.ts';
import type {NodeKey} from '../signatures/node-key.ts';
import {parseSshKey} from '../../schemas/ssh-key.ts';
import {fingerprintOf} from '../signatures/ssh-signature.ts';

export interface CommitTrustParts {
  readonly repo: Pick<FollowedRepo, 'lastApplied' | 'snapshotAt'>;
  readonly gitdir: string;
  readonly key: NodeKey;
  /** A plain folder: its commits are made here, as it is saved. */
  readonly isFolder: boolean;
}

/** Which commits may be followed, where `commits.signed: required` says that they have to be signed. Keys are those of the last applied commit. */
export class CommitTrust {
  readonly #parts: CommitTrustParts;
  readonly #objects: ObjectReader;
  #signers: {readonly commit: CommitId; readonly tree: TreeId; readonly signers: Signers} | undefined;
  #answer: {readonly from: CommitId; readonly to: CommitId; readonly wrong: UntrustedCommit | undefined; readonly newest: CommitId} | undefined;

  constructor(parts: CommitTrustParts) {
    this.#parts = parts;
    this.#objects = new ObjectReader({gitdir: parts.gitdir});
  }

  /**
   * The newest snapshot that may be applied, and why that is not the tip. The commits before one that is wrong are followed, so that it makes no
   * difference whether they were fetched one by one or all at once.
   */
  async newest(tip: Snapshot, signal: AbortSignal): Promise<{readonly snapshot: Snapshot; readonly held?: Held}> {
    const from = await this.#parts.repo.lastApplied(signal);
    if (from === undefined) return {snapshot: tip};
    const signers = await this.#signersAt(from, signal);
    if (!signers.isRequired || from === tip.commit) return {snapshot: tip};
    // Time changes an answer only for the worse: a key that expires later was good when it was looked at.
    if (this.#answer?.from !== from || this.#answer.to !== tip.commit) {
      const {newest, wrong} = await trustedIn({objects: this.#objects, gitdir: this.#parts.gitdir, from, to: tip.commit, signers, nowMs: Date.now()}, signal);
      this.#answer = {from, to: tip.commit, newest, wrong};
    }
    const {newest, wrong} = this.#answer;
    if (wrong === undefined) return {snapshot: tip};
    const snapshot = await this.#parts.repo.snapshotAt(newest, signal);
    return {snapshot, held: {reason: 'UntrustedCommit', message: heldMessage(wrong, tip.commit), commit: tip.commit}};
  }

  /** What is wrong with a push, a line each; none when it may come in. `env`: where its objects are. */
  async refusalOf({from, to, env}: Pick<Range, 'from' | 'to'> & {readonly env: Readonly<Record<string, string>>}, signal: AbortSignal): Promise<readonly string[]> {
    const applied = await this.#parts.repo.lastApplied(signal);
    if (applied === undefined) return [];
    const {gitdir} = this.#parts;
    const objects = new ObjectReader({gitdir, env});
    try {
      // What main has and no pass has seen yet counts as well: else a key that it takes away would come in, and be held back a moment later.
      for (const commit of new Set([applied, from])) {
        const signers = await this.#signersAt(commit, signal);
        if (!signers.isRequired) continue;
        const {wrong} = await trustedIn({objects, gitdir, env, from, to, signers, nowMs: Date.now()}, signal);
        if (wrong !== undefined) return [`commit ${wrong.commit.slice(0, 8)}: ${wrong.problem}`, ...HOW_TO_SIGN];
        // The pass would ask the same once more.
        if (applied === from) this.#answer = {from, to, newest: to, wrong: undefined};
      }
      return [];
    } finally {
      objects.close();
    }
  }

  /** For people: whether commits have to be signed, and whether this node's own count. */
  get state(): CommitSigning {
    const {publicKey} = this.#parts.key;
    const key = parseSshKey(publicKey);
    if (typeof key === 'string') throw new Error(`bug: the node's own key ${key}`);
    const {isRequired = false, ssh} = this.#signers?.signers ?? {};
    return {isRequired, nodeKey: publicKey, isNodeKeyKnown: ssh?.get(fingerprintOf(key.blob))?.kind === 'node'};
  }

  close(): void {
    this.#objects.close();
  }

  async #signersAt(commit: CommitId, signal: AbortSignal): Promise<Signers> {
    if (this.#parts.isFolder) return NO_SIGNERS;
    if (this.#signers?.commit === commit) return this.#signers.signers;
    const {shared} = await this.#parts.repo.snapshotAt(commit, signal);
    const signers = this.#signers?.tree === shared.treeId ? this.#signers.signers : signersOf(await shared.files(signal));
    this.#signers = {commit, tree: shared.treeId, signers};
    return signers;
  }
}

function heldMessage({commit, problem}: UntrustedCommit, tip: CommitId): string {
  return `commit ${commit.slice(0, 8)}: ${problem}; it is not followed, nor what comes after it. Take it out of main, or sign it anew; an admin who has looked at it lets it in with "flynn confirm ${tip.slice(0, 8)}"`;
}
