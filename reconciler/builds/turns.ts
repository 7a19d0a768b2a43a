import {orAborted} from '../mutex.ts';

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
   * Waits for a turn; the answer gives it back. `onWait` is called when somebody has to be waited for, with the number of those who wait
   * already, and again whenever that number has changed.
   *
   * @throws when too many wait already, or the signal is aborted
   */
  async take({doing, atOnce, onWait}: {doing: string; atOnce: number; onWait: OnWait}, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const entry: Entry = {holder: {doing, sinceMs: Date.now()}, atOnce, onWait, ahead: this.#waiting.length, turn: Promise.withResolvers()};
    const giveBack = () => this.#giveBack(entry);
    if (this.#holders.size < atOnce && this.#waiting.length === 0) {
      this.#holders.add(entry.holder);
      return giveBack;
    }
    if (this.#waiting.length >= WAITING_MAX) throw new Error(`${WAITING_MAX} wait already, try again later`);
    this.#waiting.push(entry);
    onWait([...this.#holders], entry.ahead);
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
    this.#waiting.forEach((waiting, ahead) => {
      if (waiting.ahead === ahead) return;
      waiting.ahead = ahead;
      waiting.onWait([...this.#holders], ahead);
    });
  }
}

type OnWait = (holders: readonly Holder[], ahead: number) => void;

interface Entry {
  holder: Holder;
  readonly atOnce: number;
  readonly onWait: OnWait;
  ahead: number;
  readonly turn: PromiseWithResolvers<void>;
}
