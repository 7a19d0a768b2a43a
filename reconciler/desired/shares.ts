import type {ManifestFile} from '../checkout/snapshot.ts';
import {capacitiesOf, type Machine, type NodeCapacity} from './nodes.ts';
import {place} from './place.ts';
import type {DesiredApp, Need} from './state.ts';

/** What one node has of all replicas. */
export interface NodeShare {
  readonly node: string;
  readonly before: Load;
  readonly after: Load;
  /** What it can give to all. Absent: nobody has said so. */
  readonly capacity?: Need;
}

/** Replicas, and what they may use at most. */
export interface Load extends Need {
  readonly replicas: number;
}

/** Of all nodes that one of the two states has, by `place`: what the nodes themselves will compute. */
export function sharesOf(before: {readonly apps: readonly DesiredApp[]; readonly nodes: readonly NodeCapacity[]}, after: typeof before): readonly NodeShare[] {
  const names = [...new Set([...before.nodes, ...after.nodes].map(({node}) => node))].toSorted();
  return names.map((node) => {
    const capacity = after.nodes.find((one) => one.node === node);
    const isKnown = capacity !== undefined && Number.isFinite(capacity.memoryBytes) && Number.isFinite(capacity.cpus);
    return {node, before: loadOf(before, node), after: loadOf(after, node), ...(isKnown && {capacity: {memoryBytes: capacity.memoryBytes, cpus: capacity.cpus}})};
  });
}

/** The nodes that a repository has, with what their manifests say or what their machines are known to have. */
export function nodesOf(shared: readonly ManifestFile[], machines: readonly Machine[] | undefined): readonly NodeCapacity[] {
  const named = shared.flatMap(({path}) => /^nodes\/([^/]+)\.yaml$/.exec(path)?.[1] ?? []).map((node): Machine => ({node, memoryBytes: Infinity, cpus: Infinity}));
  const known = capacitiesOf(shared, machines ?? named);
  return known.ok ? known.value : [];
}

/** Of replicas, by app: how many no node has room for, and what they wait for. */
export function unplacedOf({apps, nodes}: {readonly apps: readonly DesiredApp[]; readonly nodes: readonly NodeCapacity[]}): ReadonlyMap<string, readonly {readonly service: string; readonly replicas: number; readonly on: string}[]> {
  if (nodes.length === 0) return new Map();
  return new Map(place(apps, nodes, nodes[0]?.node ?? '').apps.flatMap((app) => {
    const waiting = app.state === 'resolved' ? app.services.flatMap(({name, unplaced}) => (unplaced === undefined ? [] : [{service: name, ...unplaced}])) : [];
    return waiting.length === 0 ? [] : [[app.name, waiting] as const];
  }));
}

/** What all replicas together may use at most. */
export function costOf(apps: readonly DesiredApp[]): Load {
  const all = apps.flatMap((app) => (app.state === 'resolved' && app.isSuspended !== true ? app.services : []));
  const sum = (of: (service: (typeof all)[number]) => number) => Math.round(all.reduce((total, service) => total + of(service) * service.replicas, 0) * 1000) / 1000;
  return {replicas: sum(() => 1), memoryBytes: sum(({container}) => container.memoryBytes), cpus: sum(({container}) => container.cpus)};
}

function loadOf({apps, nodes}: {readonly apps: readonly DesiredApp[]; readonly nodes: readonly NodeCapacity[]}, node: string): Load {
  return nodes.some((one) => one.node === node) ? costOf(place(apps, nodes, node).apps) : {replicas: 0, memoryBytes: 0, cpus: 0};
}
