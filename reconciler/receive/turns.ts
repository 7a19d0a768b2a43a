import {orAborted} from '../commits/mutex.ts';

/** Most that wait for one thing: each holds a connection open. */
const WAITING_MAX = 20;

/** Who has a turn, for those who wait. */
export interface Holder {
  /** `Ada deploys 1a2b3c4d` */
  readonly doing: string;
  readonly sinceMs: number;
}

/** Lets at most so many go on at once, in the order in which they came. */
export class Turns {
  readonly #holders = new Set<Holder>();
  readonly #waiting: Entry[] = [];

  /** Nothing has a turn or waits for one. */
  get isIdle(): boolean {
    return this.#holders.size === 0 && this.#waiting.length === 0;
  }

  /**
   * Waits for a turn; the answer gives it back. `onWait` is called once, when somebody has to be waited for.
   *
   * @throws when too many wait already, or the signal is aborted
   */
  async take({doing, atOnce, onWait}: {doing: string; atOnce: number; onWait: (holders: readonly Holder[], ahead: number) => void}, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const entry: Entry = {holder: {doing, sinceMs: Date.now()}, atOnce, turn: Promise.withResolvers()};
    const giveBack = () => this.#giveBack(entry);
    if (this.#holders.size < atOnce && this.#waiting.length === 0) {
      this.#holders.add(entry.holder);
      return giveBack;
    }
    if (this.#waiting.length >= WAITING_MAX) throw new Error(`${WAITING_MAX} wait already, try again later`);
    onWait([...this.#holders], this.#waiting.length);
    this.#waiting.push(entry);
    try {
      await orAborted(entry.turn.promise, signal);
      return giveBack;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  /** Also for one who still waits. */
  #giveBack(entry: Entry): void {
    const at = this.#waiting.indexOf(entry);
    if (at !== -1) this.#waiting.splice(at, 1);
    this.#holders.delete(entry.holder);
    for (let next = this.#waiting[0]; next !== undefined && this.#holders.size < next.atOnce; next = this.#waiting[0]) {
      this.#waiting.shift();
      // Here, not where it wakes up: nobody may come in between.
      next.holder = {...next.holder, sinceMs: Date.now()};
      this.#holders.add(next.holder);
      next.turn.resolve();
    }
  }
}

interface Entry {
  holder: Holder;
  readonly atOnce: number;
  readonly turn: PromiseWithResolvers<void>;
}
