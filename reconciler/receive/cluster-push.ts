import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {CommitId} from '../../schemas/ids.ts';
import {NO_COMMIT} from '../adapters/git-format.ts';
import {ObjectReader} from '../adapters/git-objects.ts';
import {detail, warning} from '../build/output.ts';
import {isAncestor} from '../checkout/bare.ts';
import {confirmDelete} from '../checkout/confirm.ts';
import {MAIN} from '../checkout/own.ts';
import {cutIntoPieces, NoFolder} from '../checkout/pieces.ts';
import {massDelete, shownOf} from '../desired/mass-delete.ts';
import type {GitDeps} from './deps.ts';
import {warningsOf} from './plaintext.ts';
import {inWords, notePush} from './note-push.ts';
import {forbiddenPaths} from './path-rights.ts';
import {BRANCHES} from '../proposals/store.ts';
import {mustNotTakeReview, ProposalPushes} from './proposal-push.ts';
import {PushRejected, type Push, type RefUpdate} from './push.ts';

/** `git push -o …`: accepts manifests with problems; each app with problems keeps its last good ones. */
export const OPTION_FORCE = 'flynn.force';
/** `git push -o …`: says that removing most of the apps is meant. */
export const OPTION_CONFIRM_DELETE = 'flynn.confirm-delete';

/** Paths of a refusal that the audit log names. */
const NOTED_MAX = 5;

/** Pushes to the cluster repository: main is what the nodes follow, other branches are people's own business. */
export class ClusterPushes {
  readonly #deps: GitDeps;
  readonly #proposals: ProposalPushes;

  constructor(deps: GitDeps) {
    this.#deps = deps;
    this.#proposals = new ProposalPushes(deps);
  }

  /** @throws {PushRejected} with every problem */
  async mayReceive(push: Push, signal: AbortSignal): Promise<void> {
    for (const {ref} of push.updates) {
      if (!/^refs\/(heads|tags)\//.test(ref)) throw new PushRejected(warning(`Push rejected, "${ref}" is neither a branch nor a tag`));
    }
    // Main first: what it refuses must not have opened a proposal.
    const update = push.updates.find(({ref}) => ref === MAIN);
    if (update !== undefined) await this.#mayMoveMain(update, push, signal);
    await this.#proposals.mayReceive(push, signal);
    if (update === undefined) return;
    // Before main moves: a pass that came in between would hold the commit back. Git itself names commits by 40 hex digits.
    if (push.options.includes(OPTION_CONFIRM_DELETE)) await confirmDelete(push.gitdir, update.after as CommitId, signal);
  }

  async received(push: Push, signal: AbortSignal): Promise<void> {
    for (const one of push.updates) {
      await notePush(this.#deps, push, {action: 'pushed', subject: await inWords(one, push, signal), ...(one.after !== NO_COMMIT && {commit: one.after as CommitId})});
    }
    const update = push.updates.find(({ref}) => ref === MAIN);
    if (update === undefined) {
      if (!push.updates.every(({ref}) => ref.startsWith(BRANCHES))) push.print(detail('Nodes follow main only: nothing is changed by this.'));
      return this.#proposals.received(push, signal);
    }
    // Git itself names commits by 40 hex digits.
    const commit = update.after as CommitId;
    this.#deps.node.wake(`push of ${commit.slice(0, 8)} by ${push.author.name}`);
    push.print(detail(`Revision main@sha1:${commit}`));
    push.print(detail('See what the nodes make of it with: flynn status'));
    await this.#proposals.received(push, signal);
  }

  async #mayMoveMain({before, after}: RefUpdate, push: Push, signal: AbortSignal): Promise<void> {
    if (after === NO_COMMIT) throw new PushRejected(warning('Push rejected, main can\'t be deleted: it is what the nodes run'));
    const {gitdir, env} = push;
    if (before !== NO_COMMIT && !await isAncestor(gitdir, {ancestor: before, of: after, env}, signal)) {
      throw new PushRejected(warning('Push rejected, main is never rewritten: nodes follow it forward only. To go back: git revert'));
    }
    const objects = new ObjectReader({gitdir, env});
    try {
      const old = before === NO_COMMIT ? undefined : await this.#deps.repo.snapshotAt(before as CommitId, signal);
      const next = await cutIntoPieces(objects, {commit: after as CommitId, before: old}, signal).catch((error: unknown) => {
        throw error instanceof NoFolder ? new PushRejected(warning(`Push rejected, ${error.message}`)) : error;
      });
      if (push.principal !== undefined) {
        const apps = {before: new Set(old?.apps.map(({name}) => name)), after: new Set(next.apps.map(({name}) => name))};
        const forbidden = await forbiddenPaths(push.principal, {update: {before, after, ref: MAIN}, push, apps}, signal);
        if (forbidden.length > 0) await notePush(this.#deps, push, {action: 'refused', subject: forbidden.slice(0, NOTED_MAX).join('; ')});
        if (forbidden.length > 0) throw new PushRejected(...forbidden.map(detail), warning('Push rejected, it changes what you may not change. Others can, so propose it: git push origin HEAD:proposals/<name>'));
      }
      const unsigned = before === NO_COMMIT ? [] : await this.#deps.unsignedIn({from: before as CommitId, to: after as CommitId, env}, signal);
      if (unsigned.length > 0) throw new PushRejected(...unsigned.map(detail), warning('Push rejected, every commit has to be signed (cluster.yaml, commits.signed)'));
      if (before !== NO_COMMIT) await mustNotTakeReview({push, before, after, audit: this.#deps.audit}, signal);
      const gone = old === undefined ? undefined : massDelete(old.apps.map(({name}) => name), next.apps.map(({name}) => name));
      if (gone !== undefined && !push.options.includes(OPTION_CONFIRM_DELETE)) {
        throw new PushRejected(
          ...shownOf(gone.removed).map((app) => detail(`removes ${app}`)),
          warning(`Push rejected, this removes ${gone.removed.length} of ${old?.apps.length} apps. If that is meant: git push -o ${OPTION_CONFIRM_DELETE}`),
        );
      }
      const problems = (await this.#deps.check({before: old, after: next}, signal)).map(formatDiagnostic);
      for (const one of (await warningsOf({before: old, after: next}, signal)).map(formatDiagnostic)) push.print(warning(one));
      if (problems.length === 0) return;
      if (!push.options.includes(OPTION_FORCE)) {
        const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
        throw new PushRejected(...problems, warning(`Push rejected, ${count} in the manifests. To push them all the same: git push -o ${OPTION_FORCE}`));
      }
      for (const problem of problems) push.print(problem);
      push.print(warning('Accepted all the same: apps with problems keep what they have.'));
    } finally {
      objects.close();
    }
  }
}
