import type {DesiredApp, DesiredService, ResolvedApp} from '../desired/state.ts';
import type {Waiting} from './action.ts';

/** Copies that a deploy waits for. Of a batch service, or one beyond a quota, only those that have a place: others may wait for as long as it takes. */
export function replicasAwaited({replicas, unplaced, priority}: DesiredService): number {
  return priority === 'batch' || (unplaced?.isOverQuota === true && replicas > 0) ? replicas : replicas + (unplaced?.replicas ?? 0);
}

/** Copies that git asks for. */
export function replicasWanted({replicas, unplaced}: DesiredService): number {
  return replicas + (unplaced?.replicas ?? 0);
}

/** One wait a service that no node has room for, or no quota. */
export function waitsForRoom(app: DesiredApp): readonly Waiting[] {
  if (app.state === 'invalid') return [];
  return app.services.flatMap(({name, replicas, unplaced}): Waiting[] => {
    if (unplaced === undefined) return [];
    const first = replicas + 1;
    const last = replicas + unplaced.replicas;
    return [{app: app.name, subject: `${name}.${first === last ? first : `${first}-${last}`}`, on: `${unplaced.isOverQuota === true ? 'over quota' : 'room'}: ${unplaced.on}`}];
  });
}

/** What a deploy says that failed for want of room, or of quota. */
export function roomInWords(services: readonly DesiredService[]): string {
  const short = services.find((service) => service.unplaced !== undefined && service.priority !== 'batch');
  return short?.unplaced === undefined ? '' : `; ${short.name} ${short.unplaced.isOverQuota === true ? 'is over quota' : 'has no place'}: ${short.unplaced.on}`;
}

/**
 * What served before, at the scale that there is room for now. How many copies had a place when it was written down says nothing:
 * where git still wants the service and there is room for all of it, it keeps all its copies.
 */
export function asPlaced(lastGood: ResolvedApp | undefined, wanted: DesiredApp): ResolvedApp | undefined {
  if (lastGood === undefined) return undefined;
  const now = new Map(wanted.state === 'invalid' ? [] : wanted.services.map((service) => [service.name, service]));
  if (lastGood.services.every((service) => service.unplaced === undefined && now.get(service.name)?.unplaced === undefined)) return lastGood;
  return {...lastGood, services: lastGood.services.map((service): DesiredService => {
    const {unplaced: _, ...rest} = service;
    const room = now.get(service.name);
    return {...rest, replicas: room?.unplaced === undefined ? replicasWanted(service) : Math.min(replicasWanted(service), room.replicas)};
  })};
}
