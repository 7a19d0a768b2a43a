import {roomFor} from '../desired/room.ts';
import type {Need} from '../desired/state.ts';
import {roomBeside, taken} from '../plan/admission.ts';
import {START_MS_MAX} from './limits.ts';
import {Refused} from './oneshot.ts';
import type {Seen} from './seen.ts';

interface Claim {
  readonly need: Need;
  readonly untilMs: number;
}

/** Room for runs that have been let in and were not seen yet: two that ask at the same moment do not get the same room. */
export class RoomClaims {
  readonly #claims = new Map<string, Claim>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /**
   * Lasts until the run is seen, or can't be starting any more.
   * @throws {Refused} when no node has room beside everything that runs.
   */
  make({name, need, what}: {readonly name: string; readonly need: Need; /** For people. */ readonly what: string}, {desired, observed}: Seen): void {
    for (const [claimed, {untilMs}] of this.#claims) {
      if (untilMs < this.#nowMs() || observed.runs.some((run) => run.name === claimed)) this.#claims.delete(claimed);
    }
    const rooms = [...this.#claims.values()].reduce((left, claim) => taken(left, claim.need), roomBeside(desired, observed));
    const room = roomFor(need, rooms);
    if (!room.ok) throw new Refused('impossible', `there is no room for ${what}: ${room.on}; what it asks for is \`requests\` of that service, and flynn status shows what there is`);
    this.#claims.set(name, {need, untilMs: this.#nowMs() + START_MS_MAX});
  }

  /** It was not started. */
  release(name: string): void {
    this.#claims.delete(name);
  }
}
