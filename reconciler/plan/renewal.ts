import type {DesiredService, Renewal} from '../desired/state.ts';
import type {ObservedContainer, ObservedState} from '../observed/state.ts';
import {isBusy} from './busy.ts';
import {DEPLOY_FAILURES_MAX} from './limits.ts';
import {howItEnded, isHealthy} from './health.ts';

/** What has become of somebody's wish that one replica be replaced by a new one as it is. */
export type RenewalState =
  | {readonly state: 'pending'}
  | {readonly state: 'done'}
  /** Given up: who was to be replaced stays. */
  | {readonly state: 'failed'; readonly cause: string};

type Look = Pick<ObservedState, 'nowMs' | 'operations'>;

/** The wish for this slot, while it counts: what is older than it makes room for a new one. `containers`: of the slot and the service's spec. */
export function renewalOf({renew = []}: DesiredService, slot: number, {containers, observed}: {readonly containers: readonly ObservedContainer[]; readonly observed: Look}): Renewal | undefined {
  const renewal = renew.find((one) => one.slot === slot);
  return renewal !== undefined && renewalState(renewal, containers, observed).state !== 'failed' ? renewal : undefined;
}

/** As a deploy it fails after three failures in a row, or by its deadline; unlike one it is not remembered: nothing was changed. */
export function renewalState({atMs, untilMs}: Renewal, containers: readonly ObservedContainer[], observed: Look): RenewalState {
  const fresh = containers.filter(({createdAtMs}) => createdAtMs >= atMs).toSorted((a, b) => b.attempt - a.attempt);
  if (fresh.some((container) => isHealthy(container))) return {state: 'done'};
  const [newest] = fresh;
  if (newest?.state === 'exited' && newest.failures + 1 >= DEPLOY_FAILURES_MAX) return {state: 'failed', cause: `${howItEnded(newest)}, ${DEPLOY_FAILURES_MAX} times in a row`};
  if (newest?.state === 'created' && newest.error !== undefined && !isBusy(newest, observed)) return {state: 'failed', cause: howItEnded(newest)};
  return observed.nowMs < untilMs ? {state: 'pending'} : {state: 'failed', cause: `was not healthy within ${(untilMs - atMs) / 1000} s`};
}
