import {NAME_PATTERN} from './names.ts';
import {quantitySchema} from './quantity.ts';
import type {ObjectSchema} from './schema.ts';

/** The most that something may have. What is left out is not limited. */
export interface QuotaManifest {
  /** Copies of all services together. */
  readonly replicas?: number;
  /** Limits of all copies together: what they could use at most. */
  readonly cpus?: number;
  readonly memory?: string;
  readonly volumes?: number;
  /** Of a calendar month, UTC. */
  readonly buildMinutes?: number;
}

export interface TeamQuotaManifest extends QuotaManifest {
  readonly apps?: number;
}

/** Of single apps, in cluster.yaml: not in the hands of whoever may edit their app.yaml. */
export interface QuotasManifest {
  /** Of each app that has none of its own. */
  readonly default?: QuotaManifest;
  readonly apps?: Readonly<Record<string, QuotaManifest>>;
}

const COUNT_MAX = 100_000;

const properties = {
  replicas: {type: 'integer', minimum: 0, maximum: COUNT_MAX, description: 'Copies of all services together.', examples: [20]},
  cpus: {type: 'number', minimum: 0, maximum: COUNT_MAX, description: 'Cores that all copies together may use: the sum of their limits.', examples: [8]},
  memory: {...quantitySchema, description: 'Memory that all copies together may use: the sum of their limits.', examples: ['8Gi']},
  volumes: {type: 'integer', minimum: 0, maximum: COUNT_MAX, description: 'Volumes of all services together.', examples: [5]},
  buildMinutes: {type: 'number', minimum: 0, maximum: COUNT_MAX, description: 'Minutes of builds in a calendar month (UTC).', examples: [600]},
} as const;

const quotaSchema: ObjectSchema<QuotaManifest> = {type: 'object', additionalProperties: false, required: [], properties};

export const teamQuotaSchema: ObjectSchema<TeamQuotaManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'The most that all apps of the team may have together. What is left out is not limited.',
  properties: {apps: {type: 'integer', minimum: 0, maximum: COUNT_MAX, description: 'Apps that it owns.', examples: [10]}, ...properties},
};

export const quotasSchema: ObjectSchema<QuotasManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'The most that single apps may have. A team has its own in teams/<team>.yaml.',
  properties: {
    default: {...quotaSchema, description: 'Of each app that has none of its own.', examples: [{replicas: 10, memory: '4Gi'}]},
    apps: {type: 'object', propertyNames: {pattern: NAME_PATTERN, errorMessage: 'must be the name of an app'}, additionalProperties: quotaSchema, description: 'By app, instead of the default.', examples: [{shop: {replicas: 30}}]},
  },
};

/** Names of apps, or beginnings of names followed by `*`. */
export const ownsSchema = {
  type: 'array',
  uniqueItems: true,
  maxItems: 1000,
  items: {type: 'string', pattern: `(${NAME_PATTERN})|(^[a-z0-9][a-z0-9-]{0,28}\\*$)`, errorMessage: 'must be the name of an app, or the beginning of names and a star: web-*'},
} as const;
