import type {Action} from '../../reconciler/plan/action.ts';
import type {ObservedContainer, ObservedState} from '../../reconciler/observed/state.ts';
import {replicasWanted} from '../../reconciler/plan/room.ts';
import type {SimulatedNode} from './world.ts';

// What holds at every moment, whatever fails; see `faults.test.ts`.

/** What a seed's strategies allow. */
export interface Rules {
  readonly isExclusive: boolean;
  readonly mayStopFirst: boolean;
}

/** What an action would break that is about to be carried out. */
export function brokenBy(action: Action, observed: ObservedState, {node, mayStopFirst}: Rules & {readonly node: SimulatedNode}): readonly string[] {
  if (observed.router.state !== 'ready') return [];
  const before = distinct([...observed.router.names.values()].flat().map(({address}) => address));
  if (action.kind === 'stop-container') {
    const victim = observed.containers.find(({id}) => id === action.id);
    if (victim?.state !== 'running' || victim.health.state === 'unhealthy') return [];
    return before.includes(victim.address ?? '') ? [`(1) stops ${victim.name}, which has traffic: ${action.reason}`] : [];
  }
  const [placed] = node.desired().apps;
  if (action.kind !== 'publish-names' || mayStopFirst || placed?.state !== 'resolved' || placed.isSuspended === true) return [];
  const after = distinct([...action.names.values()].flat().map(({address}) => address));
  const taken = observed.containers.filter((container) => isWell(container) && before.includes(container.address) && !after.includes(container.address));
  const wanted = placed.services[0]?.replicas ?? 0;
  // What was scaled down, and was wanted so when it was marked healthy, may go although somebody wants it back by now.
  const [last] = node.lastGood()?.services ?? [];
  const enough = Math.min(before.length, wanted, last === undefined ? 0 : replicasWanted(last));
  return taken.length > 0 && after.length < enough ? [`(2) takes traffic from ${taken.length} healthy replicas and leaves ${after.length} of ${enough}`] : [];
}

function isWell(container: ObservedContainer): container is ObservedContainer & {state: 'running'; address: string} {
  return container.state === 'running' && container.health.state === 'healthy' && container.drift === undefined && container.address !== undefined;
}

/** Two containers where there must be one: of a slot and a spec, or of a slot alone. What was changed by hand, or is to be replaced, doesn't count, but for stop-first. */
export function duplicates(observed: ObservedState, {isExclusive, node}: Rules & {readonly node: SimulatedNode}): readonly string[] {
  const isToGo = ({service, slot, createdAtMs, ...container}: ObservedContainer) => ('drift' in container && container.drift !== undefined) || node.notes.some((note) => note.service === service && note.slot === slot && createdAtMs < note.atMs);
  const running = observed.containers.filter((container) => container.state === 'running' && (isExclusive || !isToGo(container)));
  const bySlot = Map.groupBy(running, ({service, slot, specHash}) => `${service}.${slot}${isExclusive ? '' : ` ${specHash}`}`);
  return [...bySlot].filter(([, containers]) => containers.length > 1).map(([slot, containers]) => `(3) ${containers.length} containers in ${slot}`);
}

/** How what runs differs from what is wanted, once nothing fails any more. Asked of the engine, not of the planner. */
export async function notExact(node: SimulatedNode): Promise<readonly string[]> {
  const [wanted] = node.wanted;
  if (wanted?.state !== 'resolved') return [];
  const isGood = wanted.services.every(({specHash, replicas}) => replicas === 0 || ['good', 'slow'].includes(node.kinds.get(specHash) ?? '') || (node.kinds.get(specHash) === 'partly' && replicas === 1));
  const serving = wanted.isSuspended === true ? undefined : isGood ? wanted : node.lastGood();
  const expected = (serving?.services ?? []).flatMap(({name, specHash}) => {
    const count = wanted.services.find((service) => service.name === name)?.replicas ?? 0;
    return Array.from({length: count}, (_, slot) => `${specHash} ${slot + 1} healthy`);
  });
  const observed = await node.observe();
  const running = observed.containers.flatMap((container) => (container.state === 'running' ? [`${container.specHash} ${container.slot} ${container.health.state}`] : []));
  const routed = distinct([...node.names.values()].flat().map(({address}) => address)).filter((address) => !address.startsWith('127.')).length;
  const webs = expected.filter((one) => one.startsWith('v')).length;
  return [
    ...(running.toSorted().join() === expected.toSorted().join() ? [] : [`(4) runs ${running.toSorted().join()} instead of ${expected.toSorted().join()}`]),
    ...(routed === webs ? [] : [`(4) routes to ${routed} replicas instead of ${webs}`]),
  ];
}

/** A replica may be in a name several times, for its share of the requests. */
function distinct(addresses: readonly string[]): readonly string[] {
  return [...new Set(addresses)];
}
