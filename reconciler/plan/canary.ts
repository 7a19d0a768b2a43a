import type {Canary, ResolvedApp} from '../desired/state.ts';
import type {CanaryProgress, ObservedState} from '../observed/state.ts';
import {CANARY_LOOK_MS} from './limits.ts';

/** Fewer answers than these say nothing of a release. */
const REQUESTS_MIN = 20;
/** Records that a name may have, over all of its replicas: with this many an answer of the DNS server has about 15 KB. */
const RECORDS_MAX = 240;

interface CanaryService {
  readonly name: string;
  readonly strategy: Canary;
}

/** Services of a deploy whose new replicas are to be tried by a part of the requests: those that take somebody's place. */
export function canariesOf(app: ResolvedApp, serving: ResolvedApp | undefined): readonly CanaryService[] {
  if (serving === undefined || serving.isSuspended === true) return [];
  return app.services.flatMap(({name, specHash, strategy, replicas}): CanaryService[] => {
    const before = serving.services.find((service) => service.name === name);
    if (strategy.kind !== 'canary' || before === undefined || before.specHash === specHash || before.replicas === 0 || replicas === 0) return [];
    return [{name, strategy}];
  });
}

/** Percent of the requests that a service's new replicas get in a step; all of them when its own steps are over. */
export function weightOf({steps}: Canary, step: number): number {
  return steps[step]?.weight ?? 100;
}

export type CanaryStep =
  | {readonly result: 'watches'; readonly on: string; readonly untilMs: number}
  /** To be written down before the traffic moves. */
  | {readonly result: 'steps'; readonly progress: CanaryProgress; readonly reason: string}
  | {readonly result: 'done'; readonly reason: string}
  | {readonly result: 'failed'; readonly cause: string};

/** Where the canaries of a deploy go next, whose replicas are all healthy. */
export function stepCanary(app: ResolvedApp, canaries: readonly CanaryService[], progress: CanaryProgress | undefined, observed: ObservedState): CanaryStep {
  const {nowMs} = observed;
  const begin = (step: number): CanaryStep => ({
    result: 'steps',
    progress: {step, sinceMs: nowMs, specs: app.services.filter(({name}) => canaries.some((canary) => canary.name === name)).map(({specHash}) => specHash)},
    reason: `${weightsInWords(canaries, step)} of the requests`,
  });
  if (progress === undefined) return begin(0);
  const {step, sinceMs} = progress;
  const seen = observed.canaries?.get(app.name);
  const problem = canaries.map(({strategy}) => problemOf(strategy, seen?.figures)).find((one) => one !== undefined);
  if (problem !== undefined) return {result: 'failed', cause: `with ${weightsInWords(canaries, step)} of the requests: ${problem}`};
  if (seen?.wish?.kind === 'promote') return {result: 'done', reason: `healthy, and promoted by ${seen.wish.by}`};
  const untilMs = sinceMs + Math.max(...canaries.map(({strategy}) => strategy.steps[step]?.pauseMs ?? 0));
  const count = Math.max(...canaries.map(({strategy}) => strategy.steps.length));
  if (nowMs < untilMs) return {result: 'watches', on: `step ${step + 1} of ${count}, ${weightsInWords(canaries, step)} of the requests: ${figuresInWords(seen?.figures)}`, untilMs: Math.min(untilMs, nowMs + CANARY_LOOK_MS)};
  return step + 1 < count ? begin(step + 1) : {result: 'done', reason: 'healthy, and its canaries did well'};
}

function problemOf({errorPercentMax, p95MsMax}: Canary, figures: CanaryFigures | undefined): string | undefined {
  if (figures === undefined || figures.requests < REQUESTS_MIN) return undefined;
  const percent = 100 * figures.failures / figures.requests;
  if (percent > errorPercentMax) return `${round(percent)} % of ${figures.requests} failed, more than ${errorPercentMax} %`;
  if (p95MsMax !== undefined && (figures.p95Ms ?? 0) > p95MsMax) return `95 % were answered within ${figures.p95Ms} ms, not within ${p95MsMax} ms`;
  return undefined;
}

type CanaryFigures = NonNullable<ReturnType<NonNullable<ObservedState['canaries']>['get']>>['figures'];

function figuresInWords(figures: CanaryFigures | undefined): string {
  if (figures === undefined || figures.requests === 0) return 'none came yet';
  return `${figures.requests} came, ${figures.failures} failed, p95 ${figures.p95Ms} ms`;
}

function weightsInWords(canaries: readonly CanaryService[], step: number): string {
  const weights = [...new Set(canaries.map(({strategy}) => weightOf(strategy, step)))];
  return weights.map((weight) => `${weight} %`).join(' and ');
}

function round(percent: number): number {
  return Math.round(percent * 10) / 10;
}

/**
 * How often each new and each old replica has to be in a name, so that the new ones get this share of the requests: Caddy picks at random
 * among the records. As near as it gets with few of them; each is there at least once.
 *
 * @param percent  1 to 99.
 */
export function copiesFor(percent: number, {fresh, old}: {readonly fresh: number; readonly old: number}): {readonly fresh: number; readonly old: number} {
  const wanted = percent / 100;
  let best = {fresh: 1, old: 1, error: Infinity};
  for (let a = 1; a * fresh <= RECORDS_MAX; a += 1) {
    // The best partner of `a` is one of the two whole numbers around the exact one.
    const exact = a * fresh * (1 - wanted) / (wanted * old);
    const most = Math.floor((RECORDS_MAX - a * fresh) / old);
    for (const b of [Math.min(most, Math.floor(exact)), Math.min(most, Math.ceil(exact))]) {
      if (b < 1) continue;
      const error = Math.abs(a * fresh / (a * fresh + b * old) - wanted);
      if (error < best.error - 1e-9) best = {fresh: a, old: b, error};
    }
  }
  return {fresh: best.fresh, old: best.old};
}
