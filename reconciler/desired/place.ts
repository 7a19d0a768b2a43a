import {PRIORITIES} from '../../schemas/requests.ts';
import type {AppName} from '../../schemas/ids.ts';
import {hashOf} from './hash.ts';
import type {NodeCapacity} from './nodes.ts';
import {fits, minus, whyNot, type Room} from './room.ts';
import type {DesiredApp, DesiredService, Need, NodeRoom} from './state.ts';

export interface Placement {
  /** With the replicas that `me` runs, and those that no node has room for. Apps without requests are the same objects, unless `me` is drained. */
  readonly apps: readonly DesiredApp[];
  /** What is left. */
  readonly nodes: readonly NodeRoom[];
}

/**
 * Where each replica runs: a pure function of what is wanted and of the live nodes, so that every node computes the same and none has to
 * be asked. Higher classes choose first, so a lower one gives way where room is short. Within a class all first replicas choose before the second ones
 * do, then names decide: scaling one app up never takes the last replica from another one of its class.
 *
 * Only requests count, not limits: a service without requests fits everywhere. Nor do the replicas that a deploy runs beside the old ones: they
 * are few and soon gone, and the node's reserve is there for them.
 */
export function place(apps: readonly DesiredApp[], nodes: readonly NodeCapacity[], me: string): Placement {
  const rooms = nodes.map((capacity): Room => ({capacity, free: {memoryBytes: capacity.memoryBytes, cpus: capacity.cpus}}));
  const open = rooms.filter(({capacity}) => capacity.closed !== 'drained');
  const drained = nodes.find(({node, closed}) => node === me && closed === 'drained');
  const here = new Map<DesiredService, number>();
  const unplaced = new Map<DesiredService, {replicas: number; on: string}>();
  for (const slot of slotsOf(apps)) {
    const {service, need} = slot;
    const room = inOrderFor(slot, open).find(({free}) => fits(need, free));
    if (room === undefined) {
      const before = unplaced.get(service);
      unplaced.set(service, {replicas: (before?.replicas ?? 0) + 1, on: before?.on ?? (open.length === 0 && drained !== undefined ? drainedInWords(drained) : whyNot(need, open))});
      continue;
    }
    room.free = minus(room.free, need);
    if (room.capacity.node === me) here.set(service, (here.get(service) ?? 0) + 1);
  }
  return {apps: apps.map((app) => divided(drained === undefined ? app : withoutPlace(app, drained), here, unplaced)), nodes: rooms.map(({capacity, free}): NodeRoom => ({...capacity, free}))};
}

interface Slot {
  readonly app: AppName;
  readonly service: DesiredService;
  readonly slot: number;
  readonly need: Need;
}

function slotsOf(apps: readonly DesiredApp[]): readonly Slot[] {
  const slots = apps.flatMap((app): Slot[] => (app.state === 'invalid' || app.isSuspended === true ? [] : app.services.flatMap((service) => {
    const {requests: need, replicas} = service;
    return need === undefined ? [] : Array.from({length: replicas}, (_, index): Slot => ({app: app.name, service, slot: index + 1, need}));
  })));
  // Sorted by name already, and sorting is stable.
  return slots.toSorted((a, b) => classOf(a) - classOf(b) || a.slot - b.slot);
}

function classOf({service}: Slot): number {
  return PRIORITIES.indexOf(service.priority ?? 'normal');
}

/** Rendezvous hashing: few slots move when a node comes or goes. */
function inOrderFor({app, service, slot}: Slot, rooms: readonly Room[]): readonly Room[] {
  if (rooms.length < 2) return rooms;
  const weights = new Map(rooms.map((room) => [room, hashOf([app, service.name, slot, room.capacity.node])]));
  return rooms.toSorted((a, b) => ((weights.get(a) ?? '') < (weights.get(b) ?? '') ? -1 : 1));
}

/** Services without requests fit everywhere, but not on a node that keeps nothing. */
function withoutPlace(app: DesiredApp, drained: NodeCapacity): DesiredApp {
  if (app.state === 'invalid' || app.isSuspended === true || !app.services.some(({requests, replicas}) => requests === undefined && replicas > 0)) return app;
  return {...app, services: app.services.map((service): DesiredService => {
    const {requests, replicas} = service;
    return requests !== undefined || replicas === 0 ? service : {...service, replicas: 0, unplaced: {replicas, on: drainedInWords(drained)}};
  })};
}

function drainedInWords({node}: NodeCapacity): string {
  return `node ${node} is drained`;
}

function divided(app: DesiredApp, here: ReadonlyMap<DesiredService, number>, unplaced: ReadonlyMap<DesiredService, DesiredService['unplaced'] & object>): DesiredApp {
  if (app.state === 'invalid' || app.isSuspended === true) return app;
  const isWhole = (service: DesiredService) => service.requests === undefined || here.get(service) === service.replicas;
  if (app.services.every(isWhole)) return app;
  return {
    ...app,
    services: app.services.map((service): DesiredService => {
      const missing = unplaced.get(service);
      return isWhole(service) ? service : {...service, replicas: here.get(service) ?? 0, ...(missing && {unplaced: {...missing, replicas: missing.replicas + (service.unplaced?.replicas ?? 0)}})};
    }),
  };
}
