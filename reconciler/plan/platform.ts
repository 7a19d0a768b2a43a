import type {DesiredState, DesiredSystem} from '../desired/state.ts';
import type {ObservedState} from '../observed/state.ts';
import type {ObservedSystem} from '../observed/system.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {planSilent} from './silent.ts';
import type {TcpPlan} from './tcp.ts';
import {planTcpShifts} from './tcp-shifts.ts';

/** The platform's own containers but Caddy's: exactly one of each role, made from what is wanted now. */
export function planSystem(desired: DesiredState, observed: ObservedState, tcp: Pick<TcpPlan, 'isWanted' | 'isFileRight'>): Plan {
  const parts = desired.system.filter(({role}) => role !== 'router').map((system) => (system.role === 'tcp' ? planTcpShifts(system, observed, tcp) : planRole(system, observed)));
  return {actions: [...parts.flatMap(({actions}) => actions), ...planUnwanted(desired, observed)], waiting: parts.flatMap(({waiting}) => waiting)};
}

/** Of a role that nothing needs at present. */
function planUnwanted({system}: DesiredState, observed: ObservedState): readonly Action[] {
  return observed.system
    .filter(({role, name}) => !system.some((wanted) => wanted.role === role) && !observed.operations.has(`container ${name}`))
    .map(({id, name, role}): Action => ({kind: 'remove-container', id, name, reason: `nothing needs ${role}`}));
}

function planRole(system: DesiredSystem, observed: ObservedState): Plan {
  const mine = observed.system.filter(({role}) => role === system.role);
  const isOutdated = ({specHash, state}: ObservedSystem) => specHash !== system.specHash || state === 'paused';
  const outdated = mine.filter(isOutdated);
  const current = mine.filter((container) => !isOutdated(container));
  const isBusy = (key: string) => observed.operations.has(key);
  const waits = (on: string): Plan => ({actions: [], waiting: [{subject: system.role, on} satisfies Waiting]});

  if (isBusy(`system ${system.role}`)) return waits('a container being started');
  if (outdated.length > 0) {
    // One name, hence one container at a time: the new one is started when the old one is gone.
    const actions = outdated.filter(({name}) => !isBusy(`container ${name}`)).map((container): Action => ({kind: 'remove-container', id: container.id, name: container.name, reason: container.state === 'paused' ? `${system.role} is paused` : `${system.role} is to be made anew`}));
    return {actions, waiting: [{subject: system.role, on: 'the old container to be removed'}]};
  }
  const running = current.find(({state}) => state === 'running');
  if (running !== undefined) return planSilent(running, observed);
  return {actions: [{kind: 'run-system', system, shift: 0, reason: current.length === 0 ? `${system.role} is missing` : `${system.role} does not run`}], waiting: []};
}

/** Build containers whose build has ended, in this process or with one that was killed. */
export function planAbandonedBuilds(observed: ObservedState): Plan {
  const actions = observed.abandonedBuilds
    .filter(({name}) => !observed.operations.has(`container ${name}`))
    .map(({id, name}): Action => ({kind: 'remove-container', id, name, reason: 'its build has ended'}));
  return {actions, waiting: []};
}
