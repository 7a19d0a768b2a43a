import type {FlynnEvent} from './status.ts';

/** Events kept in memory; older ones are forgotten. */
const EVENTS_MAX = 1_000;

/** What happened, newest last, and who wants to hear of it at once. */
export class EventLog {
  readonly #events: FlynnEvent[] = [];
  readonly #listeners = new Set<(event: FlynnEvent) => void>();

  add(event: Omit<FlynnEvent, 'at'>): void {
    const full: FlynnEvent = {at: new Date().toISOString(), ...event};
    this.#events.push(full);
    if (this.#events.length > EVENTS_MAX) this.#events.splice(0, this.#events.length - EVENTS_MAX);
    for (const listener of this.#listeners) listener(full);
  }

  all(): readonly FlynnEvent[] {
    return [...this.#events];
  }

  listen(listener: (event: FlynnEvent) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), {once: true});
  }
}
