import type {Strategy} from '../../reconciler/desired/state.ts';
import type {Kind, Wish} from './world.ts';

// What people write into the manifests, by chance.

const BESIDE: readonly Strategy[] = [{kind: 'rolling', batch: 1}, {kind: 'rolling', batch: 2}, {kind: 'all-at-once'}, {kind: 'blue-green', keepOldMs: 20_000}, {kind: 'canary', steps: [{weight: 10, pauseMs: 5_000}, {weight: 50, pauseMs: 5_000}], errorPercentMax: 5}];
const STOP_FIRST: Strategy = {kind: 'stop-first', batch: 1};

/** Which strategies a seed's releases have: one for all of them, or any. */
export function strategies(seed: number): readonly Strategy[] {
  const all = [...BESIDE, STOP_FIRST];
  const one = all[seed % 9];
  if (one !== undefined) return [one];
  return seed % 9 === 8 ? all : BESIDE;
}

/** A service that never runs twice. */
export function isExclusive(seed: number): boolean {
  return strategies(seed).every(({kind}) => kind === 'stop-first');
}

/** A deploy may take capacity away. */
export function mayStopFirst(seed: number): boolean {
  return strategies(seed).some(({kind}) => kind === 'stop-first');
}

export function firstWish(seed: number, random: () => number): Wish {
  return {release: 1, replicas: {web: 1 + Math.floor(random() * 4), worker: workers(random)}, kinds: {web: 'good', worker: 'good'}, strategy: anyOf(strategies(seed), random), isSuspended: false};
}

/** A new release, another scale, a step back, the app suspended or resumed. `newest` is the newest release so far. */
export function nextWish({before, newest, seed}: {readonly before: Wish; readonly newest: number; readonly seed: number}, random: () => number): Wish {
  const roll = random();
  const scaled: Wish = {...before, replicas: {web: Math.floor(random() * 6), worker: workers(random)}};
  if (roll < 0.5) return {...scaled, release: newest + 1, kinds: {web: kind(random), worker: kind(random)}, strategy: anyOf(strategies(seed), random)};
  if (roll < 0.7) return scaled;
  if (roll < 0.9) return {...scaled, release: Math.max(1, before.release - 1)};
  return {...before, isSuspended: !before.isSuspended};
}

function workers(random: () => number): number {
  return random() < 0.5 ? 0 : Math.floor(random() * 3);
}

function kind(random: () => number): Kind {
  return anyOf(['good', 'good', 'good', 'good', 'slow', 'bad', 'sick', 'partly'], random);
}

function anyOf<Value>(values: readonly Value[], random: () => number): Value {
  const value = values[Math.floor(random() * values.length)];
  if (value === undefined) throw new Error('bug in the test: nothing to choose from');
  return value;
}
