import type {SchemaObject} from 'ajv';
import {LABELS, PATH_SEGMENTS} from './names.ts';
import type {ObjectSchema} from './schema.ts';

/** A redirect in one word, or with its fields. */
export type RedirectManifest = string | RedirectOptions;

export interface RedirectOptions {
  /** A URL, or a path of the same host. */
  readonly to: string;
  readonly status?: RedirectStatus;
  readonly keepPath?: boolean;
}

export type RedirectStatus = (typeof REDIRECT_STATUSES)[number];

/** Browsers remember the others for ever, right or wrong. */
export const REDIRECT_STATUS_DEFAULT = 302;
const REDIRECT_STATUSES = [301, 302, 303, 307, 308] as const;
const TO_LENGTH_MAX = 1000;

const toRule = {
  pattern: `^(https?://${LABELS}(:[0-9]{1,5})?(${PATH_SEGMENTS})?|/|${PATH_SEGMENTS})$`,
  maxLength: TO_LENGTH_MAX,
  errorMessage: 'must be a URL such as https://www.example.com or a path such as /new, without a slash at its end',
};

const optionsSchema: ObjectSchema<RedirectOptions> = {
  type: 'object',
  additionalProperties: false,
  required: ['to'],
  properties: {
    to: {type: 'string', ...toRule, description: 'A URL, or a path of the same host.', examples: ['https://www.example.com', '/new']},
    status: {enum: REDIRECT_STATUSES, default: REDIRECT_STATUS_DEFAULT, errorMessage: `must be one of ${REDIRECT_STATUSES.join(', ')}`, description: 'Browsers remember 301 and 308 for ever; 307 and 308 keep the method.'},
    keepPath: {type: 'boolean', default: true, description: 'What follows the path of the route, and the query, follow `to` as well.'},
  },
};

export const redirectSchema: SchemaObject = {
  ...optionsSchema,
  type: ['string', 'object'],
  ...toRule,
  description: 'Answered by the router: go there. A URL or a path, or the fields below. Instead of a service.',
  examples: ['https://www.example.com', {to: '/new', status: 308}],
};

export function redirectOf(redirect: RedirectManifest): RedirectOptions {
  return typeof redirect === 'string' ? {to: redirect} : redirect;
}
