/** Wrong tokens that may come from one address before it has to wait; each takes a minute to be forgotten. */
const FAILURES_MAX = 20;
const FORGET_MS = 60_000;
/** Addresses that are remembered: attackers have many. */
const ADDRESSES_MAX = 10_000;

/**
 * Slows down who tries out tokens. A leaky bucket an address: written here, because the plugins there are count requests, and would keep out a
 * program with a right token behind the same address.
 */
export class LoginLimit {
  /** Failures that are not forgotten yet, and as of when. The oldest address first. */
  readonly #failures = new Map<string, {readonly count: number; readonly atMs: number}>();

  /** How long this address has to wait, milliseconds. 0: it may try. */
  waitMs(address: string, nowMs: number): number {
    const excess = this.#countAt(address, nowMs) - FAILURES_MAX;
    return excess < 0 ? 0 : (excess + 1) * FORGET_MS / FAILURES_MAX;
  }

  failed(address: string, nowMs: number): void {
    const count = this.#countAt(address, nowMs) + 1;
    this.#failures.delete(address);
    this.#failures.set(address, {count, atMs: nowMs});
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > ADDRESSES_MAX && oldest !== undefined) this.#failures.delete(oldest);
  }

  #countAt(address: string, nowMs: number): number {
    const known = this.#failures.get(address);
    return known === undefined ? 0 : Math.max(0, known.count - (nowMs - known.atMs) * FAILURES_MAX / FORGET_MS);
  }
}
