import {appRolesSchema, type AppRoles, roleSchema, type Role} from './roles.ts';
import {NAME_PATTERN} from './names.ts';
import {checkIdentities, identitiesSchema, type IdentityManifest} from './oidc.ts';
import {checkSigningKeys, signingKeysSchema} from './signing-keys.ts';
import {readLoginKey, LOGIN_KEY_LENGTH_MAX} from './login-key.ts';
import {headerProperties, type Header, type ObjectSchema, type Problem} from './schema.ts';

/** Somebody who uses the cluster: `people/<user>.yaml`. */
export interface PersonManifest extends Header<'Person'> {
  /** As it stands in commits. */
  readonly name: string;
  readonly email: string;
  /** For the whole cluster. */
  readonly role?: Role;
  readonly apps?: AppRoles;
  /** What he signs commits with: SSH public keys, OpenPGP public keys. Nothing else is done with them. */
  readonly signingKeys?: readonly string[];
  /** His names at git hosts. */
  readonly forge?: ForgeNames;
  /** Lines as they are in `authorized_keys`: what git over SSH knows the person by. */
  readonly sshKeys?: readonly string[];
  /** Who he is at identity providers. */
  readonly oidc?: readonly IdentityManifest[];
  /** By a name that says where it is used. */
  readonly tokens?: Readonly<Record<string, TokenManifest>>;
}

export interface ForgeNames {
  readonly github?: string;
  readonly gitlab?: string;
  readonly gitea?: string;
}

/** What a program proves itself with. Only its hash is here. */
export interface TokenManifest {
  /** SHA-256 of the whole token. It has 256 random bits, so nothing slower is needed. */
  readonly hash: string;
  /** The most that may be done with it. Absent: what its owner may. */
  readonly role?: Role;
  /** The only apps that it is good for. Absent: its owner's. */
  readonly apps?: readonly string[];
  /** RFC 3339. Absent: never. */
  readonly expires?: string;
}

const TOKENS_MAX = 50;
const KEYS_MAX = 50;

const tokenSchema: ObjectSchema<TokenManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['hash'],
  properties: {
    hash: {type: 'string', pattern: '^sha256:[0-9a-f]{64}$', errorMessage: 'must be sha256: and 64 hex digits: flynn token add writes it', description: 'SHA-256 of the token, which is nowhere else: `flynn token add` writes it.'},
    role: {...roleSchema, description: 'The most that may be done with it. Default: what its owner may.'},
    apps: {type: 'array', minItems: 1, maxItems: 100, items: {type: 'string', pattern: NAME_PATTERN, errorMessage: 'must be the name of an app'}, description: 'The only apps that it is good for. Default: all of its owner.', examples: [['shop']]},
    expires: {type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d)?Z)?$', errorMessage: 'must be a day such as 2027-01-31, or a time such as 2027-01-31T12:00Z', description: 'The last moment of it, UTC. Default: never.', examples: ['2027-01-31']},
  },
};

const forgeNameSchema = {type: 'string', maxLength: 100, pattern: '^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$', errorMessage: 'must be the name of a user there, without @'} as const;

const forgeSchema: ObjectSchema<ForgeNames> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'Names at git hosts, for `flynn codeowners` and who has approved what. Default: the mail address.',
  properties: {
    github: {...forgeNameSchema, description: 'At GitHub.', examples: ['annlee']},
    gitlab: {...forgeNameSchema, description: 'At GitLab.', examples: ['annlee']},
    gitea: {...forgeNameSchema, description: 'At Gitea or Forgejo.', examples: ['annlee']},
  },
};

export const personSchema: ObjectSchema<PersonManifest> = {
  title: 'Person',
  description: 'Somebody who uses a Flynn cluster: people/<user>.yaml.',
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind', 'name', 'email'],
  properties: {
    ...headerProperties('Person'),
    name: {type: 'string', maxLength: 200, pattern: '^[^\\u0000-\\u001f<>]*[^\\s\\u0000-\\u001f<>][^\\u0000-\\u001f<>]*$', errorMessage: 'must be a name as git has them, without < and >', description: 'As it stands in commits.', examples: ['Ann Lee']},
    email: {type: 'string', maxLength: 254, pattern: '^[^\\s<>@]+@[^\\s<>@]+$', errorMessage: 'must be a mail address', description: 'As it stands in commits.', examples: ['ann@example.com']},
    role: {...roleSchema, description: 'For the whole cluster. Default: none, only those for apps and of teams.'},
    apps: appRolesSchema,
    signingKeys: {...signingKeysSchema, description: 'Public keys that commits are signed with: lines of SSH .pub files, OpenPGP keys (gpg --armor --export). They open nothing, and keys that do sign nothing.', examples: [['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1lL… ann@laptop']]},
    forge: forgeSchema,
    sshKeys: {
      type: 'array',
      maxItems: KEYS_MAX,
      items: {type: 'string', maxLength: LOGIN_KEY_LENGTH_MAX, errorMessage: 'must be a line as in ~/.ssh/id_ed25519.pub'},
      description: 'Public keys for git over SSH, as they are in ~/.ssh/*.pub: ed25519, ecdsa, rsa from 2048 bits on, and those of security keys (sk-). `flynn people key add` writes them.',
      examples: [['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINEQwNBTMvWcHUnJ/nlnM0fyYB98evtJcnVh7N8dJ3WR ann@laptop']],
    },
    oidc: identitiesSchema,
    tokens: {
      type: 'object',
      maxProperties: TOKENS_MAX,
      propertyNames: {pattern: NAME_PATTERN, errorMessage: 'must name a token: small letters, digits and inner dashes'},
      additionalProperties: tokenSchema,
      description: 'What programs prove themselves with, by a name that says where they are.',
    },
  },
  examples: [{apiVersion: 'flynn/v1', kind: 'Person', name: 'Ann Lee', email: 'ann@example.com', role: 'viewer', apps: {shop: 'maintainer'}}],
};

/** Days and times that the calendar does not have, and keys that are none. */
export function checkPerson({tokens = {}, signingKeys, sshKeys = [], oidc}: PersonManifest): readonly Problem[] {
  const days = Object.entries(tokens).flatMap(([name, {expires}]): Problem[] => (
    expires === undefined || Number.isFinite(expiryMs(expires)) ? [] : [{path: ['tokens', name, 'expires'], message: `"${expires}" is no day of the calendar`}]
  ));
  const read = sshKeys.map((line) => readLoginKey(line));
  const keys = read.flatMap((key, index): Problem[] => {
    if (!key.ok) return [{path: ['sshKeys', index], message: `the SSH key ${key.problem}`}];
    const isTwice = read.slice(0, index).some((before) => before.ok && before.value.fingerprint === key.value.fingerprint);
    return isTwice ? [{path: ['sshKeys', index], message: 'the SSH key is there twice'}] : [];
  });
  return [...checkSigningKeys(signingKeys, ['signingKeys']), ...days, ...keys, ...checkIdentities(oidc)];
}

/** Milliseconds since 1970; a day counts to its end. NaN: there is no such day. */
export function expiryMs(expires: string): number {
  const time = expires.includes('T') ? Date.parse(expires) : Date.parse(`${expires}T23:59:59Z`);
  // Date.parse takes 2027-02-31 for the 3rd of March.
  return Number.isFinite(time) && new Date(time).toISOString().startsWith(expires.slice(0, 10)) ? time : Number.NaN;
}
