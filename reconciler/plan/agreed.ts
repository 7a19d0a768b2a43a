import type {AppName} from '../../schemas/ids.ts';
import type {DesiredApp, DesiredState} from '../desired/state.ts';
import type {ObservedSharedNetwork, ObservedState, Pair} from '../observed/state.ts';
import type {SharedNetwork} from './action.ts';

/** A pair of apps both of which have said that they are to reach each other. */
export interface Agreed {
  readonly apps: Pair;
  /** Who asked for it, in words. */
  readonly reason: string;
}

/**
 * Whom both sides want together. On a shared network connections are made in both directions, so the wish of one alone, be it the one who
 * reaches or the one who is reached, would open the other: both have to say so. Sorted.
 */
export function agreedPairs({apps}: DesiredState, {journal}: Pick<ObservedState, 'journal'>): readonly Agreed[] {
  const byName = new Map(apps.map((app) => [app.name, app]));
  const reasons = new Map<string, Agreed>();
  for (const app of apps) {
    for (const other of wishesOf(app, {journal}).reach ?? []) {
      const there = byName.get(other);
      if (there === undefined || wishesOf(there, {journal}).allowFrom?.includes(app.name) !== true) continue;
      if (!needsNetwork(app, {journal}) || !needsNetwork(there, {journal})) continue;
      const pair: Pair = app.name < other ? [app.name, other] : [other, app.name];
      const before = reasons.get(pair.join('.'));
      const reason = `${app.name} reaches ${other}, which allows it`;
      reasons.set(pair.join('.'), {apps: pair, reason: before === undefined ? reason : `${before.reason}; ${reason}`});
    }
  }
  return [...reasons].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, agreed]) => agreed);
}

/** An app whose manifests are wrong keeps what it had said. */
export function wishesOf(app: DesiredApp, {journal}: Pick<ObservedState, 'journal'>): {readonly reach?: readonly AppName[]; readonly allowFrom?: readonly AppName[]} {
  return app.state === 'resolved' ? app : journal.get(app.name)?.lastGood ?? {};
}

/** The shared networks that a container of the app is to be on from its start: those that are there. */
export function sharedNetworksOf(app: AppName, agreed: readonly Agreed[], {sharedNetworks}: Pick<ObservedState, 'sharedNetworks'>): readonly SharedNetwork[] {
  const isAgreed = ({apps}: ObservedSharedNetwork) => agreed.some((one) => one.apps.join('.') === apps.join('.'));
  return sharedNetworks.filter((network) => network.apps.includes(app) && isAgreed(network)).map(({apps, subnet}) => ({apps, subnet}));
}

/** One-off commands and jobs need it too: an app that is scaled to nothing keeps its network. */
export function needsNetwork(app: DesiredApp, {journal}: Pick<ObservedState, 'journal'>): boolean {
  return app.state === 'resolved' ? app.release !== undefined : journal.get(app.name)?.lastGood !== undefined;
}
