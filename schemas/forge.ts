import {readArmor} from './armor.ts';
import {isLoopback} from './loopback.ts';
import type {ObjectSchema, Problem} from './schema.ts';

/** Where the cluster repository lives when it is followed: pull requests there get a plan, and commits a status. */
export interface ForgeManifest {
  readonly kind: ForgeKind;
  /** Absent: the public site of that kind. */
  readonly url?: string;
  /** `owner/name`; with GitLab there may be groups in groups. */
  readonly repository: string;
  /** An age file in its ASCII armour, as secrets of apps are. */
  readonly token: string;
  /** What webhooks prove themselves with; sealed too. Absent: there are none, and pull requests are looked for. */
  readonly hookSecret?: string;
  readonly pollSeconds?: number;
}

/** Forgejo has Gitea's API. */
export const FORGE_KINDS = ['github', 'gitlab', 'gitea'] as const;

export type ForgeKind = (typeof FORGE_KINDS)[number];

export const FORGE_DEFAULTS = {pollSeconds: 60} as const;

/** Of those that have one. */
const PUBLIC_URLS: Readonly<Partial<Record<ForgeKind, string>>> = {github: 'https://github.com', gitlab: 'https://gitlab.com'};

const sealedSchema = {type: 'string', errorMessage: 'must be a value that age has encrypted: flynn forge set writes it'} as const;

export const forgeSchema: ObjectSchema<ForgeManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['kind', 'repository', 'token'],
  description: 'The forge that the cluster repository is followed from: its pull requests get a comment with the plan and a commit status, merged commits the status of their deploy.',
  properties: {
    kind: {enum: FORGE_KINDS, errorMessage: `must be one of ${FORGE_KINDS.join(', ')} (gitea for Forgejo too)`, description: 'Whose API it speaks: `github`, `gitlab`, or `gitea` (Forgejo too).'},
    url: {type: 'string', maxLength: 500, pattern: '^https?://[^\\s/@?#]+(/[^\\s?#]*)?$', errorMessage: 'must be a URL such as https://git.example.com', description: 'The site. Default: https://github.com or https://gitlab.com; Gitea has none.', examples: ['https://git.example.com']},
    repository: {type: 'string', maxLength: 500, pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$', errorMessage: 'must be the owner and the name of a repository such as team/cluster', description: 'Owner and name of the repository.', examples: ['team/cluster']},
    token: {...sealedSchema, description: "The token that it is written with, encrypted to the cluster's recipients: `flynn forge set` writes it."},
    hookSecret: {...sealedSchema, description: 'What webhooks prove themselves with, encrypted likewise: `flynn forge hook` makes it. Default: none.'},
    pollSeconds: {type: 'number', minimum: 10, maximum: 3600, default: FORGE_DEFAULTS.pollSeconds, description: 'From one look at the open pull requests to the next; a webhook makes it look at once.'},
  },
};

export function checkForge(forge: ForgeManifest | undefined): readonly Problem[] {
  if (forge === undefined) return [];
  const {kind, repository, token, hookSecret} = forge;
  const at = (field: keyof ForgeManifest, message: string): readonly Problem[] => [{path: ['forge', field], message}];
  const url = urlOfForge(forge);
  const sealed = (field: 'token' | 'hookSecret', value: string | undefined): readonly Problem[] => {
    const armor = value === undefined ? undefined : readArmor(value);
    return armor?.ok === false ? at(field, `forge.${field} ${armor.problem}`) : [];
  };
  return [
    ...(url === undefined ? [{path: ['forge'], message: `forge.url is missing: there is no public site of ${kind}`}] : []),
    // It is told with every question: only where nobody on the way can read it.
    ...(url?.startsWith('http://') === true && !isLoopback(new URL(url).hostname) ? at('url', 'forge.url has to be https://: a token would be sent in the clear') : []),
    ...(kind !== 'gitlab' && repository.split('/').length !== 2 ? at('repository', `forge.repository has to be an owner and a name, not "${repository}"`) : []),
    ...sealed('token', token),
    ...sealed('hookSecret', hookSecret),
  ];
}

/** Without a slash at its end. Undefined: none is said, and there is no public one. */
export function urlOfForge({kind, url}: Pick<ForgeManifest, 'kind' | 'url'>): string | undefined {
  return (url ?? PUBLIC_URLS[kind])?.replace(/\/+$/, '');
}
