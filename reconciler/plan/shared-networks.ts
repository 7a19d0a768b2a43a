import type {AppName} from '../../schemas/ids.ts';
import type {DesiredApp, DesiredState} from '../desired/state.ts';
import type {ConnectedContainer, ObservedState} from '../observed/state.ts';
import {internalName} from '../router/names.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {agreedPairs, needsNetwork, sharedNetworksOf, wishesOf, type Agreed} from './agreed.ts';
import {isBusy} from './busy.ts';

/** Connects what runs of both apps to the network that they share, and disconnects what nobody agreed to. No container is restarted for it. */
export function planConnections(desired: DesiredState, observed: ObservedState): Plan {
  const agreed = agreedPairs(desired, observed);
  const wanted = new Map(agreed.map(({apps, reason}) => [apps.join('.'), reason]));
  const kept = observed.sharedNetworks.filter(({apps}) => wanted.has(apps.join('.')));
  const own = new Map(observed.networks.map(({app, name}) => [app, name]));
  const parts = observed.connected.filter(({isFormer}) => isFormer !== true).map((container) => {
    const mine = kept.filter(({apps}) => apps.includes(container.app));
    return [
      ...mine.filter(({name}) => !container.networks.includes(name)).flatMap(({apps, name}) => connect(container, name, {observed, reason: wanted.get(apps.join('.')) ?? ''})),
      ...container.networks.filter((network) => network !== own.get(container.app) && !mine.some(({name}) => name === network)).flatMap((network) => disconnect(container, network, observed)),
    ];
  });
  return {actions: [...parts.flat(), ...unused(wanted, observed)], waiting: waitsForOthers(desired, observed)};
}

function connect(container: ConnectedContainer, network: string, {observed, reason}: {readonly observed: ObservedState; readonly reason: string}): readonly Action[] {
  const {id, name, app, service} = container;
  // Whoever is being stopped has nobody to reach any more.
  if (isBusy(container, observed) || observed.operations.has(`connection ${name} ${network}`)) return [];
  return [{kind: 'connect', app, id, name, network, aliases: service === undefined ? [] : [internalName(service, app)], reason}];
}

function disconnect({id, name, app}: ConnectedContainer, network: string, {operations, networks, sharedNetworks}: ObservedState): readonly Action[] {
  if (operations.has(`connection ${name} ${network}`)) return [];
  const shared = sharedNetworks.find((one) => one.name === network);
  const others = shared?.apps.filter((other) => other !== app) ?? networks.filter((one) => one.name === network).map((one) => one.app);
  // Of ours, but neither an app's nor shared: what all apps once were on. Who is on that is replaced.
  if (others.length === 0) return [];
  return [{kind: 'disconnect', app, id, name, network, reason: shared === undefined ? `${network} is the network of ${others.join()}` : `${others.join()} and ${app} do not both agree to it`}];
}

/** Nobody is on it any more; what is connected by hand, and is not ours, makes the engine refuse. */
function unused(wanted: ReadonlyMap<string, string>, {sharedNetworks, connected, operations}: ObservedState): readonly Action[] {
  return sharedNetworks
    .filter(({apps, name}) => !wanted.has(apps.join('.')) && !operations.has(`network ${apps.join('.')}`) && !connected.some(({networks}) => networks.includes(name)))
    .map(({apps, id, name}): Action => ({kind: 'remove-shared-network', app: apps[0], apps, id, name, reason: `${apps.join(' and ')} do not both agree to it`}));
}

/** Who reaches for an app that does not allow it, that there is not, or that nothing was pushed of. */
function waitsForOthers(desired: DesiredState, {journal}: ObservedState): readonly Waiting[] {
  const byName = new Map(desired.apps.map((app) => [app.name, app]));
  return desired.apps.flatMap((app) => (wishesOf(app, {journal}).reach ?? []).flatMap((other): readonly Waiting[] => {
    const on = whatIsMissing(app, {name: other, app: byName.get(other)}, journal);
    return on === undefined ? [] : [{app: app.name, subject: `its way to ${other}`, on}];
  }));
}

function whatIsMissing(from: DesiredApp, to: {readonly name: AppName; readonly app: DesiredApp | undefined}, journal: ObservedState['journal']): string | undefined {
  if (to.app === undefined) return `an app "${to.name}", which there is not`;
  if (wishesOf(to.app, {journal}).allowFrom?.includes(from.name) !== true) return `${to.name} to allow it: "allowFrom: [${from.name}]" in apps/${to.name}/app.yaml`;
  return needsNetwork(to.app, {journal}) ? undefined : `a release of ${to.name}`;
}

/** What starts is on them from its first moment: an app that looks for another one as it starts finds it. */
export function withSharedNetworks(actions: readonly Action[], agreed: readonly Agreed[], observed: ObservedState): readonly Action[] {
  if (agreed.length === 0) return actions;
  return actions.map((action) => {
    const container = action.kind === 'run-container' ? action.service.container : action.kind === 'run-job' ? action.container : undefined;
    if ((action.kind !== 'run-container' && action.kind !== 'run-job') || container?.isOnHostNetwork === true) return action;
    const shared = sharedNetworksOf(action.app, agreed, observed);
    return shared.length === 0 ? action : {...action, shared};
  });
}
