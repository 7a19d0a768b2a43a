import {branchSchema} from './names.ts';
import type {ObjectSchema, Problem} from './schema.ts';
import {variableNameSchema} from './variables.ts';

/** Where an app's source is followed: each new commit of a branch is built and deployed, without a push to this cluster. */
export interface FollowedSourceManifest {
  /** HTTP(S). */
  readonly git: string;
  readonly branch?: string;
  /** Folder of the repository that is the app. Absent: all of it. */
  readonly path?: string;
  readonly intervalSeconds?: number;
  /** Names of secrets of the app. */
  readonly tokenSecret?: string;
  readonly hookSecret?: string;
}

export const SOURCE_DEFAULTS = {branch: 'main', intervalSeconds: 60} as const;

const FOLDER = '^(?!\\.{1,2}(/|$))[A-Za-z0-9._ +@-]+(/(?!\\.{1,2}(/|$))[A-Za-z0-9._ +@-]+)*$';

const secretNameSchema = {...variableNameSchema, type: 'string', maxLength: 200} as const;

export const followedSourceSchema: ObjectSchema<FollowedSourceManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['git'],
  description: 'Where the source is followed: each new commit of the branch is built and deployed, and pushes to this cluster are refused.',
  properties: {
    git: {type: 'string', minLength: 1, maxLength: 2000, description: 'The repository, by https:// (or http://). No password in it: see tokenSecret.', examples: ['https://git.example.com/shop.git']},
    branch: {...branchSchema, default: SOURCE_DEFAULTS.branch, description: 'The branch whose commits are deployed.'},
    path: {type: 'string', maxLength: 500, pattern: FOLDER, errorMessage: 'must be a folder of the repository such as services/shop, without a slash at its ends', description: 'The folder of the repository that is the app. Default: all of it.', examples: ['services/shop']},
    intervalSeconds: {type: 'number', minimum: 10, maximum: 86_400, default: SOURCE_DEFAULTS.intervalSeconds, description: 'From one look at the branch to the next; a webhook makes it look at once.'},
    tokenSecret: {...secretNameSchema, description: 'The secret (its name in secrets.yaml) with which the repository is read: a token, or USER:TOKEN. The app does not get it.', examples: ['SOURCE_TOKEN']},
    hookSecret: {...secretNameSchema, description: 'The secret (its name in secrets.yaml) that webhooks prove themselves with. The app does not get it. `flynn source hook` makes it.', examples: ['SOURCE_HOOK']},
  },
};

/** A token is told to the other side with every look: only where nobody on the way can read it. */
const LOOPBACK = /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export function checkFollowedSource(source: FollowedSourceManifest | undefined): readonly Problem[] {
  if (source === undefined) return [];
  const {git, tokenSecret} = source;
  const at = (field: string, message: string): readonly Problem[] => [{path: ['source', field], message}];
  const url = URL.canParse(git) ? new URL(git) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return at('git', 'source.git must be an https:// URL of a repository: SSH and paths are not followed');
  if (url.username !== '' || url.password !== '') return at('git', 'source.git has a user or a password in it, which everybody who can read this repository could read: make it a secret, and name that in source.tokenSecret');
  if (tokenSecret !== undefined && url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) return at('tokenSecret', 'a token would be sent in the clear: source.git has to be https://');
  return [];
}
