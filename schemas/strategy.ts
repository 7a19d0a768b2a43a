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
}

export type StrategyKind = (typeof KINDS)[number];

const KINDS = ['rolling', 'all-at-once', 'stop-first', 'blue-green'] as const;

/** Long enough to notice that something is wrong, and short enough that the memory of two releases can be spared. */
export const KEEP_OLD_SECONDS_DEFAULT = 300;

/** Which kinds have an option, and what the others do instead. */
const OPTIONS: {readonly [K in keyof Required<Omit<StrategyOptions, 'kind'>>]: {readonly of: readonly StrategyKind[]; readonly because: string}} = {
  batch: {of: ['rolling', 'stop-first'], because: 'starts all new replicas at once'},
  keepOldSeconds: {of: ['blue-green'], because: 'stops the old replicas once the new ones have their place'},
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
      description: '`rolling`: a few at a time, each new one first. `all-at-once`: all new ones beside all old ones, then the traffic. `stop-first`: each old one stops before its successor starts. `blue-green`: as all-at-once, and the old ones stay for a while.',
      examples: [...KINDS],
    },
    batch: {type: 'integer', minimum: 1, maximum: 1000, description: 'Replicas replaced at a time. Default: a quarter of them, at least 2, with rolling; 1 with stop-first.'},
    keepOldSeconds: {type: 'number', minimum: 0, maximum: 86_400, default: KEEP_OLD_SECONDS_DEFAULT, description: 'How long blue-green keeps the old replicas running without traffic: going back within this time starts nothing.'},
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
