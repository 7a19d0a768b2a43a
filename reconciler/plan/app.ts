import type {DesiredApp, DesiredRoute} from '../desired/state.ts';
import type {ObservedContainer, ObservedState, Target} from '../observed/state.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {planDeploy} from './deploy.ts';
import {KEPT_EXITED_MAX} from './limits.ts';
import {phaseOf, type Phase} from './phase.ts';
import {isHeldByReleaseJob, retireReleaseJobs} from './release-job.ts';
import {retireAll} from './retire.ts';
import {waitsForRoom} from './room.ts';
import {isBusy} from './busy.ts';
import {isInNames, routedTargets, targetOf} from './routed.ts';
import {isHealthy, planSlots, type SlotPlan, type Wanted} from './slots.ts';

export interface AppPlan extends Plan {
  readonly routes: readonly RoutedPath[];
}

/** A route and the replicas that may get its requests now. */
export interface RoutedPath extends DesiredRoute {
  readonly app: DesiredApp['name'];
  /** It is of the last good manifests of an app whose present ones are wrong, perhaps for claiming this very route. */
  readonly isHeld: boolean;
  readonly targets: readonly Target[];
}

/** Plans one app, whatever the others do: nothing here reads another app's state. */
export function planApp(app: DesiredApp, containers: readonly ObservedContainer[], observed: ObservedState): AppPlan {
  const phase = phaseOf(app, observed.journal.get(app.name));
  const gate = isHeldByReleaseJob(phase, observed.journal.get(app.name)?.deploy, observed.nowMs) ? 'shut' : 'open';
  const wanted = wantedSpecs(phase, gate, observed.nowMs);
  const slots = wanted.map((want) => planSlots(app.name, want, containers, observed));
  const holders = new Set(slots.flatMap(({kept}) => kept));
  const standIns = slots.filter(({want}) => !want.isCandidate || phase.serving?.services.some(({specHash}) => specHash === want.service.specHash))
    .flatMap((slot) => standInsFor(slot, containers.filter((container) => !holders.has(container)), observed));
  // A deploy that is about to begin may find its containers there already: it decides about them, not this pass.
  const next = new Set(phase.kind === 'new' ? phase.candidate.services.map(({specHash}) => specHash) : []);
  const surplus = containers.filter((container) => !holders.has(container) && !standIns.includes(container) && !next.has(container.specHash));

  const deploy = planDeploy(app, phase, slots, observed);
  const isFailing = deploy.actions.some((action) => action.kind === 'write-deploy' && action.deploy.state === 'failed');
  const parts: readonly Plan[] = [
    deploy,
    {actions: [], waiting: waitsForRoom(app)},
    // What has just failed is not given another try on the way out.
    ...slots.filter(({want}) => !(isFailing && want.isCandidate)),
    {actions: [], waiting: standIns.map(({service, slot, release}) => ({app: app.name, subject: `${service}.${slot} (v${release})`, on: 'the replica that it stands in for'}))},
    {actions: retireReleaseJobs(app, observed), waiting: []},
    retireAll(surplus, {reason: reasonToGo(phase, wanted), observed, keepExited: KEPT_EXITED_MAX}),
  ];
  return {
    actions: parts.flatMap((part): readonly Action[] => part.actions),
    waiting: parts.flatMap((part): readonly Waiting[] => part.waiting),
    routes: routesOf({app, phase, slots, standIns}, observed),
  };
}

/** Spec by spec, how many replicas: those that serve, and beside them those of a deploy in progress. */
function wantedSpecs(phase: Phase, gate: 'shut' | 'open', nowMs: number): readonly Wanted[] {
  const serving = (phase.serving?.services ?? []).map((service): Wanted => ({service, release: phase.serving?.release ?? 0, sinceMs: 0, isCandidate: false}));
  if ((phase.kind !== 'deploying' && phase.kind !== 'new') || gate === 'shut') return serving;
  // A new deploy starts its containers while it is being noted that it begins: whichever is done first, the next pass goes on from there.
  const {candidate} = phase;
  const sinceMs = phase.kind === 'new' ? nowMs : phase.deploy.startedAtMs;
  const next = candidate.services.map((service): Wanted => ({service, release: candidate.release ?? 0, sinceMs, isCandidate: true}));
  const isUnchanged = (want: Wanted) => next.some(({service}) => service.specHash === want.service.specHash);
  return [
    ...serving.filter((want) => !isUnchanged(want)),
    // A service that the deploy leaves as it is keeps the larger number until the deploy has ended: capacity is never lowered by one.
    ...next.map((want): Wanted => {
      const before = serving.find(({service}) => service.specHash === want.service.specHash);
      return before === undefined ? want : {...want, service: {...want.service, replicas: Math.max(want.service.replicas, before.service.replicas)}};
    }),
  ];
}

function reasonToGo(phase: Phase, wanted: readonly Wanted[]): (container: ObservedContainer) => string {
  return (container) => {
    const want = wanted.find(({service}) => service.specHash === container.specHash);
    if (want?.service.unplaced !== undefined && container.slot > want.service.replicas) return `it gives way: ${want.service.unplaced.on}`;
    if (want !== undefined) return container.slot > want.service.replicas ? `more than ${want.service.replicas} wanted` : 'another container has its place';
    if (phase.kind === 'failed' && phase.deploy.specKey !== phase.serving?.specKey && container.release === phase.deploy.release) return `release v${container.release} failed`;
    return `replaced by ${phase.serving?.release === container.release ? 'a newer configuration' : `release v${phase.serving?.release ?? '?'}`}`;
  };
}

/**
 * Replicas that nobody wants any more but that have traffic and are healthy, as many as the wanted ones are short of:
 * neither a deploy nor scaling down takes capacity away while what is to stay is ill.
 */
function standInsFor({want, healthy}: SlotPlan, surplus: readonly ObservedContainer[], observed: ObservedState): readonly ObservedContainer[] {
  const missing = want.service.replicas - healthy;
  if (missing <= 0) return [];
  const able = surplus.filter((container) => {
    const target = targetOf(container);
    return container.service === want.service.name && isHealthy(container) && !isBusy(container, observed) && target !== undefined && isInNames(target, observed);
  });
  return able.toSorted((a, b) => b.release - a.release || a.slot - b.slot).slice(0, missing);
}

interface Routing {
  readonly app: DesiredApp;
  readonly phase: Phase;
  readonly slots: readonly SlotPlan[];
  readonly standIns: readonly ObservedContainer[];
}

function routesOf({app, phase: {kind, serving}, slots, standIns}: Routing, observed: ObservedState): readonly RoutedPath[] {
  if (serving === undefined) return [];
  // Of the newest manifests that are right: what serves may be older ones.
  const {isInMaintenance} = app.state === 'resolved' ? app : serving;
  return serving.routes.map((route): RoutedPath => {
    const base = {...route, app: serving.name, isHeld: kind === 'invalid'};
    if (isInMaintenance) return {...base, targets: observed.router.state === 'ready' ? [observed.router.maintenance] : []};
    const service = serving.services.find(({name}) => name === route.service);
    const kept = slots.filter(({want}) => want.service.specHash === service?.specHash && want.service.name === service?.name).flatMap((plan) => plan.kept);
    return {...base, targets: routedTargets([...kept, ...standIns.filter((container) => container.service === route.service)], observed)};
  });
}
