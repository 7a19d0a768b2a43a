import type {ObjectSchema} from './schema.ts';
import {ENV_VALUE_LENGTH_MAX, variableNameSchema} from './variables.ts';

/** How an app's Dockerfile is built. */
export interface BuildManifest {
  /** Path in the app's repository. Given: it counts, whatever else there is. */
  readonly dockerfile?: string;
  /** Stage to stop at. */
  readonly target?: string;
  /** Numbers and booleans have become text, as in `env`. */
  readonly args?: Readonly<Record<string, string>>;
}

const ARGS_MAX = 100;

export const buildSchema: ObjectSchema<BuildManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'How its Dockerfile is built.',
  properties: {
    dockerfile: {
      type: 'string',
      pattern: '^(?!(.*/)?\\.{1,2}(/|$))[^/\\s\\\\][^\\s\\\\]*(?<!/)$',
      maxLength: 200,
      errorMessage: 'must be the path of a file in the app\'s repository, such as docker/web.Dockerfile',
      description: 'Where the Dockerfile is. When it is given, no buildpack is asked.',
      examples: ['docker/web.Dockerfile'],
    },
    target: {
      type: 'string',
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
      errorMessage: 'must be the name or the number of a stage: FROM … AS name',
      description: 'The stage that becomes the image. Absent: the last one.',
      examples: ['production'],
    },
    args: {
      type: 'object',
      propertyNames: variableNameSchema,
      maxProperties: ARGS_MAX,
      additionalProperties: {type: ['string', 'number', 'boolean'], maxLength: ENV_VALUE_LENGTH_MAX},
      description: 'Values for its ARG lines. They are no secrets: they stay readable in the image.',
      examples: [{NODE_VERSION: '24'}],
    },
  },
};
