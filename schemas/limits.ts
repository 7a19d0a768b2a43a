import {bytesOf, quantitySchema} from './quantity.ts';
import type {ObjectSchema, Problem} from './schema.ts';

/** What one container may use. */
export interface LimitsManifest {
  readonly memory?: string;
  /** Cores, as a fraction. */
  readonly cpus?: number;
  /** Threads and processes. */
  readonly pids?: number;
  /** Open files, of each process. */
  readonly files?: number;
}

/** The engine refuses less (`Minimum memory limit allowed is 6MB`). */
const MEMORY_BYTES_MIN = 6 * 2 ** 20;

export const limitsSchema: ObjectSchema<LimitsManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  properties: {
    memory: {...quantitySchema, description: 'Memory; a container that needs more is killed and restarted.'},
    cpus: {type: 'number', minimum: 0.01, maximum: 1024, description: 'Cores: 0.5 is half of one.', examples: [0.5, 2]},
    pids: {type: 'integer', minimum: 4, maximum: 4_194_304, description: 'Threads and processes.'},
    files: {type: 'integer', minimum: 64, maximum: 1_048_576, description: 'Open files and connections of one process.'},
  },
};

export function checkLimits(limits: LimitsManifest | undefined, path: Problem['path']): readonly Problem[] {
  if (limits?.memory === undefined || bytesOf(limits.memory) >= MEMORY_BYTES_MIN) return [];
  return [{path: [...path, 'memory'], message: `memory must be at least 6Mi, not "${limits.memory}"`}];
}
