import {CANARY_ERROR_PERCENT_DEFAULT, CANARY_STEPS_DEFAULT, KEEP_OLD_SECONDS_DEFAULT, optionsOf, type StrategyManifest} from '../../schemas/strategy.ts';
import type {Strategy} from './state.ts';

/**
 * Rolling replaces this many at a time, or a quarter of a service that is larger. One or two replicas are deployed as fast as all at
 * once, and a deploy of any size takes at most four turns and a quarter more memory. (Kubernetes' surge is a quarter, too.)
 */
const BATCH_MIN = 2;
const BATCH_SHARE = 0.25;

/** What a service's manifest says of its strategy, with the defaults filled in. */
export function strategyOf(strategy: StrategyManifest | undefined, replicas: number): Strategy {
  const {kind, batch, keepOldSeconds, steps, limits} = optionsOf(strategy ?? 'rolling');
  switch (kind) {
    case 'rolling': return {kind, batch: batch ?? Math.max(BATCH_MIN, Math.ceil(replicas * BATCH_SHARE))};
    case 'all-at-once': return {kind};
    // Each replica that is being replaced is missing meanwhile.
    case 'stop-first': return {kind, batch: batch ?? 1};
    case 'blue-green': return {kind, keepOldMs: (keepOldSeconds ?? KEEP_OLD_SECONDS_DEFAULT) * 1000};
    case 'canary': return {
      kind,
      steps: (steps ?? CANARY_STEPS_DEFAULT).map(({weight, pauseSeconds}) => ({weight, pauseMs: pauseSeconds * 1000})),
      errorPercentMax: limits?.errorPercent ?? CANARY_ERROR_PERCENT_DEFAULT,
      ...(limits?.p95Ms !== undefined && {p95MsMax: limits.p95Ms}),
    };
  }
}

/** How long a deploy watches its canaries on purpose, in milliseconds: that is not counted as being slow. */
export function watchedMs(strategies: readonly (StrategyManifest | undefined)[]): number {
  return Math.max(0, ...strategies.map((strategy) => {
    const {kind, steps = CANARY_STEPS_DEFAULT} = optionsOf(strategy ?? 'rolling');
    return kind === 'canary' ? steps.reduce((sum, {pauseSeconds}) => sum + pauseSeconds * 1000, 0) : 0;
  }));
}
