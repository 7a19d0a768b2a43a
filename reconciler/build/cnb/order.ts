import {BuildRefused} from '../refused.ts';
import type {Descriptor, Group, GroupMember} from './descriptor.ts';

/** A buildpack with scripts, as a member of a group. */
export interface Candidate {
  readonly descriptor: Descriptor;
  readonly isOptional: boolean;
}

/** Buildpacks one in the other, and groups in all, before an order is taken to be a mistake. */
const NESTED_MAX = 50;
const GROUPS_MAX = 500;

/**
 * The groups that an order stands for, in the order in which they are tried: a buildpack that is an order itself is replaced by each of its groups,
 * depth first, left to right (Buildpack API, "Order Resolution"). A buildpack that a group has already is left out; an optional one may stay out.
 */
export function* groupsOf(order: readonly Group[], known: readonly Descriptor[]): Generator<readonly Candidate[]> {
  let groups = 0;
  for (const group of expandOrder(order, {done: [], next: [], known, nested: 0})) {
    groups += 1;
    if (groups > GROUPS_MAX) throw new BuildRefused(`the order of buildpacks stands for more than ${GROUPS_MAX} groups`);
    yield group;
  }
}

interface Position {
  /** What the group has so far. */
  readonly done: readonly Candidate[];
  /** What comes after. */
  readonly next: Group;
  readonly known: readonly Descriptor[];
  readonly nested: number;
}

function* expandOrder(order: readonly Group[], position: Position): Generator<readonly Candidate[]> {
  for (const group of order) yield* expandGroup([...group, ...position.next], position);
}

function* expandGroup(group: Group, {done, known, nested}: Position): Generator<readonly Candidate[]> {
  let found = done;
  for (const [index, member] of group.entries()) {
    if (found.some(({descriptor}) => descriptor.id === member.id)) continue;
    const descriptor = lookUp(member, known);
    if (!descriptor.isForProduction) continue;
    if (descriptor.order.length > 0) {
      if (nested >= NESTED_MAX) throw new BuildRefused(`buildpack "${descriptor.id}" is a part of its own order`);
      const rest = group.slice(index + 1);
      yield* expandOrder(descriptor.order, {done: found, next: rest, known, nested: nested + 1});
      if (member.isOptional) yield* expandGroup(rest, {done: found, next: [], known, nested});
      return;
    }
    found = [...found, {descriptor, isOptional: member.isOptional}];
  }
  yield found;
}

function lookUp({id, version}: GroupMember, known: readonly Descriptor[]): Descriptor {
  const named = known.filter(one => one.id === id);
  const found = named.find(one => version === undefined || one.version === version);
  if (found) return found;
  const others = named.map(one => one.version).join(', ');
  if (others !== '') throw new BuildRefused(`an order wants buildpack "${id}" ${version}, there is ${others}`);
  throw new BuildRefused(`an order wants buildpack "${id}", which is not among those that were fetched: ${known.map(one => one.id).join(', ') || 'there are none'}; name it in "buildpacks" too`);
}
