import {formatBytes} from '../../schemas/quantity.ts';
import type {Closed, Need, NodeRoom} from './state.ts';

// What fits where, and in words why not: for replicas, and for what runs beside them.

/** A node on its way through a placement. */
export interface Room {
  readonly capacity: Need & {readonly node: string; readonly closed?: Closed};
  free: Need;
}

/** Which node has room for something beside the services, such as a job or a one-off command; or why none has. */
export function roomFor(need: Need, nodes: readonly NodeRoom[]): {readonly ok: true; readonly node: string} | {readonly ok: false; readonly on: string} {
  const open = nodes.filter(({closed}) => closed === undefined);
  const [first] = nodes;
  if (open.length === 0 && first?.closed !== undefined) return {ok: false, on: `node ${first.node} is ${first.closed}`};
  const rooms = open.map(({free, ...capacity}): Room => ({capacity, free}));
  const room = rooms.find(({free}) => fits(need, free));
  return room === undefined ? {ok: false, on: whyNot(need, rooms)} : {ok: true, node: room.capacity.node};
}

/** Thousandths of a core: sums of tenths are not what they seem. */
function milli(cpus: number): number {
  return Math.round(cpus * 1000);
}

export function fits(need: Need, free: Need): boolean {
  return need.memoryBytes <= free.memoryBytes && milli(need.cpus) <= milli(free.cpus);
}

export function minus(free: Need, need: Need): Need {
  return {memoryBytes: free.memoryBytes - need.memoryBytes, cpus: (milli(free.cpus) - milli(need.cpus)) / 1000};
}

/** `no node has 2Gi of memory free (vm: 1.2Gi of 23.3Gi)` */
export function whyNot(need: Need, rooms: readonly Room[]): string {
  const hasMemory = rooms.some(({free}) => need.memoryBytes <= free.memoryBytes);
  const hasCores = rooms.some(({free}) => milli(need.cpus) <= milli(free.cpus));
  const memory = `${formatBytes(need.memoryBytes)} of memory`;
  const cores = `${need.cpus} ${need.cpus === 1 ? 'core' : 'cores'}`;
  const what = hasMemory && hasCores ? [memory, cores] : [...(hasMemory ? [] : [memory]), ...(hasCores ? [] : [cores])];
  const left = rooms.slice(0, NODES_TOLD_MAX).map(({capacity, free}) => `${capacity.node}: ${[
    ...(what.includes(memory) ? [`${formatBytes(free.memoryBytes)} of ${formatBytes(capacity.memoryBytes)}`] : []),
    ...(what.includes(cores) ? [`${free.cpus} of ${capacity.cpus}`] : []),
  ].join(', ')}`);
  return `no node has ${what.join(' and ')} free (${[...left, ...(rooms.length > NODES_TOLD_MAX ? ['…'] : [])].join('; ')})`;
}

const NODES_TOLD_MAX = 3;
