import type {AppName, CommitId} from '../schemas/ids.ts';
import type {Operations} from './apply/operations.ts';
import {HistoryRewritten, type FollowedRepo} from './checkout/repo.ts';
import type {Snapshot} from './checkout/snapshot.ts';
import type {DesiredReader} from './wiring/desired-reader.ts';
import {massDelete} from './desired/mass-delete.ts';
import type {DesiredState} from './desired/state.ts';
import type {ObservedState} from './observed/state.ts';
import type {Plan} from './plan/action.ts';
import {plan} from './plan/plan.ts';

/** However quiet everything is, a pass looks at everything this often, in milliseconds. */
const SAFETY_PASS_MS = 30_000;
/** The router tells nobody when it is changed by hand or comes back empty: it is looked at this often, in milliseconds. */
const ROUTER_LOOK_MS = 1_000;
/** After a pass the loop rests for as long as the pass took, at most this many milliseconds: a burst of events must not take the machine from what it is about. */
const REST_MS_MAX = 50;
/** Passes that fail are tried again after 1, 2, 4 … s, at most this many milliseconds. */
const FAILED_PASS_MS_MAX = 30_000;

export interface LoopOptions {
  readonly repo: Pick<FollowedRepo, 'snapshot' | 'snapshotAt' | 'markApplied' | 'lastApplied' | 'problem' | 'watch'>;
  /** The newest snapshot on the way to this one whose commits are all signed as they have to be, and why that is not this one. */
  trusted(tip: Snapshot, signal: AbortSignal): Promise<{readonly snapshot: Snapshot; readonly held?: Held}>;
  /** Whether somebody has said that the deletions of this commit are meant. */
  isDeleteConfirmed(commit: CommitId, signal: AbortSignal): Promise<boolean>;
  readonly reader: DesiredReader;
  readonly operations: Operations;
  /** What the commit wants, with what people asked for beside it. */
  adjusted(desired: DesiredState): DesiredState;
  /** Looks at everything but the operations. */
  look(nowMs: number, signal: AbortSignal): Promise<Omit<ObservedState, 'operations'>>;
  /** False when the router is not as it was last seen. */
  isRouterAsLeft(signal: AbortSignal): Promise<boolean>;
  /** Apps that this node has known: what a mass delete is measured against. */
  knownApps(): readonly AppName[];
  /** Images may have come since the last look: called when the commit is a new one. */
  onNewCommit(snapshot: Snapshot): void;
  onPass(report: PassReport): void;
}

/** Why the newest commit is not what is being followed, for people. */
export interface Held {
  readonly reason: 'SourceFailed' | 'HistoryRewritten' | 'MassDelete' | 'UntrustedCommit' | 'EngineFailed' | 'PlanFailed';
  readonly message: string;
  /** The commit that is held back, where it is known. */
  readonly commit?: CommitId;
}

export interface PassReport {
  /** Counts passes, from 1. */
  readonly number: number;
  readonly startedAtMs: number;
  readonly tookMs: number;
  readonly held: Held | undefined;
  /** Absent when there has been nothing to follow yet, or the machine could not be looked at. */
  readonly seen: {readonly desired: DesiredState; readonly observed: ObservedState; readonly plan: Plan} | undefined;
}

/** Pass after pass: look, plan, act, report. Woken by events; a timer is the safety net. */
export class Loop {
  readonly #options: LoopOptions;
  #number = 0;
  #isAwake = true;
  #wakeUp = () => {};
  #desired: DesiredState | undefined;
  #failures = 0;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  /** A pass that begins from now on has at least this number. */
  wake(): number {
    this.#isAwake = true;
    this.#wakeUp();
    return this.#number + 1;
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#options.repo.watch(() => this.wake(), signal);
    const routerLook = setInterval(() => void this.#lookAtRouter(signal), ROUTER_LOOK_MS);
    signal.addEventListener('abort', () => this.#wakeUp(), {once: true});
    try {
      while (!signal.aborted) {
        this.#isAwake = false;
        const startedAtMs = performance.now();
        const lookAgainAtMs = await this.#pass(signal);
        await rest(Math.min(REST_MS_MAX, performance.now() - startedAtMs));
        await this.#sleep(lookAgainAtMs, signal);
      }
    } finally {
      clearInterval(routerLook);
    }
  }

  async #pass(signal: AbortSignal): Promise<number> {
    const startedAtMs = Date.now();
    this.#number += 1;
    const number = this.#number;
    let {held} = await this.#follow(signal);
    let seen: PassReport['seen'];
    let lookAgainAtMs = startedAtMs + SAFETY_PASS_MS;
    if (this.#desired !== undefined) {
      let doing: Held['reason'] = 'EngineFailed';
      try {
        const observed = await this.#look(startedAtMs, signal);
        doing = 'PlanFailed';
        const desired = this.#options.adjusted(this.#desired);
        const next = plan(desired, observed);
        const applied = this.#options.operations.apply(next, startedAtMs);
        const times = [applied.lookAgainAtMs, next.lookAgainAtMs, ...next.waiting.map(({untilMs}) => untilMs)].filter((time) => time !== undefined);
        lookAgainAtMs = Math.min(lookAgainAtMs, ...times);
        seen = {desired, observed, plan: next};
      } catch (error) {
        if (signal.aborted) return 0;
        held = {reason: doing, message: messageOf(error)};
      }
    }
    this.#failures = held === undefined ? 0 : this.#failures + 1;
    if (held !== undefined) lookAgainAtMs = Math.min(lookAgainAtMs, startedAtMs + Math.min(FAILED_PASS_MS_MAX, 1000 * 2 ** (this.#failures - 1)));
    this.#options.onPass({number, startedAtMs, tookMs: Date.now() - startedAtMs, held, seen});
    return lookAgainAtMs;
  }

  /** Takes over the newest commit, if it can be read and is meant; else everything stays with the last one. */
  async #follow(signal: AbortSignal): Promise<{held: Held | undefined}> {
    const {repo, trusted} = this.#options;
    try {
      const {snapshot, held} = await trusted(await repo.snapshot(signal), signal);
      await this.#adopt(snapshot, signal);
      const problem = repo.problem();
      return {held: held ?? (problem && {reason: 'SourceFailed', message: problem.message})};
    } catch (error) {
      if (signal.aborted) return {held: undefined};
      this.#desired ??= await this.#lastApplied(signal);
      if (error instanceof MassDelete) return {held: {reason: 'MassDelete', message: error.message, commit: error.commit}};
      if (error instanceof HistoryRewritten) return {held: {reason: 'HistoryRewritten', message: `${error.message}: nothing changes until somebody confirms it with "flynn confirm ${error.tip.slice(0, 8)}"`, commit: error.tip}};
      return {held: {reason: 'SourceFailed', message: messageOf(error)}};
    }
  }

  /** What this node applied last, from its own disk; undefined when there is none, or none that can be read. */
  async #lastApplied(signal: AbortSignal): Promise<DesiredState | undefined> {
    const {repo, reader} = this.#options;
    try {
      const last = await repo.lastApplied(signal);
      return last === undefined ? undefined : await reader.read(await repo.snapshotAt(last, signal), signal);
    } catch {
      // Why nothing can be read was told by the newest commit already.
      return undefined;
    }
  }

  async #adopt(snapshot: Snapshot, signal: AbortSignal): Promise<void> {
    const {repo, reader, knownApps, isDeleteConfirmed, onNewCommit} = this.#options;
    if (this.#desired?.commit === snapshot.commit) {
      // The same, unless what this node can open of its secrets has changed.
      this.#desired = await reader.read(snapshot, signal);
      return;
    }
    const gone = massDelete(knownApps(), snapshot.apps.map(({name}) => name));
    if (gone !== undefined && !(await isDeleteConfirmed(snapshot.commit, signal))) throw new MassDelete(snapshot.commit, gone.removed);
    const desired = await reader.read(snapshot, signal);
    onNewCommit(snapshot);
    await repo.markApplied(snapshot.commit, signal);
    this.#desired = desired;
  }

  async #look(nowMs: number, signal: AbortSignal): Promise<ObservedState> {
    // The operations are noted before the look: what ends while we look was seen either running or done, never neither.
    const operations = this.#options.operations.keys;
    return {...await this.#options.look(nowMs, signal), operations};
  }

  async #lookAtRouter(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#isAwake) return;
    const isAsLeft = await this.#options.isRouterAsLeft(signal).catch(() => false);
    if (!isAsLeft) this.wake();
  }

  async #sleep(untilMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isAwake || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, untilMs - Date.now()));
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = () => {};
  }
}

class MassDelete extends Error {
  readonly commit: CommitId;

  constructor(commit: CommitId, removed: readonly AppName[]) {
    const shown = removed.slice(0, 5).join(', ');
    super(`commit ${commit.slice(0, 8)} removes ${removed.length} apps (${shown}${removed.length > 5 ? ', …' : ''}), more than half of them: nothing is removed until somebody confirms it with "flynn confirm ${commit.slice(0, 8)}"`);
    this.commit = commit;
  }
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

