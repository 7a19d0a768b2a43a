import type {ObservedTcp} from '../observed/ports.ts';
import type {ObservedState} from '../observed/state.ts';
import type {ObservedSystem} from '../observed/system.ts';
import type {Plan} from './action.ts';
import {SILENT_MS_MAX} from './limits.ts';

/** One that runs but does not answer is made anew: somebody may have taken its socket away, or it hangs. */
export function planSilent({role, id, name, startedAtMs = 0}: ObservedSystem, {router, tcp, nowMs, operations}: ObservedState): Plan {
  const silentSinceMs = role === 'tcp' ? silenceOf(tcp) : router.state === 'unreachable' ? router.silentSinceMs.get(role) : undefined;
  if (silentSinceMs === undefined) return {actions: [], waiting: []};
  const untilMs = Math.max(silentSinceMs, startedAtMs) + SILENT_MS_MAX[role];
  if (nowMs < untilMs || operations.has(`container ${name}`)) return {actions: [], waiting: [{subject: role, on: 'an answer', untilMs}]};
  return {actions: [{kind: 'remove-container', id, name, reason: `${role} runs but did not answer for ${SILENT_MS_MAX[role] / 1000} s`}], waiting: []};
}

function silenceOf({running}: ObservedTcp): number | undefined {
  return running.state === 'silent' ? running.sinceMs : undefined;
}
