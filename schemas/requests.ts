import type {SchemaObject} from 'ajv';
import {bytesOf, quantitySchema} from './quantity.ts';
import type {ObjectSchema, Problem} from './schema.ts';

/** What one copy of a service is to find free on its node. It is kept for it; what it may use is a limit. */
export interface RequestsManifest {
  readonly memory?: string;
  /** Cores, as a fraction. */
  readonly cpus?: number;
}

/** From the one that gives way last to the one that gives way first. */
export const PRIORITIES = ['system', 'high', 'normal', 'low', 'batch'] as const;
export type Priority = (typeof PRIORITIES)[number];
export const PRIORITY_DEFAULT: Priority = 'normal';

export const prioritySchema: SchemaObject = {
  type: 'string',
  enum: [...PRIORITIES],
  default: PRIORITY_DEFAULT,
  errorMessage: `must be one of ${PRIORITIES.join(', ')}`,
};

/** Memory and cores; each of the two descriptions is a sentence. */
export function requestsSchema(memory: string, cpus: string): ObjectSchema<RequestsManifest> {
  return {
    type: 'object',
    additionalProperties: false,
    required: [],
    properties: {
      memory: {...quantitySchema, description: memory},
      cpus: {type: 'number', minimum: 0.01, maximum: 1024, description: cpus, examples: [0.5, 2]},
    },
  };
}

/** A copy that may not use what is kept for it is a mistake. */
export function checkRequests(requests: RequestsManifest | undefined, limits: {readonly memory?: string; readonly cpus?: number} | undefined, path: Problem['path']): readonly Problem[] {
  const problems: Problem[] = [];
  if (requests?.memory !== undefined && limits?.memory !== undefined && bytesOf(requests.memory) > bytesOf(limits.memory)) {
    problems.push({path: [...path, 'memory'], message: `memory "${requests.memory}" is more than limits.memory "${limits.memory}": what is kept for a copy can't be more than it may use`});
  }
  if (requests?.cpus !== undefined && limits?.cpus !== undefined && requests.cpus > limits.cpus) {
    problems.push({path: [...path, 'cpus'], message: `cpus ${requests.cpus} is more than limits.cpus ${limits.cpus}: what is kept for a copy can't be more than it may use`});
  }
  return problems;
}
