import type {CommitId} from '../../schemas/ids.ts';
import {isSamePlan, planMarkdown, planMarker, planSummary, type ChangePlan} from '../preview/markdown.ts';
import type {Comment, CommitStatus, Forge, OpenChange} from './forge.ts';
import {ForgeFailed} from './http.ts';

/** Pull requests that have a plan at one time; those that changed last come first. */
export const CHANGES_MAX = 100;

export const PLAN_CONTEXT = 'flynn/plan';

export interface PlanParts {
  readonly forge: Forge;
  readonly domain: string;
  /** What would become of the cluster if it were merged into what main is now. */
  planOf(change: OpenChange, signal: AbortSignal): Promise<ChangePlan>;
  /** Only these are open now. */
  keepOnly(open: ReadonlySet<number>, signal: AbortSignal): Promise<void>;
  /** All that were open when the forge was asked, milliseconds since 1970. */
  listed(open: readonly OpenChange[], askedAtMs: number, signal: AbortSignal): Promise<void>;
}

interface Told {
  /** Head and main that the plan is of. */
  readonly of: string;
  readonly status: string;
}

/** Keeps one comment with the plan, and a commit status, on each open pull request. What it remembers only saves questions: a new one finds its own comments again. */
export class Plans {
  readonly #parts: PlanParts;
  #told = new Map<number, Told>();
  #open: readonly OpenChange[] = [];
  #me: {readonly name: string | undefined} | undefined;

  constructor(parts: PlanParts) {
    this.#parts = parts;
  }

  /** How many pull requests have a plan. */
  get count(): number {
    return this.#told.size;
  }

  /** When the forge was asked last. */
  get open(): readonly OpenChange[] {
    return this.#open;
  }

  /** Looks at all of them, once. @throws {ForgeFailed} the first failure, after the others were looked at */
  async look(main: CommitId, signal: AbortSignal): Promise<void> {
    const {forge} = this.#parts;
    const askedAtMs = Date.now();
    const all = await forge.openChanges('main', signal);
    this.#open = all;
    const open = all.slice(0, CHANGES_MAX);
    const numbers = new Set(open.map(({number}) => number));
    if (this.#told.size === 0 || [...this.#told.keys()].some((number) => !numbers.has(number))) await this.#parts.keepOnly(numbers, signal);
    this.#told = new Map([...this.#told].filter(([number]) => numbers.has(number)));
    let failure: unknown;
    for (const change of open) {
      const of = `${change.head} ${main}`;
      if (this.#told.get(change.number)?.of === of) continue;
      try {
        this.#told.set(change.number, {of, status: await this.#tell(change, signal)});
      } catch (error) {
        signal.throwIfAborted();
        // It wants no more questions at all.
        if (error instanceof ForgeFailed && (error.notBeforeMs !== undefined || error.status === undefined || error.status === 401)) throw error;
        failure ??= error;
      }
    }
    await this.#parts.listed(all, askedAtMs, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      failure ??= error;
    });
    if (failure !== undefined) throw failure;
  }

  async #tell(change: OpenChange, signal: AbortSignal): Promise<string> {
    const plan = await this.#parts.planOf(change, signal).catch(async (error: unknown) => {
      signal.throwIfAborted();
      await this.#state(change, {context: PLAN_CONTEXT, state: 'pending', description: `no plan yet: ${error instanceof Error ? error.message : String(error)}`}, signal);
      throw error;
    });
    await this.#comment(change, planMarkdown(plan), signal);
    return this.#state(change, {context: PLAN_CONTEXT, state: plan.outcome.result === 'fine' ? 'success' : 'failure', description: planSummary(plan), url: change.url}, signal);
  }

  async #comment({number}: OpenChange, body: string, signal: AbortSignal): Promise<void> {
    const {forge} = this.#parts;
    const own = await this.#ownComment(number, signal);
    if (own === undefined) await forge.addComment(number, body, signal);
    else if (!isSamePlan(own.body, body)) await forge.editComment({change: number, id: own.id}, body, signal);
  }

  /** A marker alone would let anybody make us write over what he has written. */
  async #ownComment(number: number, signal: AbortSignal): Promise<Comment | undefined> {
    const {forge, domain} = this.#parts;
    this.#me ??= {name: await forge.whoAmI(signal)};
    const me = this.#me.name;
    return (await forge.comments(number, signal)).find(({body, author, isByProgram}) => body.startsWith(planMarker(domain)) && (me === undefined ? isByProgram : author === me));
  }

  /** Resolves to what the status is told by. */
  async #state({number, head}: OpenChange, status: CommitStatus, signal: AbortSignal): Promise<string> {
    const told = JSON.stringify([head, status.state, status.description]);
    if (this.#told.get(number)?.status === told) return told;
    const {forge} = this.#parts;
    const known = await forge.status(head, status.context, signal);
    const isSame = known !== undefined && known.state === status.state && status.description.startsWith(known.description.replace(/…$/, ''));
    if (!isSame) await forge.setStatus(head, status, signal);
    return told;
  }
}
