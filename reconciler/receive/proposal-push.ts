import {NO_COMMIT} from '../adapters/git-format.ts';
import {ObjectReader} from '../adapters/git-objects.ts';
import {git} from '../adapters/git.ts';
import {PROPOSE_IT} from '../access/protected.ts';
import {detail, warning} from '../build/output.ts';
import {MAIN} from '../checkout/own.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import {whoOf} from '../proposals/desk.ts';
import {changesBetween} from '../proposals/merging.ts';
import {protectionAt} from '../proposals/sight.ts';
import {BRANCHES} from '../proposals/store.ts';
import type {GitDeps} from './deps.ts';
import {PushRejected, type Push, type RefUpdate} from './push.ts';

/** `git push -o flynn.title="…"`: what a proposal is called. */
const OPTION_TITLE = 'flynn.title';
/** `git push -o flynn.override="reason"`: in an emergency main is changed without the review that it takes. */
export const OPTION_OVERRIDE = 'flynn.override';
/** Lines of a refusal: the rest would only scroll the first away. */
const LINES_MAX = 20;
const REASON_LENGTH_MAX = 500;

/** Pushes of branches below `proposals/`: each is a proposal, and every push of it another state of the same. */
export class ProposalPushes {
  readonly #deps: Pick<GitDeps, 'proposals'>;

  constructor(deps: Pick<GitDeps, 'proposals'>) {
    this.#deps = deps;
  }

  /** Written down before the branch moves: a branch without its proposal is never there. */
  async mayReceive(push: Push, signal: AbortSignal): Promise<void> {
    for (const {ref, after} of proposed(push)) {
      const {proposals} = this.#deps;
      if (proposals === undefined) return;
      if (after === NO_COMMIT) {
        await proposals.removed(ref, push.principal, signal).catch((error: unknown) => {
          throw error instanceof EditRefused ? new PushRejected(warning(`Push rejected, ${error.message}`)) : error;
        });
        continue;
      }
      const {gitdir, env} = push;
      const [type, count] = [await git(['cat-file', '-t', after], {gitdir, env}, signal), await git(['rev-list', '--count', after, `^${MAIN}`, '--'], {gitdir, env}, signal)];
      if (type !== 'commit') throw new PushRejected(warning(`Push rejected, ${ref} has to be a commit, not a ${type}`));
      if (count === '0') throw new PushRejected(warning('Push rejected, main has all of it already: there is nothing to propose'));
      const title = optionOf(push, OPTION_TITLE) ?? await git(['log', '-1', '--format=%s', after, '--'], {gitdir, env}, signal);
      await proposals.pushed({branch: ref, title}, whoOf(push.principal), signal);
    }
  }

  /** What became of it: its number, and its plan. The push is accepted by now, so that a failure is only told. */
  async received(push: Push, signal: AbortSignal): Promise<void> {
    for (const {ref, after} of proposed(push)) {
      if (after === NO_COMMIT) continue;
      try {
        await this.#tell(ref, push, signal);
      } catch (error) {
        push.print(warning(`It is proposed, and what it would change can't be told: ${(error as Error).message.split('\n')[0]}`));
      }
    }
  }

  async #tell(ref: string, push: Push, signal: AbortSignal): Promise<void> {
    const {proposals} = this.#deps;
    const number = await proposals?.numberOf(ref, signal);
    if (proposals === undefined || number === undefined) return;
    const {title, plan, conflicts, problems, missing} = await proposals.show(number, signal);
    push.print(detail(`Proposal #${number}: ${title}`));
    for (const line of plan.lines) push.print(detail(`  ${line}`));
    for (const path of conflicts) push.print(warning(`conflicts with main: ${path}`));
    for (const problem of problems) push.print(problem);
    if (missing.length > 0) push.print(detail('Before it can be merged it takes:'));
    for (const line of missing.slice(0, LINES_MAX)) push.print(detail(`  ${line}`));
    push.print(detail(`Look at it with: flynn review show ${number}`));
  }
}

/** @throws {PushRejected} when main would be moved by something that takes a review, unless an admin overrides that */
export async function mustNotTakeReview({push, before, after, audit}: {readonly push: Push; readonly before: string; readonly after: string; readonly audit: GitDeps['audit']}, signal: AbortSignal): Promise<void> {
  const {gitdir, env, principal, author, from} = push;
  const objects = new ObjectReader({gitdir, env});
  let paths: readonly string[];
  try {
    const changes = await changesBetween(objects, {from: before, to: after}, signal);
    // Of main as it is: what a push says of reviews does not count for itself.
    const {isProtected} = await protectionAt(objects, {commit: before, changes}, signal);
    paths = changes.map(({path}) => path).filter(isProtected);
  } finally {
    objects.close();
  }
  if (paths.length === 0) return;
  const reason = optionOf(push, OPTION_OVERRIDE);
  const lines = paths.length <= LINES_MAX ? paths : [...paths.slice(0, LINES_MAX), `… and ${paths.length - LINES_MAX} more`];
  if (reason === undefined || reason === '') {
    throw new PushRejected(...lines.map((path) => detail(`${path} ${PROPOSE_IT}`)), warning('Push rejected, it takes a review. To propose it: git push origin HEAD:proposals/<name>'));
  }
  if (principal?.may('cluster.edit') === false) throw new PushRejected(warning(`Push rejected, ${principal.user} may not override a review: that takes the role admin for the cluster`));
  await audit.add({actor: `${author.name} <${author.email}>`, user: whoOf(principal).user, ...(from !== undefined && {from}), action: 'override', subject: reason.slice(0, REASON_LENGTH_MAX), commit: after});
  push.print(warning(`Accepted without its review: ${reason}`));
}

function proposed({updates}: Push): readonly RefUpdate[] {
  return updates.filter(({ref}) => ref.startsWith(BRANCHES));
}

/** `-o flynn.title=…`; quotes around it are what a shell has left. */
function optionOf({options}: Push, name: string): string | undefined {
  const value = options.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
  return value?.replaceAll(/^"|"$/g, '').trim();
}

