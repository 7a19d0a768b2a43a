import type {ObservedContainer, ObservedState} from '../observed/state.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {isBusy} from './busy.ts';
import {ROUTER_LETS_GO_MS, STREAM_LETS_GO_MS} from '../router/times.ts';
import {DRAIN_LOOK_MS} from './limits.ts';
import {isInNames, targetOf} from './routed.ts';

export interface Retirement {
  readonly reason: string | ((container: ObservedContainer) => string);
  readonly observed: ObservedState;
  /** Exited containers that stay, a service, for their logs. */
  readonly keepExited: number;
}

/** Takes containers away: out of the names, drained, SIGTERM, and of what has exited all but the newest few. */
export function retireAll(containers: readonly ObservedContainer[], retirement: Retirement): Plan {
  const kept = newestExited(containers, retirement.keepExited);
  const steps = containers.filter((container) => !kept.has(container)).map((container) => retire(container, retirement));
  return {actions: steps.flatMap((step) => step.action ?? []), waiting: steps.flatMap((step) => step.waiting ?? [])};
}

function newestExited(containers: readonly ObservedContainer[], keepExited: number): ReadonlySet<ObservedContainer> {
  const ended = containers.filter(({state}) => state === 'exited').toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1));
  return new Set([...Map.groupBy(ended, ({service}) => service).values()].flatMap((ofService) => ofService.slice(0, keepExited)));
}

interface Step {
  readonly action?: Action;
  readonly waiting?: Waiting;
}

function retire(container: ObservedContainer, {reason, observed}: Retirement): Step {
  const {app, id, name} = container;
  const why = typeof reason === 'string' ? reason : reason(container);
  const waits = (on: string, untilMs?: number): Step =>
    ({waiting: {app, subject: `${container.service}.${container.slot} (v${container.release})`, on, ...(untilMs === undefined ? {} : {untilMs})}});

  if (isBusy(container, observed)) return waits('its end: it is being stopped');
  if (container.state !== 'running') {
    return {action: {kind: 'remove-container', app, id, name, reason: container.state === 'exited' ? `exited with code ${container.exitCode}, newer ones are kept` : why}};
  }
  const hold = heldByRouter(container, observed);
  if (hold !== undefined) return waits(hold.on, hold.untilMs);
  return {action: {kind: 'stop-container', app, id, name, graceMs: container.facts.stopGraceMs, reason: why}};
}

/** Why the container can't be stopped yet: requests may still be sent to it, or are being answered. */
function heldByRouter(container: ObservedContainer, observed: ObservedState): {on: string; untilMs?: number} | undefined {
  const target = targetOf(container);
  if (target === undefined) return undefined;
  const {router, nowMs} = observed;
  if (router.state === 'unreachable') return {on: 'the router, which can\'t be asked whether requests still go there'};
  if (isInNames(target, observed)) return {on: 'the router to be told'};
  const key = `${target.address}:${target.port}`;
  const leftAtMs = router.leftAtMs.get(key);
  if (leftAtMs === undefined) return undefined;
  const letsGoAtMs = leftAtMs + (router.leftStreams.has(key) ? STREAM_LETS_GO_MS : ROUTER_LETS_GO_MS);
  if (nowMs < letsGoAtMs) return {on: 'the router to let go', untilMs: letsGoAtMs};
  const connections = router.leftStreams.has(key) ? observed.tcp.connections.get(key) ?? 0 : 0;
  if (connections > 0 && nowMs < leftAtMs + container.facts.stopGraceMs) return {on: `${connections} open connections`, untilMs: nowMs + DRAIN_LOOK_MS};
  const inFlight = router.inFlight.get(key) ?? 0;
  if (inFlight > 0 && nowMs < leftAtMs + container.facts.stopGraceMs) return {on: `${inFlight} requests in flight`, untilMs: nowMs + DRAIN_LOOK_MS};
  return undefined;
}
