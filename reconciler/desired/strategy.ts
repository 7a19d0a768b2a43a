import {KEEP_OLD_SECONDS_DEFAULT, optionsOf, type StrategyManifest} from '../../schemas/strategy.ts';
import type {Strategy} from './state.ts';

/**
 * Rolling replaces this many at a time, or a quarter of a service that is larger. One or two replicas are deployed as fast as all at
 * once, and a deploy of any size takes at most four turns and a quarter more memory. (Kubernetes' surge is a quarter, too.)
 */
const BATCH_MIN = 2;
const BATCH_SHARE = 0.25;

/** What a service's manifest says of its strategy, with the defaults filled in. */
export function strategyOf(strategy: StrategyManifest | undefined, replicas: number): Strategy {
  const {kind, batch, keepOldSeconds} = optionsOf(strategy ?? 'rolling');
  switch (kind) {
    case 'rolling': return {kind, batch: batch ?? Math.max(BATCH_MIN, Math.ceil(replicas * BATCH_SHARE))};
    case 'all-at-once': return {kind};
    // Each replica that is being replaced is missing meanwhile.
    case 'stop-first': return {kind, batch: batch ?? 1};
    case 'blue-green': return {kind, keepOldMs: (keepOldSeconds ?? KEEP_OLD_SECONDS_DEFAULT) * 1000};
  }
}
