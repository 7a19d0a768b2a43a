import {anySignal} from '../any-signal.ts';
import type {ContainerFacts} from '../desired/state.ts';
import {nextHealth, probePauseMs, type HealthHistory, type ProbeResult} from './health.ts';
import type {Health} from './state.ts';

/** Something that can be probed: a running container. */
export interface Probed {
  readonly id: string;
  readonly startedAtMs: number;
  readonly address: string | undefined;
  /** Of its first process; absent where it isn't one of this machine. */
  readonly pid?: number;
  readonly check: ContainerFacts['check'];
}

export type Probe = (container: Probed, signal: AbortSignal) => Promise<ProbeResult>;

interface Entry {
  container: Probed;
  history: HealthHistory;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Probes running containers, each in its own rhythm, and says when a health changes.
 *
 * Its memory is a cache: after a restart of the reconciler everything is `unknown` until probed again, and the planner
 * changes nothing because of `unknown`.
 */
export class Prober {
  readonly #probe: Probe;
  readonly #onChange: () => void;
  readonly #signal: AbortSignal;
  readonly #startedAtMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor({probe, onChange, signal}: {probe: Probe; onChange: () => void; signal: AbortSignal}) {
    this.#probe = probe;
    this.#onChange = onChange;
    this.#signal = signal;
    this.#startedAtMs = Date.now();
    signal.addEventListener('abort', () => {
      for (const {timer} of this.#entries.values()) clearTimeout(timer);
      this.#entries.clear();
    }, {once: true});
  }

  /** Follows exactly these containers from now on. */
  follow(containers: readonly Probed[]): void {
    const ids = new Set(containers.map(({id}) => id));
    for (const [id, entry] of this.#entries) {
      if (ids.has(id)) continue;
      clearTimeout(entry.timer);
      this.#entries.delete(id);
    }
    for (const container of containers) {
      const entry = this.#entries.get(container.id);
      if (entry !== undefined && entry.container.startedAtMs === container.startedAtMs) {
        entry.container = container;
        continue;
      }
      clearTimeout(entry?.timer);
      const isOlder = container.startedAtMs < this.#startedAtMs;
      const fresh: Entry = {container, history: {health: {state: isOlder ? 'unknown' : 'starting'}, failures: 0}, timer: undefined};
      this.#entries.set(container.id, fresh);
      this.#schedule(fresh, 0);
    }
  }

  health(id: string): Health {
    return this.#entries.get(id)?.history.health ?? {state: 'unknown'};
  }

  #starters(): number {
    let count = 0;
    for (const {history} of this.#entries.values()) if (history.health.state === 'starting') count += 1;
    return count;
  }

  #schedule(entry: Entry, pauseMs: number): void {
    if (this.#signal.aborted) return;
    entry.timer = setTimeout(() => void this.#run(entry), pauseMs);
  }

  async #run(entry: Entry): Promise<void> {
    const {container} = entry;
    const result = await this.#probeOnce(container);
    if (this.#entries.get(container.id) !== entry) return;
    const upMs = Date.now() - container.startedAtMs;
    const before = entry.history;
    entry.history = nextHealth(before, result, container.check, upMs);
    if (before.health.state !== entry.history.health.state) this.#onChange();
    this.#schedule(entry, probePauseMs(entry.history, container.check, {upMs, starters: this.#starters()}));
  }

  async #probeOnce(container: Probed): Promise<ProbeResult> {
    const {check} = container;
    if (check.kind === 'up') {
      const upMs = Date.now() - container.startedAtMs;
      return upMs >= check.startPeriodMs ? {ok: true} : {ok: false, detail: `up for ${Math.floor(upMs / 1000)} s of ${check.startPeriodMs / 1000}`};
    }
    try {
      return await this.#probe(container, anySignal([this.#signal, AbortSignal.timeout(check.timeoutMs)]));
    } catch (error) {
      const isLate = error instanceof Error && error.name === 'TimeoutError';
      return {ok: false, detail: isLate ? `no answer within ${check.timeoutMs / 1000} s` : error instanceof Error ? error.message : String(error)};
    }
  }
}
