import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {CommitState, CommitStatus, Forge} from './forge.ts';

export const DEPLOY_CONTEXT = 'flynn/deploy';
/** Commits whose deploy is being followed; the oldest is given up first. */
const FOLLOWED_MAX = 20;

/** How an app is at one moment. */
export type AppOutcome =
  | {readonly result: 'done'}
  | {readonly result: 'failed'; readonly cause: string}
  | {readonly progress: string};

export interface DeployParts {
  /** How an app is by the newest commit; `sinceMs`: from when on it is waited for, milliseconds since 1970. */
  judge(app: AppName, sinceMs: number): AppOutcome;
  /** Where people see these apps. Undefined: there is no one place. */
  urlOf(apps: readonly AppName[]): string | undefined;
  nowMs(): number;
}

interface Followed {
  readonly apps: readonly AppName[];
  readonly sinceMs: number;
  /** What is to be told, and has been. */
  wanted?: CommitStatus;
  told?: string;
  /** It may have been told before this process began. */
  isOld: boolean;
  /** It is not applied: `wanted` says why. */
  readonly isHeld?: true;
}

/** The status of merged commits: `converging`, then `healthy` or `failed: …`. What runs by the newest commit counts for those before it, too. */
export class DeployStatuses {
  readonly #parts: DeployParts;
  readonly #followed = new Map<CommitId, Followed>();

  constructor(parts: DeployParts) {
    this.#parts = parts;
  }

  /** These apps change by this commit. `isOld`: perhaps it was followed before. */
  follow(commit: CommitId, apps: readonly AppName[], {isOld = false}: {readonly isOld?: boolean} = {}): void {
    const known = this.#followed.get(commit);
    if (known !== undefined && known.isHeld !== true) return;
    this.#followed.set(commit, {apps, sinceMs: this.#parts.nowMs(), isOld});
    const [oldest] = this.#followed.keys();
    if (this.#followed.size > FOLLOWED_MAX && oldest !== undefined) this.#followed.delete(oldest);
  }

  /** Called after each pass. True: there is something to be told. */
  see(): boolean {
    for (const followed of this.#followed.values()) {
      if (followed.isHeld === true) continue;
      const status = this.#statusOf(followed);
      // Progress would be a status every second: that it goes on is told once.
      if (followed.wanted === undefined || status.state !== 'pending') followed.wanted = status;
    }
    return [...this.#followed.values()].some(isUntold);
  }

  /** A commit that is not applied says why. */
  hold(commit: CommitId, why: string): void {
    const wanted: CommitStatus = {context: DEPLOY_CONTEXT, state: 'pending', description: `held back: ${why}`};
    const told = this.#followed.get(commit)?.told;
    this.#followed.set(commit, {apps: [], sinceMs: this.#parts.nowMs(), isOld: false, isHeld: true, wanted, ...(told !== undefined && {told})});
  }

  /** Tells what is to be told. @throws {ForgeFailed} what is not told then is told the next time */
  async tell(forge: Forge, signal: AbortSignal): Promise<void> {
    for (const [commit, followed] of this.#followed) {
      const {wanted} = followed;
      if (wanted === undefined) continue;
      // Whatever it seems to be while a start finds out what runs.
      const isOver = isUntold(followed) && followed.isOld && await isFinal(forge, commit, signal);
      if (isOver) this.#followed.delete(commit);
      if (isOver) continue;
      if (isUntold(followed)) await forge.setStatus(commit, wanted, signal);
      followed.isOld = false;
      followed.told = keyOf(wanted);
      if (wanted.state !== 'pending') this.#followed.delete(commit);
    }
  }

  #statusOf({apps, sinceMs}: Followed): CommitStatus {
    const outcomes = apps.map((app) => ({app, outcome: this.#parts.judge(app, sinceMs)}));
    const {state, description} = summed(outcomes);
    const url = this.#parts.urlOf(apps);
    return {context: DEPLOY_CONTEXT, state, description, ...(url !== undefined && {url})};
  }
}

/** Of all apps of a commit. Exported for its test. */
export function summed(outcomes: readonly {readonly app: AppName; readonly outcome: AppOutcome}[]): {readonly state: CommitState; readonly description: string} {
  const failed = outcomes.find(({outcome}) => 'result' in outcome && outcome.result === 'failed');
  if (failed !== undefined && 'result' in failed.outcome && failed.outcome.result === 'failed') return {state: 'failure', description: `failed: ${failed.app}: ${failed.outcome.cause}`};
  const going = outcomes.flatMap(({app, outcome}) => ('progress' in outcome ? [`${app}: ${outcome.progress}`] : []));
  if (going.length > 0) return {state: 'pending', description: `converging: ${going.join('; ')}`};
  return {state: 'success', description: outcomes.length === 0 ? 'healthy: no app changes' : `healthy: ${outcomes.map(({app}) => app).join(', ')}`};
}

/** It was told to its end by a process before this one. */
async function isFinal(forge: Forge, commit: CommitId, signal: AbortSignal): Promise<boolean> {
  const known = await forge.status(commit, DEPLOY_CONTEXT, signal);
  return known !== undefined && known.state !== 'pending';
}

function isUntold({wanted, told}: Followed): boolean {
  return wanted !== undefined && told !== keyOf(wanted);
}

function keyOf({state, description}: CommitStatus): string {
  return `${state} ${description}`;
}
