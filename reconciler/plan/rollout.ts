import type {DesiredService} from '../desired/state.ts';
import type {ObservedContainer, ObservedState} from '../observed/state.ts';
import {isBusy} from './busy.ts';
import {imageHere} from './images.ts';
import type {Phase} from './phase.ts';
import {isInNames, targetOf} from './routed.ts';
import {isHealthy} from './health.ts';
import {type Wanted} from './slots.ts';

/**
 * Spec by spec, which slots are to be filled and which of them may have traffic: those of what serves, and beside them those of a deploy
 * in progress, as far as its strategies have come. How far that is follows from what is seen alone, so a reconciler that starts in the
 * middle goes on from there.
 */
export function wantedSpecs(phase: Phase, {isHeld, containers, observed}: Around): readonly Wanted[] {
  const serving = phase.serving?.services ?? [];
  const release = phase.serving?.release ?? 0;
  /** It was suspended when it last served: nothing of it is started for the moments until its successor is up. */
  const isDormant = phase.serving?.isSuspended === true;
  if (phase.kind === 'suspended') return [];
  if (phase.kind !== 'deploying' && phase.kind !== 'new') {
    if (isDormant) return [];
    // What made room for a release that has failed comes back at once, whatever it failed of before.
    const sinceMs = phase.kind === 'failed' ? phase.deploy.startedAtMs : 0;
    return serving.map((service) => whole(service, {release, sinceMs, isCandidate: false}));
  }
  if (isHeld) return isDormant ? [] : serving.map((service) => whole(service, {release, sinceMs: 0, isCandidate: false}));
  const {candidate} = phase;
  // A new deploy starts its containers while it is being noted that it begins: whichever is done first, the next pass goes on from there.
  const sinceMs = phase.kind === 'new' ? observed.nowMs : phase.deploy.startedAtMs;
  const pairs = candidate.services.map((service): Pair => ({service, before: serving.find(({name}) => name === service.name)}));
  const changed = pairs.filter(({service, before}) => service.specHash !== before?.specHash).map((pair) => look(pair, {sinceMs, isDormant, containers, observed}));
  const isBegun = phase.kind === 'deploying';
  // Then it is written down first, and the rest of the traffic follows from that.
  const isComplete = changed.every(({service, up}) => range(service.replicas).every((slot) => up.has(slot)));
  const gate: Gate = {
    isBegun,
    isCanary: isBegun && phase.deploy.canary !== undefined,
    isOpen: isBegun && !isComplete && changed.every(isSound),
    isOpenForStops: isBegun && changed.filter(({service}) => service.strategy.kind !== 'stop-first').every(isSound),
  };
  return [
    ...serving.filter(({name}) => !isDormant && !candidate.services.some((service) => service.name === name)).map((service) => whole(service, {release, sinceMs, isCandidate: false})),
    // A service that the deploy leaves as it is keeps the larger number until the deploy has ended: capacity is never lowered by one.
    ...pairs.flatMap(({service, before}) => (before?.specHash === service.specHash
      ? [whole({...service, replicas: Math.max(service.replicas, before.replicas)}, {release: candidate.release ?? 0, sinceMs, isCandidate: true})]
      : [])),
    ...changed.flatMap((replacement) => replace(replacement, gate, {sinceMs, release, candidateRelease: candidate.release ?? 0})),
  ];
}

interface Around {
  /** Nothing of a new release may start yet. */
  readonly isHeld: boolean;
  /** Of the app. */
  readonly containers: readonly ObservedContainer[];
  readonly observed: ObservedState;
}

/** One service's new spec, and the one that serves; absent: it takes nobody's place. */
interface Pair {
  readonly service: DesiredService;
  readonly before: DesiredService | undefined;
}

/** What is seen of a replacement: sets of slots. */
interface Replacement extends Pair {
  /** A container of the new spec is in it, of this deploy or still running from an earlier one. */
  readonly begun: ReadonlySet<number>;
  /** The new one works; after a restart of the reconciler: it has traffic. */
  readonly up: ReadonlySet<number>;
  readonly inNames: ReadonlySet<number>;
  /** The new one runs and has not been looked at yet: nothing is changed because of that. */
  readonly unsure: ReadonlySet<number>;
  readonly oldRuns: ReadonlySet<number>;
  /** What the old spec has until somebody takes it. */
  readonly oldSlots: ReadonlySet<number>;
  readonly isDormant: boolean;
  readonly hasImage: boolean;
}

/**
 * Whether traffic may move, and old replicas go. One service's may only when the first turn of every service is healthy: a release whose
 * worker crashes takes nothing from its web. A small app is replaced in one turn, so there all checks pass before anything stops.
 */
interface Gate {
  /** It is written down that the deploy has begun. */
  readonly isBegun: boolean;
  /** It is written down that canaries get a part of the requests. */
  readonly isCanary: boolean;
  readonly isOpen: boolean;
  /** For services that have to stop before they start: when everything else that can be tried without them was tried. */
  readonly isOpenForStops: boolean;
}

function whole(service: DesiredService, rest: Pick<Wanted, 'release' | 'sinceMs' | 'isCandidate'>): Wanted {
  const slots = range(service.replicas);
  return {service, slots, routed: slots, isExclusive: isExclusive(service), ...rest};
}

/** One slot never has two containers, not even of two specs: both would have its volume or its port. */
function isExclusive(service: DesiredService | undefined): boolean {
  // A last good one that an older version wrote down has no strategy.
  return (service?.strategy as DesiredService['strategy'] | undefined)?.kind === 'stop-first';
}

interface Seen {
  readonly sinceMs: number;
  readonly isDormant: boolean;
  readonly containers: readonly ObservedContainer[];
  readonly observed: ObservedState;
}

function look({service, before}: Pair, {sinceMs, isDormant, containers, observed}: Seen): Replacement {
  const ofService = containers.filter((container) => container.service === service.name);
  const slotsOf = (isMeant: (container: ObservedContainer) => boolean) => new Set(ofService.filter(isMeant).map(({slot}) => slot));
  const isNew = ({specHash}: ObservedContainer) => specHash === service.specHash;
  const isUnknown = (container: ObservedContainer) => container.state === 'running' && container.health.state === 'unknown';
  const isNamed = (container: ObservedContainer) => {
    const target = targetOf(container);
    return target !== undefined && isInNames(target, observed);
  };
  const oldRuns = slotsOf((container) => container.specHash === before?.specHash && container.state === 'running');
  return {
    service,
    before,
    begun: slotsOf((container) => isNew(container) && (container.state === 'running' || container.createdAtMs >= sinceMs)),
    up: slotsOf((container) => isNew(container) && !isBusy(container, observed) && (isHealthy(container) || (isUnknown(container) && isNamed(container)))),
    inNames: slotsOf((container) => isNew(container) && isNamed(container)),
    unsure: slotsOf((container) => isNew(container) && isUnknown(container)),
    oldRuns,
    oldSlots: new Set(range(before?.replicas ?? 0).filter((slot) => !isDormant || oldRuns.has(slot))),
    isDormant,
    hasImage: imageHere(service.container.image, observed) !== undefined,
  };
}

function isSound({service, up}: Replacement): boolean {
  const {strategy, replicas} = service;
  const first = 'batch' in strategy ? Math.min(strategy.batch, replicas) : replicas;
  return range(first).every((slot) => up.has(slot));
}

function replace(replacement: Replacement, gate: Gate, {sinceMs, release, candidateRelease}: {readonly sinceMs: number; readonly release: number; readonly candidateRelease: number}): readonly Wanted[] {
  const {service, before} = replacement;
  const {next, routed, old} = turns(replacement, gate);
  // The new manifest's word counts: it is for its spec that there may be one only.
  const exclusive = isExclusive(service);
  return [
    ...(before === undefined ? [] : [{service: before, slots: old, routed: old, isExclusive: exclusive, release, sinceMs, isCandidate: false}]),
    {service, slots: next, routed, isExclusive: exclusive, release: candidateRelease, sinceMs, isCandidate: true},
  ];
}

interface Turns {
  /** Slots that the new spec fills. */
  readonly next: readonly number[];
  /** Those of them that may have traffic. */
  readonly routed: readonly number[];
  /** Slots that the old spec keeps. */
  readonly old: readonly number[];
}

function turns(replacement: Replacement, gate: Gate): Turns {
  const {service: {strategy, replicas}, oldSlots, isDormant, up} = replacement;
  switch (strategy.kind) {
    // The traffic moves when the deploy is healthy, and that is what serves then.
    case 'all-at-once':
    case 'blue-green': return {next: range(replicas), routed: [], old: [...oldSlots]};
    // After a suspension there is nothing to roll over.
    case 'canary': return {next: range(replicas), routed: gate.isCanary ? [...up] : [], old: [...oldSlots]};
    case 'rolling': return isDormant ? {next: range(replicas), routed: [], old: [...oldSlots]} : rolling(replacement, gate, strategy.batch);
    case 'stop-first': return stopFirst(replacement, gate, strategy.batch);
  }
}

/** The new one of a slot starts when fewer than `batch` before it are not healthy yet; the old one goes when its successor is. */
function rolling(replacement: Replacement, {isOpen}: Gate, batch: number): Turns {
  const {begun, up, inNames, unsure, oldRuns, oldSlots} = replacement;
  const next = inTurn(replacement, batch).filter(({slot, isItsTurn}) => isItsTurn || begun.has(slot)).map(({slot}) => slot);
  // Once an old one has gone, whatever made it go, its healthy successor has its place: what happens to others does not take it back.
  const hasPlace = (slot: number) => up.has(slot) && (isOpen || inNames.has(slot) || (oldSlots.has(slot) && !oldRuns.has(slot)));
  return {
    next,
    // A service that takes nobody's place has time until all of the release is healthy.
    routed: oldSlots.size === 0 ? [] : next.filter(hasPlace),
    old: [...oldSlots].filter((slot) => !(hasPlace(slot) && next.includes(slot)) && !(unsure.has(slot) && !oldRuns.has(slot))),
  };
}

/** As rolling, but the old one of a slot goes first. Once the new one has begun, the slot is its own. */
function stopFirst(replacement: Replacement, {isBegun, isOpenForStops}: Gate, batch: number): Turns {
  const {begun, oldSlots, hasImage} = replacement;
  const next = inTurn(replacement, batch)
    .filter(({slot, isItsTurn}) => begun.has(slot) || (isBegun && isItsTurn && (!oldSlots.has(slot) || (isOpenForStops && hasImage))))
    .map(({slot}) => slot);
  return {next, routed: next, old: [...oldSlots].filter((slot) => !next.includes(slot))};
}

/** Slots that take nobody's place are free to start; of the others at most `batch` are under way. */
function inTurn({service, oldSlots, up}: Replacement, batch: number): readonly {readonly slot: number; readonly isItsTurn: boolean}[] {
  let underWay = 0;
  return range(service.replicas).map((slot) => {
    if (!oldSlots.has(slot) || up.has(slot)) return {slot, isItsTurn: true};
    const isItsTurn = underWay < batch;
    underWay += 1;
    return {slot, isItsTurn};
  });
}

function range(count: number): readonly number[] {
  return Array.from({length: count}, (_, index) => index + 1);
}
