import type {ObservedContainer, ObservedRun, ObservedState} from '../observed/state.ts';

/** Something is being done to this container right now; planning it again would only repeat it. */
export function isBusy({name}: Pick<ObservedContainer | ObservedRun, 'name'>, {operations}: Pick<ObservedState, 'operations'>): boolean {
  return operations.has(`container ${name}`);
}
