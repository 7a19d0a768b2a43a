import type {SchemaObject} from 'ajv';
import type {ObjectSchema} from './schema.ts';

/** Pages of an app in place of the router's own, by status: files of its folder. */
export type ErrorPagesManifest = Readonly<Partial<Record<ErrorPage, string>>>;

/** What the router answers itself: a status, or that the app is in maintenance. */
export type ErrorPage = 'maintenance' | '401' | '403' | '404' | '413' | '502' | '503' | '504';

/** Of one page: each is in the router's configuration, which is looked at all the time. */
export const PAGE_BYTES_MAX = 32 * 1024;

/** Below the app's folder: `pages/down.html`. */
export const PAGE_PATTERN = '^pages/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\\.html$';

function page(description: string): SchemaObject {
  return {type: 'string', pattern: PAGE_PATTERN, errorMessage: 'must be a file such as pages/down.html', description, examples: ['pages/down.html']};
}

export const errorPagesSchema: ObjectSchema<ErrorPagesManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: `HTML files in the folder \`pages\` beside app.yaml that the router answers with in place of its own pages, each at most ${PAGE_BYTES_MAX / 1024} KiB. What the app answers is never replaced.`,
  properties: {
    maintenance: page('While the app is in maintenance or suspended (status 503).'),
    '401': page('A user name and a password are needed.'),
    '403': page('The client is from a network that may not come.'),
    '404': page('None of the paths of a host fits, where all of them are of this app.'),
    '413': page('The body is too large.'),
    '502': page('A copy took the request and did not answer it.'),
    '503': page('No copy can be connected to.'),
    '504': page('No copy answered in time.'),
  },
};
