import type {SchemaObject} from 'ajv';
import type {ObjectSchema, Problem} from './schema.ts';

/** How the new replicas of a service take the place of the old ones. A bare word is the kind with its defaults. */
export type StrategyManifest = StrategyKind | StrategyOptions;

export interface StrategyOptions {
  readonly kind: StrategyKind;
  /** Of `rolling` and `stop-first`. */
  readonly batch?: number;
  /** Of `blue-green`. */
  readonly keepOldSeconds?: number;
  /** Of `canary`. */
  readonly steps?: readonly CanaryStepManifest[];
  readonly limits?: CanaryLimitsManifest;
}

export interface CanaryStepManifest {
  /** Percent of the requests. */
  readonly weight: number;
  readonly pauseSeconds: number;
}

export interface CanaryLimitsManifest {
  readonly errorPercent?: number;
  readonly p95Ms?: number;
}

export type StrategyKind = (typeof KINDS)[number];

const KINDS = ['rolling', 'all-at-once', 'stop-first', 'blue-green', 'canary'] as const;

/** Long enough to notice that something is wrong, and short enough that the memory of two releases can be spared. */
export const KEEP_OLD_SECONDS_DEFAULT = 300;

export const CANARY_STEPS_DEFAULT: readonly CanaryStepManifest[] = [{weight: 10, pauseSeconds: 60}, {weight: 50, pauseSeconds: 60}];
export const CANARY_ERROR_PERCENT_DEFAULT = 5;

/** Which kinds have an option, and what the others do instead. */
const OPTIONS: {readonly [K in keyof Required<Omit<StrategyOptions, 'kind'>>]: {readonly of: readonly StrategyKind[]; readonly because: string}} = {
  batch: {of: ['rolling', 'stop-first'], because: 'starts all new replicas at once'},
  keepOldSeconds: {of: ['blue-green'], because: 'stops the old replicas once the new ones have their place'},
  steps: {of: ['canary'], because: 'moves the traffic as its replicas become healthy'},
  limits: {of: ['canary'], because: 'looks at health checks only'},
};

const stepSchema: ObjectSchema<CanaryStepManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['weight', 'pauseSeconds'],
  properties: {
    weight: {type: 'integer', minimum: 1, maximum: 99, description: 'Percent of the requests that the new replicas get.'},
    pauseSeconds: {type: 'number', minimum: 1, maximum: 86_400, description: 'How long they are watched before the next step.'},
  },
};

const limitsSchema: ObjectSchema<CanaryLimitsManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'What the new replicas may do at most in each step, once they have answered 20 requests. Beyond it the deploy has failed.',
  properties: {
    errorPercent: {type: 'number', minimum: 0, maximum: 100, default: CANARY_ERROR_PERCENT_DEFAULT, description: 'Answers 500 to 599 and requests without an answer, in percent.'},
    p95Ms: {type: 'number', minimum: 1, maximum: 600_000, description: '95 of 100 requests are answered within it, in milliseconds. Absent: no limit.'},
  },
};

const optionsSchema: ObjectSchema<StrategyOptions> = {
  type: 'object',
  additionalProperties: false,
  required: ['kind'],
  properties: {
    kind: {
      type: 'string',
      pattern: `^(${KINDS.join('|')})$`,
      errorMessage: `must be one of ${KINDS.join(', ')}`,
      description: '`rolling`: a few at a time, each new one first. `all-at-once`: all new ones beside all old ones, then the traffic. `stop-first`: each old one stops before its successor starts. `blue-green`: as all-at-once, and the old ones stay for a while. `canary`: as all-at-once, and the new ones get more and more of the requests.',
      examples: [...KINDS],
    },
    batch: {type: 'integer', minimum: 1, maximum: 1000, description: 'Replicas replaced at a time. Default: a quarter of them, at least 2, with rolling; 1 with stop-first.'},
    keepOldSeconds: {type: 'number', minimum: 0, maximum: 86_400, default: KEEP_OLD_SECONDS_DEFAULT, description: 'How long blue-green keeps the old replicas running without traffic: going back within this time starts nothing.'},
    steps: {type: 'array', minItems: 1, maxItems: 20, items: stepSchema, description: 'Of canary, one after the other. Default: 10 percent for 60 s, then 50 percent for 60 s.'},
    limits: limitsSchema,
  },
};

export const strategySchema: SchemaObject = {
  ...optionsSchema,
  type: ['string', 'object'],
  pattern: `^(${KINDS.join('|')})$`,
  errorMessage: `must be one of ${KINDS.join(', ')}, or such a kind with its options: {kind: rolling, batch: 2}`,
  default: 'rolling',
  description: 'How a deploy replaces the replicas: one of the kinds below, or a kind with its options. Changing it alone is no deploy.',
  examples: ['blue-green', {kind: 'rolling', batch: 3}],
};

export function optionsOf(strategy: StrategyManifest): StrategyOptions {
  return typeof strategy === 'string' ? {kind: strategy} : strategy;
}

/** An option that its kind doesn't know would be ignored, which nobody expects. */
export function checkStrategy(strategy: StrategyManifest | undefined, path: Problem['path']): readonly Problem[] {
  if (strategy === undefined || typeof strategy === 'string') return [];
  const {kind} = strategy;
  return (Object.keys(OPTIONS) as (keyof typeof OPTIONS)[]).flatMap((option) => {
    const {of, because} = OPTIONS[option];
    if (strategy[option] === undefined || of.includes(kind)) return [];
    return [{path: [...path, option], message: `${option} is an option of ${of.join(' and ')}: ${kind} ${because}`}];
  });
}
