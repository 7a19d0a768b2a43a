import type {AppName} from '../../schemas/ids.ts';
import {doOverlap, formatSubnet, parseSubnet, type Subnet} from '../../schemas/subnet.ts';
import type {AddressPlan, DesiredState} from '../desired/state.ts';
import type {ObservedState} from '../observed/state.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {agreedPairs, needsNetwork} from './agreed.ts';

/**
 * A network for each app that has a release, and none for any other. Its containers wait for it: see `planSlot`. And one for each two apps
 * that reach each other; nobody waits for that.
 */
export function planNetworks(desired: DesiredState, observed: ObservedState): Plan {
  const there = new Set(observed.networks.map(({app}) => app));
  const shared = new Set(observed.sharedNetworks.map(({apps}) => apps.join('.')));
  const known = new Set<AppName>(desired.apps.map(({name}) => name));
  const own = desired.apps.filter((app) => !there.has(app.name) && needsNetwork(app, observed)).map(({name: app}): Wish => (
    {key: app, app, subject: 'its network', make: (subnet) => ({kind: 'make-network', app, subnet, reason: `${app} has no network`})}
  ));
  const between = agreedPairs(desired, observed).map(({apps, reason}): Wish => (
    {key: apps.join('.'), app: apps[0], subject: `its network with ${apps[1]}`, make: (subnet) => ({kind: 'make-shared-network', app: apps[0], apps, subnet, reason})}
  ));
  const made = makeNetworks([...own, ...between.filter(({key}) => !shared.has(key))].filter(({key}) => !isBusy(key, observed)), desired.networks, observed.takenSubnets);
  const unused = observed.networks.filter(({app, isUsed}) => !known.has(app) && !isUsed && !isBusy(app, observed));
  return {
    actions: [...made.actions, ...unused.map(({app, id, name}): Action => ({kind: 'remove-network', app, id, name, reason: `app ${app} is gone`}))],
    waiting: made.waiting,
  };
}

function isBusy(key: string, {operations}: ObservedState): boolean {
  return operations.has(`network ${key}`);
}

interface Wish {
  /** Says where to begin to look for a subnet. */
  readonly key: string;
  readonly app: AppName;
  readonly subject: string;
  make(subnet: string): Action;
}

function makeNetworks(wishes: readonly Wish[], plan: AddressPlan, takenSubnets: readonly string[]): Plan {
  const actions: Action[] = [];
  const waiting: Waiting[] = [];
  const taken = takenBy(takenSubnets, plan);
  for (const {key, app, subject, make} of wishes) {
    const subnet = freeSubnet(key, plan, taken);
    if (subnet === undefined) {
      waiting.push({app, subject, on: `a free subnet: those of ${plan.range} with prefix ${plan.prefix} are all in use (networks in cluster.yaml)`});
      continue;
    }
    taken.push(subnet);
    actions.push(make(formatSubnet(subnet)));
  }
  return {actions, waiting};
}

/**
 * A route to more than our whole range, as a VPN has for 10.0.0.0/8, says nothing of single subnets in it: it does not count,
 * or no app could ever start.
 */
function takenBy(subnets: readonly string[], {range}: AddressPlan): Subnet[] {
  const whole = parseSubnet(range);
  return subnets.map(parseSubnet).filter((subnet) => subnet !== undefined && whole !== undefined && doOverlap(subnet, whole) && subnet.size < whole.size) as Subnet[];
}

/**
 * The app's name says where to begin to look: an app whose network is made anew finds its old subnet, and two apps that get theirs at
 * the same time, one not seen by the other's plan, hardly ever meet.
 */
function freeSubnet(key: string, {range, prefix}: AddressPlan, taken: readonly Subnet[]): Subnet | undefined {
  const whole = parseSubnet(range);
  const size = 2 ** (32 - prefix);
  if (whole === undefined || size > whole.size) return undefined;
  const count = whole.size / size;
  const start = hashOf(key) % count;
  for (let step = 0; step < count; step++) {
    const subnet = {first: whole.first + ((start + step) % count) * size, size};
    if (!taken.some((other) => doOverlap(subnet, other))) return subnet;
  }
  return undefined;
}

/** FNV-1a, 32 bits: spreads short names well, and needs nothing that is not in the language. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const letter of text) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  return hash >>> 0;
}
