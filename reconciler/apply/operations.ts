import {pauseMs} from '../backoff.ts';
import {actionKey, type Action, type Plan} from '../plan/action.ts';
import {describe} from '../plan/format.ts';
import {execute, type World} from './executors.ts';

/** Starts and removals at once: measured on two cores, more gain nothing (2026-11: 5.4, 8.3, 11.0, 10.9 starts a second at 1, 2, 4, 8). */
const ENGINE_PARALLEL_MAX = 4;
const ENGINE_WORK: readonly Action['kind'][] = ['run-container', 'run-job', 'remove-container', 'remove-image', 'make-network', 'remove-network', 'make-shared-network', 'remove-shared-network', 'connect'];
/** Images on their way to the registry, or out of it, at once: one line is shared with the apps. */
const REGISTRY_PARALLEL_MAX = 2;
/** Stops at once: they mostly wait for the grace to end. */
const STOPS_PARALLEL_MAX = 64;
/** Orders at once: each is a process of Caddy for a second or two, and one container runs one command at a time for us. */
const ORDERS_PARALLEL_MAX = 1;

export type Outcome =
  | {readonly action: Action; readonly result: 'done'; readonly tookMs: number}
  | {readonly action: Action; readonly result: 'failed'; readonly error: Error};

interface Cooling {
  readonly failures: number;
  readonly untilMs: number;
}

/**
 * Carries out plans, without making a pass wait: what runs is part of what the next look sees, so nothing is begun twice.
 *
 * An action for which there is no room now is dropped, not queued: the next pass plans again from what is then so. The
 * same holds for what failed, after a pause that grows. A failed action does not stop the others.
 */
export class Operations {
  readonly #world: World;
  readonly #onDone: (outcome: Outcome) => void;
  readonly #signal: AbortSignal;
  readonly #running = new Map<string, {readonly kind: Action['kind']; readonly ended: Promise<void>}>();
  readonly #cooling = new Map<string, Cooling>();

  constructor({world, onDone, signal}: {world: World; onDone: (outcome: Outcome) => void; signal: AbortSignal}) {
    this.#world = world;
    this.#onDone = onDone;
    this.#signal = signal;
  }

  get keys(): ReadonlySet<string> {
    return new Set(this.#running.keys());
  }

  /** Begins what there is room for. `lookAgainAtMs`: when the first of the actions that failed may be tried again. */
  apply({actions}: Plan, nowMs: number): {readonly begun: readonly Action[]; readonly lookAgainAtMs: number | undefined} {
    const wanted = new Set(actions.map(actionKey));
    for (const key of this.#cooling.keys()) if (!wanted.has(key) && !this.#running.has(key)) this.#cooling.delete(key);
    const begun: Action[] = [];
    let lookAgainAtMs: number | undefined;
    for (const action of inTurns(actions)) {
      if (this.#signal.aborted) break;
      const key = actionKey(action);
      if (this.#running.has(key)) continue;
      const cooling = this.#cooling.get(key);
      if (cooling !== undefined && nowMs < cooling.untilMs) {
        lookAgainAtMs = Math.min(lookAgainAtMs ?? Infinity, cooling.untilMs);
        continue;
      }
      if (!this.#hasRoomFor(action.kind)) continue;
      this.#running.set(key, {kind: action.kind, ended: this.#carryOut(action, key)});
      begun.push(action);
    }
    return {begun, lookAgainAtMs};
  }

  /**
   * Carries out one action that a person asked for, at once; resolves when it has been done. It is an operation like the others: what is
   * planned meanwhile knows of it.
   */
  async act(action: Action): Promise<void> {
    const key = actionKey(action);
    const running = this.#running.get(key) ?? {kind: action.kind, ended: this.#carryOut(action, key)};
    this.#running.set(key, running);
    await running.ended;
    if (this.#cooling.has(key)) throw new Error(`${describe(action)} failed`);
  }

  /** Resolves when everything that runs now has ended. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ended}) => ended));
  }

  #hasRoomFor(kind: Action['kind']): boolean {
    const count = (...kinds: readonly Action['kind'][]) => [...this.#running.values()].filter((running) => kinds.includes(running.kind)).length;
    switch (kind) {
      case 'stop-container': return count('stop-container') < STOPS_PARALLEL_MAX;
      case 'push-image':
      case 'remove-pushed': return count('push-image', 'remove-pushed') < REGISTRY_PARALLEL_MAX;
      case 'order-certificate': return count('order-certificate') < ORDERS_PARALLEL_MAX;
      case 'run-container':
      case 'run-job':
      case 'remove-container':
      case 'remove-image':
      case 'make-network':
      case 'remove-network':
      case 'make-shared-network':
      case 'remove-shared-network':
      case 'connect': return count(...ENGINE_WORK) < ENGINE_PARALLEL_MAX;
      // To take a right away waits for nothing.
      default: return true;
    }
  }

  async #carryOut(action: Action, key: string): Promise<void> {
    const startedAtMs = Date.now();
    await Promise.resolve(); // The caller notes the operation before it can end.
    try {
      await execute(action, this.#world, this.#signal);
      this.#cooling.delete(key);
      this.#running.delete(key);
      this.#onDone({action, result: 'done', tookMs: Date.now() - startedAtMs});
    } catch (cause) {
      this.#running.delete(key);
      if (this.#signal.aborted) return;
      const failures = (this.#cooling.get(key)?.failures ?? 0) + 1;
      // The first failure is tried again after a second, not at once as a crashed container is: the engine may be ill.
      this.#cooling.set(key, {failures, untilMs: Date.now() + pauseMs(failures + 1)});
      this.#onDone({action, result: 'failed', error: cause instanceof Error ? cause : new Error(String(cause))});
    }
  }
}

/** One action of each app in turn, so that an app with fifty starts does not hold up another one's first. */
function inTurns(actions: readonly Action[]): readonly Action[] {
  const seen = new Map<string, number>();
  const withTurn = actions.map((action) => {
    const turn = action.app === undefined ? 0 : (seen.get(action.app) ?? 0);
    if (action.app !== undefined) seen.set(action.app, turn + 1);
    return {action, turn};
  });
  return withTurn.toSorted((a, b) => a.turn - b.turn).map(({action}) => action);
}
