import type {AppName} from '../../schemas/ids.ts';
import {CLEAN_SLATE_MS, pauseMs} from '../backoff.ts';
import type {DesiredService} from '../desired/state.ts';
import type {ObservedContainer, ObservedState} from '../observed/state.ts';
import type {Action, ActionOf, Plan} from './action.ts';
import {isBusy} from './busy.ts';
import {howItEnded, isHealthy} from './health.ts';
import {renewalOf} from './renewal.ts';
import {imageHere} from './images.ts';

/** One spec of one service, and which replicas of it are to run. */
export interface Wanted {
  readonly service: DesiredService;
  readonly release: number;
  /** Slots that are to be filled now, ascending: a deploy may take them one after the other. */
  readonly slots: readonly number[];
  /** Those of them whose containers may have traffic. */
  readonly routed: readonly number[];
  /** A container starts only when no other is in its slot any more, of whatever spec. */
  readonly isExclusive: boolean;
  /** Failures of containers from before this moment don't count: a new deploy gets its own tries. */
  readonly sinceMs: number;
  readonly isCandidate: boolean;
}

export interface SlotPlan extends Plan {
  readonly want: Wanted;
  /** Containers that hold a slot now. All others of this spec are surplus. */
  readonly kept: readonly ObservedContainer[];
  /** Healthy ones that stay: not those being stopped. */
  readonly healthy: number;
  /** What became of each slot's newest container, for the deploy's verdict. */
  readonly newest: readonly ObservedContainer[];
}

/** Fills the wanted slots of one spec: one container each, restarted with back-off when it fails. */
export function planSlots(app: AppName, want: Wanted, containers: readonly ObservedContainer[], observed: ObservedState): SlotPlan {
  const bySlot = Map.groupBy(containers.filter(({service}) => service === want.service.name), ({slot}) => slot);
  const slots = want.slots.map((slot) => planSlot({app, want, slot}, bySlot.get(slot) ?? [], observed));
  const kept = slots.flatMap((slot) => slot.kept);
  return {
    want,
    kept,
    actions: slots.flatMap((slot) => slot.actions),
    waiting: slots.flatMap((slot) => slot.waiting),
    healthy: kept.filter((container) => isHealthy(container) && !isBusy(container, observed)).length,
    newest: slots.flatMap((slot) => slot.newest ?? []),
  };
}

interface Slot {
  readonly app: AppName;
  readonly want: Wanted;
  readonly slot: number;
}

interface Networked {
  readonly subnet: string;
}

interface OneSlot extends Plan {
  readonly kept: readonly ObservedContainer[];
  readonly newest?: ObservedContainer;
}

/** `inSlot`: of all specs. */
function planSlot(slot: Slot, inSlot: readonly ObservedContainer[], observed: ObservedState): OneSlot {
  const containers = inSlot.filter(({specHash}) => specHash === slot.want.service.specHash);
  const subject = `${slot.want.service.name}.${slot.slot}`;
  const byAge = containers.toSorted((a, b) => b.attempt - a.attempt);
  const newest = byAge[0];
  const waits = (on: string, kept: readonly ObservedContainer[], untilMs?: number): OneSlot =>
    ({actions: [], waiting: [{app: slot.app, subject, on, ...(untilMs === undefined ? {} : {untilMs})}], kept, ...(newest && {newest})});
  const acts = (action: Action, kept: readonly ObservedContainer[]): OneSlot => ({actions: [action], waiting: [], kept, ...(newest && {newest})});

  const running = byAge.filter((container) => container.state === 'running');
  const renewal = renewalOf(slot.want.service, slot.slot, {containers, observed});
  const isToGo = ({drift, createdAtMs}: ObservedContainer & {state: 'running'}) => drift !== undefined || (renewal !== undefined && createdAtMs < renewal.atMs);
  const whole = running.filter((container) => !isToGo(container));
  const holder = whole.find(isHealthy) ?? whole[0];

  if (holder !== undefined) {
    // Whoever was changed by hand, or is to be replaced, goes only after its successor is healthy.
    const kept = [holder, ...(isHealthy(holder) ? [] : running.filter(isToGo))];
    if (isBusy(holder, observed)) return waits('its end: it is being stopped', kept);
    if (holder.health.state === 'unhealthy') {
      return acts({kind: 'stop-container', app: slot.app, id: holder.id, name: holder.name, graceMs: holder.facts.stopGraceMs, reason: `health check failed: ${holder.health.detail}`}, kept);
    }
    if (holder.health.state !== 'healthy') return waits(holder.health.state === 'unknown' ? 'its first health check' : `its health check${detail(holder.health.detail)}`, kept);
    return {actions: [], waiting: [], kept, newest: holder};
  }

  // What ended last is kept as the evidence that the back-off is derived from; what is to go until its successor is healthy.
  const evidence = [...new Set([...running, ...(newest === undefined ? [] : [newest])])];
  const {image} = slot.want.service.container;
  // Before anything stops for it.
  if (imageHere(image, observed, slot.app) === undefined) return waits(`image ${image.slice(0, 19)}, which is not on this node`, evidence);
  const rival = slot.want.isExclusive ? rivalIn(slot, inSlot, observed) : undefined;
  if (rival !== undefined) return waits(`the end of ${rival}, which has its place`, evidence.filter(({state}) => state !== 'running'));
  const network = observed.networks.find(({app}) => app === slot.app);
  if (network === undefined) return waits('its network', evidence);
  if (isStarting(slot, containers, observed) || (newest?.state === 'created' && isBusy(newest, observed))) return waits('a container being started', evidence);
  const next = restart({...slot, subnet: network.subnet}, newest, observed.nowMs);
  if (next.untilMs > observed.nowMs) return waits(`back-off after ${next.action.failures} failures in a row`, evidence, next.untilMs);
  if (observed.operations.has(`container ${next.action.name}`)) return waits('a container being started', evidence);
  return acts(next.action, evidence);
}

/** Who has to end before a container may start in this slot: what runs there, or is being started. */
function rivalIn({app, want, slot}: Slot, inSlot: readonly ObservedContainer[], observed: ObservedState): string | undefined {
  const running = inSlot.find(({state}) => state === 'running');
  if (running !== undefined) return running.name;
  const prefix = `container ${app}.${want.service.name}.${slot}-`;
  const own = `container ${slotName({app, service: want.service, slot})}-`;
  const seen = new Set(inSlot.map(({name}) => `container ${name}`));
  return [...observed.operations].find((key) => key.startsWith(prefix) && !key.startsWith(own) && !seen.has(key))?.slice('container '.length);
}

/**
 * Whether something is being done to a container of this slot that can't be seen: yet, or any more. Looking for the very next name is not
 * enough: when what ended last is removed by hand while its successor is being started, the count of attempts begins anew.
 */
function isStarting({app, want, slot}: Slot, containers: readonly ObservedContainer[], {operations}: ObservedState): boolean {
  const seen = new Set(containers.map(({name}) => `container ${name}`));
  const prefix = `container ${slotName({app, service: want.service, slot})}-`;
  return [...operations].some((key) => key.startsWith(prefix) && !seen.has(key));
}

function detail(text: string | undefined): string {
  return text === undefined ? '' : `: ${text}`;
}

/** What fills a slot in which nothing runs, or only what was changed by hand, and from when on it may. */
function restart(slot: Slot & Networked, newest: ObservedContainer | undefined, nowMs: number): {readonly action: ActionOf<'run-container'>; readonly untilMs: number} {
  const subject = `${slot.want.service.name}.${slot.slot}`;
  if (newest === undefined) return {action: runAction(slot, undefined, 0, `${subject} is missing`), untilMs: nowMs};
  if (newest.state === 'running') return {action: runAction(slot, newest, 0, newest.drift === undefined ? `a restart of ${subject} was asked for` : `${subject} ${newest.drift}`), untilMs: nowMs};
  if (newest.state === 'created' && newest.error === undefined) {
    // Made, but a crash came before the start: the same container is started.
    return {action: {...runAction(slot, newest, newest.failures, `${subject} was made but never started`), name: newest.name, attempt: newest.attempt}, untilMs: nowMs};
  }
  if (newest.createdAtMs < slot.want.sinceMs) return {action: runAction(slot, newest, 0, slot.want.isCandidate ? `${subject} is to be tried anew` : `${subject} ${howItEnded(newest)}`), untilMs: nowMs};
  const endedAtMs = newest.state === 'exited' ? newest.finishedAtMs : newest.createdAtMs;
  const upMs = newest.state === 'exited' ? newest.finishedAtMs - newest.startedAtMs : 0;
  const failures = upMs >= CLEAN_SLATE_MS ? 1 : newest.failures + 1;
  return {action: runAction(slot, newest, failures, `${subject} ${howItEnded(newest)}`), untilMs: endedAtMs + pauseMs(failures)};
}

function runAction({app, want, slot, subnet}: Slot & Networked, previous: ObservedContainer | undefined, failures: number, reason: string): ActionOf<'run-container'> {
  const attempt = previous === undefined ? 0 : previous.attempt + 1;
  const {service, release} = want;
  return {kind: 'run-container', name: containerName({app, service, slot, attempt}), app, service, release, slot, attempt, failures, subnet, reason};
}

/** Unique and the same each time it is computed: a repeated start finds the container of the first one. */
export function containerName({app, service, slot, attempt}: {app: AppName; service: DesiredService; slot: number; attempt: number}): string {
  return `${slotName({app, service, slot})}-${attempt}`;
}

function slotName({app, service, slot}: {app: AppName; service: DesiredService; slot: number}): string {
  return `${app}.${service.name}.${slot}-${service.specHash.slice(0, 8)}`;
}

