import type {ObservedContainer, ObservedState, Target} from '../observed/state.ts';
import {isBusy} from './busy.ts';

/** The replicas, of those given, that may be sent requests. Sorted by address. */
export function routedTargets(containers: readonly ObservedContainer[], observed: ObservedState): readonly Target[] {
  const targets = containers.flatMap((container): Target[] => {
    const target = targetOf(container);
    if (target === undefined || container.state !== 'running' || isBusy(container, observed)) return [];
    if (container.health.state === 'healthy') return [target];
    // After a restart of the reconciler nothing has been probed yet; who had traffic keeps it until a probe says otherwise.
    return container.health.state === 'unknown' && isInNames(target, observed) ? [target] : [];
  });
  return targets.toSorted(byAddress);
}

export function targetOf(container: ObservedContainer): Target | undefined {
  if (container.state !== 'running' || container.address === undefined || container.facts.port === undefined) return undefined;
  return {address: container.address, port: container.facts.port};
}

export function isInNames(target: Target, {router}: Pick<ObservedState, 'router'>): boolean {
  if (router.state !== 'ready') return false;
  for (const targets of router.names.values()) {
    if (targets.some(({address, port}) => address === target.address && port === target.port)) return true;
  }
  return false;
}

export function byAddress(a: Target, b: Target): number {
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.port - b.port;
}
