import type {Diagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest} from '../../schemas/load.ts';
import {RESERVE_DEFAULT} from '../../schemas/node.ts';
import {bytesOf} from '../../schemas/quantity.ts';
import type {RequestsManifest} from '../../schemas/requests.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import type {Need} from './state.ts';

/** A live node, and what its machine has. */
export interface Machine extends Need {
  readonly node: string;
}

/** What a node can give to all replicas together: what its manifest says, else what the machine has less a reserve. */
export interface NodeCapacity extends Need {
  readonly node: string;
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

function capacityOf({node, memoryBytes, cpus}: Machine, manifest: {readonly capacity?: RequestsManifest; readonly reserve?: RequestsManifest} | undefined): NodeCapacity {
  const {capacity = {}, reserve = {}} = manifest ?? {};
  const kept = needOf({...RESERVE_DEFAULT, ...reserve});
  return {
    node,
    memoryBytes: capacity.memory === undefined ? Math.max(0, memoryBytes - kept.memoryBytes) : bytesOf(capacity.memory),
    cpus: capacity.cpus ?? Math.max(0, cpus - kept.cpus),
  };
}
