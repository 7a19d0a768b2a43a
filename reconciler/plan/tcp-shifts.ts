import type {DesiredSystem} from '../desired/state.ts';
import type {ObservedState} from '../observed/state.ts';
import type {ObservedSystem} from '../observed/system.ts';
import {currentShift} from '../router/shifts.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {TAKEN_OVER_MS} from './limits.ts';
import {planSilent} from './silent.ts';
import type {TcpPlan} from './tcp.ts';

/**
 * HAProxy: only where it has something to do, and never with an old file. One made from another image starts beside the old one, on the same ports; the old
 * one then takes no connection any more, and ends with the last that it has. (Other ports are another worker within the container.)
 */
export function planTcpShifts(system: DesiredSystem, observed: ObservedState, {isWanted, isFileRight}: Pick<TcpPlan, 'isWanted' | 'isFileRight'>): Plan {
  const shifts = observed.system.filter(({role}) => role === system.role);
  const free = shifts.filter(({name}) => !observed.operations.has(`container ${name}`));
  if (!isWanted) return {actions: free.map((one) => remove(one, 'no app has a TCP port')), waiting: []};
  if (!isFileRight && !shifts.some(({state}) => state === 'running')) return waits({subject: system.role, on: 'its configuration'});
  if (observed.operations.has(`system ${system.role}`)) return waits({subject: system.role, on: 'a container being started'});

  const current = currentShift(shifts);
  const run = (shift: number, reason: string): Plan => ({actions: [{kind: 'run-system', system, shift, reason}], waiting: []});
  if (current === undefined) return run(Math.max(0, ...shifts.map(({shift}) => shift)) + 1, `${system.role} is missing`);
  if (!free.includes(current)) return waits({subject: system.role, on: `${current.name} to be gone`});
  if (current.state === 'paused') return {actions: [remove(current, `${system.role} is paused`)], waiting: []};
  if (current.specHash !== system.specHash) return run(current.shift + 1, `${system.role} is to be made anew`);
  if (current.state !== 'running') return run(current.shift, `${system.role} does not run`);
  const silent = planSilent(current, observed);
  if (silent.actions.length > 0 || silent.waiting.length > 0) return silent;
  return planOlder(free.filter(({shift}) => shift < current.shift), current, observed);
}

function planOlder(shifts: readonly ObservedSystem[], {startedAtMs = 0}: ObservedSystem, {nowMs}: ObservedState): Plan {
  const ended = shifts.filter(({state}) => state !== 'running').map((one) => remove(one, 'it was replaced, and has ended'));
  const open = shifts.filter(({state, isKept}) => state === 'running' && isKept);
  const untilMs = startedAtMs + TAKEN_OVER_MS;
  if (open.length > 0 && nowMs < untilMs) return {actions: ended, waiting: [{subject: 'tcp', on: 'the new HAProxy to have taken over', untilMs}]};
  return {actions: [...ended, ...open.map(({id, name}): Action => ({kind: 'retire-tcp', id, name, reason: 'it was replaced'}))], waiting: []};
}

function remove({id, name}: ObservedSystem, reason: string): Action {
  return {kind: 'remove-container', id, name, reason};
}

function waits(waiting: Waiting): Plan {
  return {actions: [], waiting: [waiting]};
}
