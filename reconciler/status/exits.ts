import type {AppName, ContainerId} from '../../schemas/ids.ts';
import type {ObservedContainer} from '../observed/state.ts';
import type {Plan} from '../plan/action.ts';
import {howItEnded} from '../plan/health.ts';
import type {FlynnEvent} from './status.ts';

export interface Exit extends Pick<FlynnEvent, 'kind' | 'message' | 'release' | 'container'> {
  readonly app: AppName;
  readonly replica: string;
  readonly atMs: number;
}

/**
 * Notices replicas that ended without being told to. One that ended before the first look counts when that was later than `sinceMs`:
 * while no reconciler ran, and so was told by nobody.
 */
export class Exits {
  readonly #sinceMs: number;
  /** Seen in a state that is no news any more. */
  readonly #told = new Set<ContainerId>();
  readonly #stopping = new Set<ContainerId>();

  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs;
  }

  see(containers: readonly ObservedContainer[], {actions}: Plan): readonly Exit[] {
    const ids = new Set(containers.map(({id}) => id));
    for (const known of [this.#told, this.#stopping]) for (const id of known) if (!ids.has(id)) known.delete(id);
    const exits: Exit[] = [];
    // What is planned now may have happened before the next look.
    const planned = actions.flatMap((action) => (action.kind === 'stop-container' || action.kind === 'remove-container' ? [action.id] : []));
    for (const container of containers) {
      if (container.state !== 'exited' || this.#told.has(container.id)) continue;
      this.#told.add(container.id);
      if (this.#stopping.has(container.id) || container.finishedAtMs <= this.#sinceMs) continue;
      exits.push({
        app: container.app,
        replica: `${container.service}.${container.slot}`,
        kind: 'exited',
        message: `${container.service}.${container.slot} ${howItEnded(container)}`,
        release: container.release,
        container: container.id.slice(0, 12),
        atMs: container.finishedAtMs,
      });
    }
    for (const id of planned) if (ids.has(id)) this.#stopping.add(id);
    return exits;
  }
}
