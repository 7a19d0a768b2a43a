import type {Audit, NewAuditEntry} from '../oneshot/oneshot.ts';

/** Lines a minute that one user's refusals make: the log is of a limited size, and nobody is to push what he did out of it. */
const LINES_MAX = 60;
const FORGET_MS = 60_000;

interface Told {
  readonly sinceMs: number;
  readonly count: number;
  /** Of those that are not in the log. */
  readonly more: number;
}

/** Writes refusals down: all of them, unless there are so many that a line has to stand for several. */
export class Refusals {
  readonly #audit: Pick<Audit, 'add'>;
  /** By user; those who are nobody are one. */
  readonly #told = new Map<string, Told>();

  constructor(audit: Pick<Audit, 'add'>) {
    this.#audit = audit;
  }

  async add(entry: NewAuditEntry, nowMs: number): Promise<void> {
    const key = entry.user ?? '';
    const known = this.#told.get(key);
    const isOver = known === undefined || nowMs - known.sinceMs >= FORGET_MS;
    const {sinceMs, count, more} = isOver ? {sinceMs: nowMs, count: 0, more: known?.more ?? 0} : known;
    if (count >= LINES_MAX) {
      this.#told.set(key, {sinceMs, count, more: more + 1});
      return;
    }
    this.#told.set(key, {sinceMs, count: count + 1, more: 0});
    await this.#audit.add(more === 0 ? entry : {...entry, subject: `${entry.subject ?? ''} (and ${more} refusals before it)`.trim()});
  }
}
