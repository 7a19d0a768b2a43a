import type {AppName} from '../../schemas/ids.ts';
import type {ClosedNode, DesiredService, DesiredState, ResolvedApp} from '../desired/state.ts';
import type {ObservedState} from '../observed/state.ts';
import type {Action, Plan, Waiting} from './action.ts';
import type {Phase} from './phase.ts';

/**
 * Where an app stands on a node that starts nothing new: a deploy does not begin, so that its time does not run and nothing old makes way for it. On a drained
 * one what serves has no place either; services whose manifests are right are told so by `place`.
 */
export function heldPhase(phase: Phase, closed: ClosedNode | undefined): Phase {
  if (closed === undefined || phase.kind === 'suspended') return phase;
  const held: Phase = phase.kind === 'new' ? {kind: 'invalid', serving: phase.serving} : phase;
  return closed.state === 'drained' && held.kind === 'invalid' && held.serving !== undefined ? {...held, serving: withoutPlace(held.serving, closed)} : held;
}

/** What is told of a deploy that does not begin. */
export function waitsForNode(app: AppName, phase: Phase, closed: ClosedNode | undefined): readonly Waiting[] {
  if (closed === undefined || phase.kind !== 'new') return [];
  const {release} = phase.candidate;
  return [{app, subject: release === undefined ? 'its configuration' : `release v${release}`, on: onNode(closed)}];
}

/**
 * Takes the starts out of a plan that a closed node doesn't make: containers in places that have none, and jobs. What was there is started again when it ends or was
 * changed by hand, and a deploy that had begun is finished.
 */
export function withoutNewStarts(plan: Plan, {closed}: DesiredState, observed: ObservedState): Plan {
  if (closed === undefined) return plan;
  const held = new Map<Action, Waiting>();
  for (const action of plan.actions) {
    if (action.kind === 'run-job' && !isDeploying(action.app, observed)) held.set(action, {app: action.app, subject: action.job.kind === 'cron' ? action.job.cron : action.job.kind, on: onNode(closed)});
    if (action.kind === 'run-container' && isNew(action, observed)) held.set(action, {app: action.app, subject: `${action.service.name}.${action.slot}`, on: onNode(closed)});
  }
  if (held.size === 0) return plan;
  return {...plan, actions: plan.actions.filter((action) => !held.has(action)), waiting: [...plan.waiting, ...held.values()]};
}

/** `node vm is cordoned` */
export function onNode({node, state}: ClosedNode): string {
  return `node ${node} is ${state}`;
}

function isNew({app, service, slot}: Extract<Action, {kind: 'run-container'}>, observed: ObservedState): boolean {
  if (isDeploying(app, observed)) return false;
  return !observed.containers.some((one) => one.app === app && one.service === service.name && one.slot === slot && one.specHash === service.specHash);
}

function isDeploying(app: AppName, {journal}: ObservedState): boolean {
  return journal.get(app)?.deploy?.state === 'deploying';
}

function withoutPlace(serving: ResolvedApp, closed: ClosedNode): ResolvedApp {
  return {...serving, services: serving.services.map((service): DesiredService => {
    const replicas = service.replicas + (service.unplaced?.replicas ?? 0);
    return replicas === 0 ? service : {...service, replicas: 0, unplaced: {replicas, on: onNode(closed)}};
  })};
}
