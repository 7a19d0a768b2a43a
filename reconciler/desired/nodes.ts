import type {Diagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest} from '../../schemas/load.ts';
import {type NodeManifest, RESERVE_DEFAULT} from '../../schemas/node.ts';
import {bytesOf} from '../../schemas/quantity.ts';
import type {RequestsManifest} from '../../schemas/requests.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import type {Closed, Need} from './state.ts';

/** A live node, and what its machine has. */
export interface Machine extends Need {
  readonly node: string;
}

/** What a node can give to all replicas together: what its manifest says, else what the machine has less a reserve. */
export interface NodeCapacity extends Need {
  readonly node: string;
  /** Nothing new is to start there. Absent: it may. */
  readonly closed?: Closed;
}

/** Fails with the problems of nodes' manifests. A node without one is as its machine is. */
export function capacitiesOf(shared: readonly ManifestFile[], machines: readonly Machine[]): Result<readonly NodeCapacity[], readonly Diagnostic[]> {
  const problems: Diagnostic[] = [];
  const capacities = machines.map((machine): NodeCapacity => {
    const path = `nodes/${machine.node}.yaml`;
    const file = shared.find((one) => one.path === path);
    const loaded = file?.kind === 'text' ? loadManifest('Node', path, file.text) : ok(undefined);
    if (!loaded.ok) problems.push(...loaded.problem);
    return capacityOf(machine, loaded.ok ? loaded.value : undefined);
  });
  return problems.length > 0 ? fail(problems) : ok(capacities);
}

export function needOf({memory, cpus}: RequestsManifest): Need {
  return {memoryBytes: memory === undefined ? 0 : bytesOf(memory), cpus: cpus ?? 0};
}

function capacityOf({node, memoryBytes, cpus}: Machine, manifest: Pick<NodeManifest, 'capacity' | 'reserve' | 'cordon' | 'drain'> | undefined): NodeCapacity {
  const {capacity = {}, reserve = {}, cordon, drain} = manifest ?? {};
  const kept = needOf({...RESERVE_DEFAULT, ...reserve});
  return {
    node,
    memoryBytes: capacity.memory === undefined ? Math.max(0, memoryBytes - kept.memoryBytes) : bytesOf(capacity.memory),
    cpus: capacity.cpus ?? Math.max(0, cpus - kept.cpus),
    ...((cordon === true || drain === true) && {closed: drain === true ? 'drained' as const : 'cordoned' as const}),
  };
}
