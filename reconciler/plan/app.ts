import type {ServiceName} from '../../schemas/ids.ts';
import type {ClosedNode, DesiredApp, DesiredRoute, ErrorPages} from '../desired/state.ts';
import type {ObservedContainer, ObservedState, Target} from '../observed/state.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {canariesOf, copiesFor, weightOf} from './canary.ts';
import {planCrons} from './cron.ts';
import {heldPhase, onNode, waitsForNode} from './cordon.ts';
import {planDeploy} from './deploy.ts';
import {fateOfImage, planMissingImage} from './images.ts';
import {KEPT_EXITED_MAX} from './limits.ts';
import {phaseOf, type Phase} from './phase.ts';
import {isHeldByReleaseJob, retireReleaseJobs} from './release-job.ts';
import {retireAll} from './retire.ts';
import {waitsForRoom} from './room.ts';
import {isBusy} from './busy.ts';
import {wantedSpecs} from './rollout.ts';
import {byAddress, isInNames, routedTargets, targetOf} from './routed.ts';
import {isHealthy} from './health.ts';
import {shared} from './shares.ts';
import {planSlots, type SlotPlan, type Wanted} from './slots.ts';
import {waitsForPorts, type RoutedPort} from './tcp.ts';

export interface AppPlan extends Plan {
  readonly routes: readonly RoutedPath[];
  readonly ports: readonly RoutedPort[];
}

/** A route and the replicas that may get its requests now. */
export interface RoutedPath extends DesiredRoute {
  readonly app: DesiredApp['name'];
  /** It is of the last good manifests of an app whose present ones are wrong, perhaps for claiming this very route. */
  readonly isHeld: boolean;
  /** One that is there several times gets as many times the requests. */
  readonly targets: readonly Target[];
  /** Of the app. Absent: none. */
  readonly errorPages?: ErrorPages;
}

/** What there is of an app on this node. */
export interface AppHere {
  readonly containers: readonly ObservedContainer[];
  /** This node, when it starts nothing new. */
  readonly closed: ClosedNode | undefined;
}

/** Plans one app, whatever the others do: nothing here reads another app's state. */
export function planApp(app: DesiredApp, {containers, closed}: AppHere, observed: ObservedState): AppPlan {
  const wish = phaseOf(app, observed.journal.get(app.name));
  const phase = heldPhase(wish, closed);
  const isHeld = isHeldByReleaseJob(phase, observed.journal.get(app.name)?.deploy, observed);
  const wanted = wantedSpecs(phase, {isHeld, containers, observed});
  const slots = wanted.map((want) => planSlots(app.name, want, containers, observed));
  const holders = new Set(slots.flatMap(({kept}) => kept));
  const standIns = slots.filter(({want}) => !want.isCandidate || phase.serving?.services.some(({specHash}) => specHash === want.service.specHash))
    .flatMap((slot) => standInsFor(slot, containers.filter((container) => !holders.has(container)), observed));
  // A deploy that is about to begin may find its containers there already: it decides about them, not this pass.
  const next = new Set(phase.kind === 'new' ? phase.candidate.services.map(({specHash}) => specHash) : []);
  const unwanted = containers.filter((container) => !holders.has(container) && !standIns.includes(container) && !next.has(container.specHash));
  const kept = keptForReturn(phase, unwanted, observed);
  const surplus = unwanted.filter((container) => !kept.has(container));

  const deploy = planDeploy(app, phase, slots, observed);
  const isFailing = deploy.actions.some((action) => action.kind === 'write-deploy' && action.deploy.state === 'failed');
  const cronImage = phase.serving?.crons?.[0]?.container.image;
  const crons = planCrons({
    name: app.name, serving: phase.serving, isSuspended: phase.kind === 'suspended' || phase.serving?.isSuspended === true,
    ...(cronImage !== undefined && {image: fateOfImage(phase.serving, cronImage, {app, observed})}),
  }, observed);
  const parts: readonly Plan[] = [
    planMissingImage(app, phase, observed),
    deploy,
    {actions: [], waiting: [...waitsForNode(app.name, wish, closed), ...waitsForRoom(app), ...waitsForPorts(app)]},
    // What has just failed is not given another try on the way out.
    ...slots.filter(({want}) => !(isFailing && want.isCandidate)).map((slot) => withoutNeedlessStarts(slot, phase, standIns)),
    {actions: [], waiting: standIns.map(({service, slot, release}) => ({app: app.name, subject: `${service}.${slot} (v${release})`, on: 'the replica that it stands in for'}))},
    {actions: retireReleaseJobs(app, phase, observed), waiting: []},
    {actions: [], waiting: [...kept].map(([{service, slot, release}, untilMs]) => ({app: app.name, subject: `${service}.${slot} (v${release})`, on: 'the time for going back, in which blue-green keeps it', untilMs}))},
    crons,
    retireAll(surplus, {reason: reasonToGo(phase, {wanted, closed}), observed, keepExited: KEPT_EXITED_MAX}),
  ];
  return {
    actions: parts.flatMap((part): readonly Action[] => part.actions),
    waiting: parts.flatMap((part): readonly Waiting[] => part.waiting),
    ...(crons.lookAgainAtMs !== undefined && {lookAgainAtMs: crons.lookAgainAtMs}),
    routes: routesOf({app, phase, slots, standIns}, observed),
    ports: portsOf({app, phase, slots, standIns}, observed),
  };
}

function reasonToGo(phase: Phase, {wanted, closed}: {readonly wanted: readonly Wanted[]; readonly closed: ClosedNode | undefined}): (container: ObservedContainer) => string {
  const isDeploying = phase.kind === 'new' || phase.kind === 'deploying';
  const successor = isDeploying ? phase.candidate : phase.serving;
  return (container) => {
    if (phase.kind === 'suspended' || (!isDeploying && phase.serving?.isSuspended === true)) return 'the app is suspended';
    const want = wanted.find(({service}) => service.specHash === container.specHash);
    if (closed?.state === 'drained' && want !== undefined) return `it gives way: ${onNode(closed)}`;
    if (want?.service.unplaced !== undefined && container.slot > want.service.replicas) return `it gives way: ${want.service.unplaced.on}`;
    const renewal = want?.service.renew?.find(({slot}) => slot === container.slot);
    if (renewal !== undefined && container.createdAtMs < renewal.atMs) return `a restart of ${container.service}.${container.slot} was asked for`;
    if (want?.slots.includes(container.slot) === true) return 'another container has its place';
    if (want !== undefined && container.slot > want.service.replicas) return `more than ${want.service.replicas} wanted`;
    if (phase.kind === 'failed' && phase.deploy.specKey !== phase.serving?.specKey && container.release === phase.deploy.release) return `${phase.isRestart ? 'the restart' : `release v${container.release}`} failed`;
    const isSuperseded = isDeploying && phase.serving !== undefined && want === undefined;
    return `${isSuperseded ? 'superseded' : 'replaced'} by ${successor?.release === container.release ? 'a newer configuration' : `release v${successor?.release ?? '?'}`}`;
  };
}

/**
 * Replicas that nobody wants any more but that have traffic and are healthy, as many as the wanted ones are short of:
 * neither a deploy nor scaling down takes capacity away while what is to stay is ill.
 */
function standInsFor({want, healthy}: SlotPlan, surplus: readonly ObservedContainer[], observed: ObservedState): readonly ObservedContainer[] {
  const missing = want.slots.length - healthy;
  // Who has the only volume or port can't be stood in for: the wanted one waits for its end.
  if (missing <= 0 || want.isExclusive) return [];
  const able = surplus.filter((container) => {
    const target = targetOf(container);
    return container.service === want.service.name && isHealthy(container) && !isBusy(container, observed) && target !== undefined && isInNames(target, observed);
  });
  return able.toSorted((a, b) => b.release - a.release || a.slot - b.slot).slice(0, missing);
}

/** What blue-green has replaced a short while ago, and until when it stays. */
function keptForReturn(phase: Phase, unwanted: readonly ObservedContainer[], {nowMs}: ObservedState): ReadonlyMap<ObservedContainer, number> {
  const untilMs = new Map(phase.kind === 'steady' ? phase.kept.map((kept) => [kept.specHash, kept.untilMs]) : []);
  const isFit = (container: ObservedContainer) => container.state === 'running' && container.health.state !== 'unhealthy' && container.drift === undefined;
  return new Map(unwanted.filter(isFit).map((container) => [container, untilMs.get(container.specHash) ?? 0] as const).filter(([, until]) => nowMs < until));
}

/** A deploy that took the place of another one in its midst: for the moments until the newest has come so far, old replicas are not started anew. */
function withoutNeedlessStarts(slot: SlotPlan, phase: Phase, standIns: readonly ObservedContainer[]): Plan {
  const isOld = (phase.kind === 'deploying' || phase.kind === 'new') && !slot.want.isCandidate;
  const count = isOld ? standIns.filter(({service}) => service === slot.want.service.name).length : 0;
  if (count === 0) return slot;
  const starts = slot.actions.filter(({kind}) => kind === 'run-container').slice(-count);
  return {actions: slot.actions.filter((action) => !starts.includes(action)), waiting: slot.waiting};
}

interface Routing {
  readonly app: DesiredApp;
  readonly phase: Phase;
  readonly slots: readonly SlotPlan[];
  readonly standIns: readonly ObservedContainer[];
}

function routesOf({app, phase, slots, standIns}: Routing, observed: ObservedState): readonly RoutedPath[] {
  const shown = phase.kind === 'suspended' ? phase.wanted : phase.serving;
  if (shown === undefined) return [];
  // Of the newest manifests that are right: what serves may be older ones.
  const {isInMaintenance, errorPages} = app.state === 'resolved' ? app : shown;
  // Once a service: an app may have a thousand routes.
  const known = new Map<ServiceName, readonly Target[]>();
  const targets = (service: ServiceName) => {
    const found = known.get(service) ?? targetsOf(service, {phase, slots, standIns}, observed);
    known.set(service, found);
    return found;
  };
  return shown.routes.map((route): RoutedPath => {
    const base = {...route, app: shown.name, isHeld: phase.kind === 'invalid', ...(errorPages && {errorPages})};
    if (isInMaintenance === true || phase.kind === 'suspended') return {...base, targets: observed.router.state === 'ready' ? [observed.router.maintenance] : []};
    const shares = route.split?.shares ?? (route.service === undefined ? [] : [{service: route.service, weight: 1}]);
    return {...base, targets: shared(shares.map(({service, weight}) => ({weight, targets: targets(service)})))};
  });
}

/** The replicas of a service that may get requests; while canaries are tried, each as often as its share asks for. */
function targetsOf(service: ServiceName, {phase, slots, standIns}: Omit<Routing, 'app'>, observed: ObservedState): readonly Target[] {
  const ofService = slots.filter(({want}) => want.service.name === service);
  const targets = (isMeant: (want: Wanted) => boolean, others: readonly ObservedContainer[]) =>
    routedTargets([...ofService.filter(({want}) => isMeant(want)).flatMap(({want, kept}) => kept.filter(({slot}) => want.routed.includes(slot))), ...others], observed);
  const standing = standIns.filter((container) => container.service === service);
  const percent = canaryPercent(service, phase);
  if (percent === undefined) return targets(() => true, standing);
  return weighted(percent, {fresh: targets(({isCandidate}) => isCandidate, []), old: targets(({isCandidate}) => !isCandidate, standing)});
}

/** Connections are dealt out without weights: canaries get them as all others do. Nobody answers them in maintenance. */
function portsOf({app, phase, slots, standIns}: Routing, observed: ObservedState): readonly RoutedPort[] {
  const shown = phase.kind === 'suspended' ? phase.wanted : phase.serving;
  const isClosed = phase.kind === 'suspended' || (app.state === 'resolved' ? app : shown)?.isInMaintenance === true;
  return (shown?.tcp ?? []).map((route): RoutedPort => {
    const kept = slots.filter(({want}) => want.service.name === route.service).flatMap(({want, kept: all}) => all.filter(({slot}) => want.routed.includes(slot)));
    return {
      ...route,
      app: app.name,
      isHeld: phase.kind === 'invalid',
      replicas: shown?.services.find(({name}) => name === route.service)?.replicas ?? 0,
      targets: isClosed ? [] : routedTargets([...kept, ...standIns.filter(({service}) => service === route.service)], observed),
    };
  });
}

/** Percent of the requests that go to the new replicas of a service; undefined where they are not canaries. */
function canaryPercent(service: string, phase: Phase): number | undefined {
  if (phase.kind !== 'deploying' || phase.deploy.canary === undefined) return undefined;
  const canary = canariesOf(phase.candidate, phase.serving).find(({name}) => name === service);
  return canary && weightOf(canary.strategy, phase.deploy.canary.step);
}

/** The same targets as often as their share asks for. */
function weighted(percent: number, {fresh, old}: {readonly fresh: readonly Target[]; readonly old: readonly Target[]}): readonly Target[] {
  if (fresh.length === 0 || old.length === 0 || percent >= 100) return fresh.length === 0 ? old : percent >= 100 ? fresh : [...fresh, ...old].toSorted(byAddress);
  const copies = copiesFor(percent, {fresh: fresh.length, old: old.length});
  const repeat = (targets: readonly Target[], times: number) => targets.flatMap((target) => Array.from({length: times}, () => target));
  return [...repeat(fresh, copies.fresh), ...repeat(old, copies.old)].toSorted(byAddress);
}
