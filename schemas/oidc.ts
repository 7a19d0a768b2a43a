import {isLoopback} from './loopback.ts';
import {NAME_PATTERN} from './names.ts';
import {roleSchema, type Role} from './roles.ts';
import type {ObjectSchema, Problem} from './schema.ts';

/** The identity provider that people sign in with: `oidc` of cluster.yaml. */
export interface ProviderManifest {
  /** As it names itself in what it signs. */
  readonly issuer: string;
  /** Of the command line, which is a public client there. */
  readonly clientId: string;
  /** For providers that give installed programs one all the same. It is told to whoever logs in. */
  readonly publicClientSecret?: string;
}

/** Who somebody is at a provider: one of `oidc` in people/<user>.yaml. */
export interface IdentityManifest {
  /** The `sub` claim. Of other issuers than the cluster's own, one `*` near its end stands for some characters. */
  readonly subject: string;
  /** Absent: the cluster's provider. */
  readonly issuer?: string;
  /** Whom its tokens have to be for. Absent: the API of this cluster. Only with an issuer. */
  readonly audience?: string;
  /** The most that may be done with it. Absent: what the person may. */
  readonly role?: Role;
  /** The only apps that it is good for. Absent: the person's. */
  readonly apps?: readonly string[];
}

const IDENTITIES_MAX = 50;
/** Sections, separated by colons, that no star may be in: they say whose job it is. */
const PLAIN_SECTIONS_MIN = 2;

const issuerSchema = {type: 'string', maxLength: 500, pattern: '^https?://[^\\s/@?#]+(/[^\\s?#]*)?$', errorMessage: 'must be a URL such as https://login.example.com, exactly as the provider names itself'} as const;
const nameSchema = {type: 'string', minLength: 1, maxLength: 500, pattern: '^[^\\u0000-\\u0020\\u007f]+( [^\\u0000-\\u0020\\u007f]+)*$'} as const;

export const providerSchema: ObjectSchema<ProviderManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['issuer', 'clientId'],
  description: 'The identity provider (OpenID Connect) that people sign in with by `flynn login`. Who they are is `oidc` of their files.',
  properties: {
    issuer: {...issuerSchema, description: 'The provider: `issuer` of what it has at /.well-known/openid-configuration.', examples: ['https://login.example.com/realms/acme']},
    clientId: {...nameSchema, errorMessage: 'must be the client id that the provider has given', description: 'The command line as a client there: a public one (native, with PKCE), for the device flow or with the redirect URI http://127.0.0.1/callback. Each cluster should have one of its own.', examples: ['flynn']},
    publicClientSecret: {...nameSchema, errorMessage: 'must be the secret that the provider has given', description: 'Only for providers such as Google that give installed programs a secret too. **It keeps nothing secret**: it is in git, and told to everybody who wants to log in.'},
  },
};

const identitySchema: ObjectSchema<IdentityManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['subject'],
  properties: {
    subject: {...nameSchema, errorMessage: 'must be a text, the `sub` claim of the tokens; quote it when it has digits only', description: 'The `sub` claim of the tokens. With an `issuer`, one `*` in it stands for any characters but a colon; it has to be behind the second colon.', examples: ['248289761001', 'repo:acme/shop:ref:refs/heads/main']},
    issuer: {...issuerSchema, description: 'Who signs the tokens. Default: `oidc.issuer` of cluster.yaml, with its `clientId` as the audience.', examples: ['https://token.actions.githubusercontent.com']},
    audience: {...nameSchema, errorMessage: 'must be the `aud` claim of the tokens', description: 'Whom the tokens have to be for, and nobody else. Only with `issuer`. Default: https://api.<domain of the cluster>.', examples: ['https://api.apps.example.com']},
    role: {...roleSchema, description: 'The most that may be done with it. Default: what the person may.'},
    apps: {type: 'array', minItems: 1, maxItems: 100, items: {type: 'string', pattern: NAME_PATTERN, errorMessage: 'must be the name of an app'}, description: 'The only apps that it is good for. Default: all of the person.', examples: [['shop']]},
  },
};

export const identitiesSchema = {
  type: 'array',
  maxItems: IDENTITIES_MAX,
  items: identitySchema,
  description: 'Who the person is at identity providers (OpenID Connect): at the cluster\'s own one for `flynn login`, at others for jobs without a stored secret.',
  examples: [[{subject: '248289761001'}]],
} as const;

export function checkProvider(provider: ProviderManifest | undefined): readonly Problem[] {
  const problem = provider === undefined ? undefined : problemOfIssuer(provider.issuer);
  return problem === undefined ? [] : [{path: ['oidc', 'issuer'], message: `oidc.issuer ${problem}`}];
}

export function checkIdentities(identities: readonly IdentityManifest[] = []): readonly Problem[] {
  return identities.flatMap((identity, index): readonly Problem[] => {
    const {issuer, audience} = identity;
    const at = (field: keyof IdentityManifest, message: string): Problem => ({path: ['oidc', index, field], message});
    const problem = issuer === undefined ? undefined : problemOfIssuer(issuer);
    return [
      ...(problem === undefined ? [] : [at('issuer', `oidc.${index}.issuer ${problem}`)]),
      ...(issuer === undefined && audience !== undefined ? [at('audience', `oidc.${index}.audience is for tokens of another issuer: say which one`)] : []),
      ...(isPattern(identity) && !isNarrow(identity.subject) ? [at('subject', `oidc.${index}.subject may have one "*", behind its second colon, as in "repo:acme/shop:ref:refs/heads/*": others than you mean could come in`)] : []),
    ];
  });
}

/** At the cluster's own provider a star is a star. */
export function isPattern({subject, issuer}: Pick<IdentityManifest, 'subject' | 'issuer'>): boolean {
  return issuer !== undefined && subject.includes('*');
}

function isNarrow(subject: string): boolean {
  const [before = '', ...after] = subject.split('*');
  return after.length === 1 && before.split(':').length > PLAIN_SECTIONS_MIN;
}

/** Keys that come in the clear could be anybody's. */
function problemOfIssuer(issuer: string): string | undefined {
  const url = URL.parse(issuer);
  if (url === null) return `is no URL: "${issuer}"`;
  return url.protocol === 'http:' && !isLoopback(url.hostname) ? 'has to be https://: its keys would come in the clear' : undefined;
}
