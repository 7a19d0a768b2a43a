import type {DesiredSystem} from '../desired/state.ts';
import type {ObservedRouter, ObservedState} from '../observed/state.ts';
import type {ObservedSystem} from '../observed/system.ts';
import type {RouteStructure} from '../observed/structure.ts';
import {currentShift} from '../router/shifts.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {HANDOVER_GAP_MS, LEAVING_LOOK_MS, LEAVING_SHIFTS_MAX, LOG_READ_MS, SHIFT_IDLE_MS} from './limits.ts';
import {planSilent} from './silent.ts';
import {isSameJson} from '../router/same.ts';
import {isSameStructure} from './structure.ts';

type ReadyRouter = Extract<ObservedRouter, {state: 'ready'}>;

/**
 * Caddy. Whatever has to change in what one was started from, another one is started beside it and takes over; the old one goes when its last client
 * has gone. So nobody's connection is cut.
 */
export function planHandOver(system: DesiredSystem, structure: RouteStructure, observed: ObservedState): Plan {
  const shifts = observed.system.filter(({role}) => role === system.role).toSorted((a, b) => a.shift - b.shift);
  const current = currentShift(shifts);
  const parts = [
    planCurrent({system, structure, shifts, current}, observed),
    ...(current === undefined ? [] : [planNewer(shifts.filter(({shift}) => shift > current.shift), observed), planOlder(shifts.filter(({shift}) => shift < current.shift), observed)]),
  ];
  const times = parts.flatMap(({lookAgainAtMs}) => lookAgainAtMs ?? []);
  return {actions: parts.flatMap(({actions}) => actions), waiting: parts.flatMap(({waiting}) => waiting), ...(times.length > 0 && {lookAgainAtMs: Math.min(...times)})};
}

interface Situation {
  readonly system: DesiredSystem;
  readonly structure: RouteStructure;
  readonly shifts: readonly ObservedSystem[];
  readonly current: ObservedSystem | undefined;
}

/** Exactly one, made from what is wanted now. */
function planCurrent(situation: Situation, observed: ObservedState): Plan {
  const {system, structure, shifts, current} = situation;
  const {role} = system;
  const {operations, router, nowMs} = observed;
  const handOver = (reason: string): Plan => {
    const shift = Math.max(0, ...shifts.map((one) => one.shift)) + 1;
    return {actions: [{kind: 'hand-over', shift, structure, beside: shifts.map((one) => one.shift), reason}], waiting: []};
  };
  if (operations.has('routes')) return waits({subject: role, on: 'another Caddy to be there'});
  if (current === undefined) return handOver(`${role} is missing`);
  if (isBusy(current, observed)) return waits({subject: role, on: `${current.name} to be gone`});
  if (current.state === 'paused') return {actions: [{kind: 'remove-container', id: current.id, name: current.name, reason: `${role} is paused`}], waiting: []};
  if (current.state !== 'running') {
    if (operations.has(`system ${role}`)) return waits({subject: role, on: 'a container being started'});
    return current.specHash === system.specHash ? {actions: [{kind: 'run-system', system, shift: current.shift, reason: `${role} does not run`}], waiting: []} : handOver(`${role} does not run`);
  }
  if (router.state !== 'ready') return current.specHash === system.specHash ? planSilent(current, observed) : handOver(`${role} is to be made anew`);
  const why = whyAnother(situation, router);
  if (why === undefined) return isSameStructure(structure, router.structure) ? NOTHING : {actions: [{kind: 'load-routes', shift: current.shift, structure, reason: 'the router\'s configuration is not what it was started with'}], waiting: []};
  const untilMs = current.createdAtMs + HANDOVER_GAP_MS;
  return nowMs < untilMs ? waits({subject: role, on: 'the last change of its configuration to be a moment old', untilMs}) : handOver(why);
}

/** Why another Caddy has to take over from the current one. */
function whyAnother({system, structure, current}: Situation, {file}: ReadyRouter): string | undefined {
  if (current?.specHash !== system.specHash) return `${system.role} is to be made anew`;
  if (file === undefined) return 'the router\'s configuration was written for other settings';
  return isSameStructure(structure, file) ? undefined : changes(structure, file);
}

/** A reason is read by people. */
const HOSTS_IN_REASON_MAX = 3;

function changes(wanted: RouteStructure, before: RouteStructure): string {
  const [now = new Map(), then = new Map()] = [wanted, before].map(({hosts}) => new Map(hosts.map((host) => [host.host, host])));
  const changed = [...new Set([...now.keys(), ...then.keys()])].filter((host) => !isSameJson(now.get(host), then.get(host))).toSorted();
  if (changed.length === 0) return isSameJson(wanted.tls ?? {}, before.tls ?? {}) ? 'the router\'s options changed' : 'certificates changed';
  return `routes changed: ${changed.slice(0, HOSTS_IN_REASON_MAX).join(', ')}${changed.length > HOSTS_IN_REASON_MAX ? ` and ${changed.length - HOSTS_IN_REASON_MAX} more` : ''}`;
}

/** Somebody began to hand over to them and was killed. */
function planNewer(shifts: readonly ObservedSystem[], observed: ObservedState): Plan {
  if (observed.operations.has('routes')) return NOTHING;
  const free = shifts.filter((one) => !isBusy(one, observed));
  return {
    actions: free.map(({id, name, shift, state}): Action => {
      if (state !== 'running') return {kind: 'remove-shift', id, name, shift, reason: 'it was to take over, and does not run'};
      return {kind: 'keep-shift', id, name, shift, reason: 'it was to take over when that was interrupted'};
    }).slice(0, 1),
    waiting: [],
  };
}

/** They close their ports, and stay for as long as somebody is connected. Not before the current one is known to answer. */
function planOlder(shifts: readonly ObservedSystem[], observed: ObservedState): Plan {
  const {router, nowMs} = observed;
  if (router.state !== 'ready') return NOTHING;
  // An order is carried out in the container of whichever was the current one when it began.
  const isOrdering = [...observed.operations].some((key) => key.startsWith('order '));
  const steps = shifts.filter((one) => !isBusy(one, observed)).map((one) => {
    const step = leave(one, router.leaving.get(one.shift) ?? {}, nowMs);
    return {one, step: isOrdering && typeof step !== 'number' && step.kind === 'stop-container' ? nowMs + LEAVING_LOOK_MS : step};
  });
  // One that nobody asks anything goes by itself within seconds: it does not count.
  const staying = steps.filter(({one, step}) => typeof step === 'number' && router.leaving.get(one.shift)?.inFlight !== 0);
  const excess = staying.slice(0, Math.max(0, staying.length - LEAVING_SHIFTS_MAX));
  const actions = [
    ...steps.flatMap(({step}) => (typeof step === 'number' ? [] : [step])),
    ...excess.map(({one: {id, name, shift}}): Action => ({kind: 'stop-container', id, name, graceMs: 0, reason: `more than ${LEAVING_SHIFTS_MAX} that were replaced still have connections: shift ${shift} is the oldest`})),
  ];
  // Until its ports are closed somebody may be answered as before. Nobody waits for its end.
  const closing = shifts.filter((one) => isBusy(one, observed) && one.state === 'running' && router.leaving.get(one.shift)?.closedAtMs === undefined);
  const waiting = closing.map(({role, name}): Waiting => ({subject: role, on: `${name} to close its ports`}));
  const times = steps.flatMap(({step}) => (typeof step === 'number' ? [step] : []));
  return {actions, waiting, ...(times.length > 0 && {lookAgainAtMs: Math.min(...times)})};
}

/** The next thing to be done, or when to look again. */
function leave(one: ObservedSystem, {closedAtMs, inFlight}: {readonly closedAtMs?: number; readonly inFlight?: number}, nowMs: number): Action | number {
  const {id, name, shift, state} = one;
  if (state === 'paused') return {kind: 'stop-container', id, name, graceMs: 0, reason: 'it was replaced, and is paused'};
  if (state !== 'running') {
    const readAtMs = (one.finishedAtMs ?? 0) + LOG_READ_MS;
    return nowMs < readAtMs ? readAtMs : {kind: 'remove-shift', id, name, shift, reason: 'it was replaced, and has ended'};
  }
  // One that was told to leave is not kept, whatever its files look like.
  if (closedAtMs === undefined || one.isKept) return {kind: 'retire-shift', id, name, shift, reason: 'it was replaced'};
  const idleAtMs = closedAtMs + SHIFT_IDLE_MS;
  if (inFlight === 0 && nowMs >= idleAtMs) return {kind: 'stop-container', id, name, graceMs: 0, reason: 'it was replaced, and nobody is connected to it any more'};
  return Math.max(idleAtMs, nowMs + LEAVING_LOOK_MS);
}

const NOTHING: Plan = {actions: [], waiting: []};

function waits(waiting: Waiting): Plan {
  return {actions: [], waiting: [waiting]};
}

function isBusy({name}: ObservedSystem, {operations}: ObservedState): boolean {
  return operations.has(`container ${name}`);
}
