import {createHash, timingSafeEqual} from 'node:crypto';
import type {IncomingHttpHeaders} from 'node:http';
import {mayDo, NOBODY, type Access} from '../access/access.ts';
import {ownerOf, type Claims} from '../access/identities.ts';
import type {Right} from '../access/rights.ts';
import type {Author} from '../checkout/snapshot.ts';
import {parseAuthor} from './author.ts';

/** Who is asking; `undefined`: nobody we know. */
export type Authenticate = (headers: IncomingHttpHeaders) => Principal | undefined;

/** Somebody whom we know, and what he may do. As an author he is what his commits say. */
export interface Principal extends Author {
  /** Name of his file below `people/`; `operator` is who has the node's own token. */
  readonly user: string;
  /** Which of his tokens he came with. Absent: the node's own, or a key. */
  readonly token?: string;
  /** Who he is at an identity provider, when that says who he is. */
  readonly oidc?: SignedIn;
  /** Of a token that is good for less than its owner. */
  readonly isLimited?: boolean;
  /** `app`: whose it is, where the right is one of an app. */
  may(right: Right, app?: string): boolean;
}

/** By whom somebody is known, and as what. */
export type SignedIn = Pick<Claims, 'issuer' | 'subject'>;

/** Who has the node's own token: he may do everything, as on the machine itself. No person can be called so. */
export const OPERATOR = 'operator';

export interface Credentials {
  readonly token: string;
  /** Author of what is asked for with the node's own token and without a name. */
  readonly operator: Author;
  /** People and their tokens, as the applied commit has them. Absent: there are none. */
  access?(): Access;
  /** What a token of an identity provider says that was checked when it came in. Absent: there are none. */
  claims?(token: string): Claims | undefined;
  /** Milliseconds since 1970. */
  nowMs?(): number;
}

/**
 * Accepts a token as `Bearer`, or as the password of `Basic` (git). A person's token says who he is. The node's own one proves the right to act, and the
 * name is what its holder says: `X-Flynn-Author`, or the user name of Basic, or else the operator.
 *
 * Only hashes are compared: how long that takes tells nothing of a token.
 */
export function createAuthenticate({token, operator, access = () => NOBODY, claims = () => undefined, nowMs = Date.now}: Credentials): Authenticate {
  if (token === '') throw new Error('bug: an empty token would let everybody in');
  const expected = digest(token);
  return (headers) => {
    const offered = parseAuthorization(headers.authorization);
    if (offered === undefined) return undefined;
    const hash = digest(offered.token);
    if (!timingSafeEqual(hash, expected)) return personOf(hashOf(hash), access(), nowMs()) ?? identified(claims(offered.token), access());
    const named = headers['x-flynn-author'];
    const author = (typeof named === 'string' ? parseAuthor(named) : undefined) ?? parseAuthor(offered.user) ?? operator;
    return {...author, user: OPERATOR, may: () => true};
  };
}

/** Why a token that was good once is none any more, for whoever has it. Undefined: it never was, or still is. */
export type TellExpiry = (headers: IncomingHttpHeaders) => string | undefined;

export function createTellExpiry({access, nowMs = Date.now}: Required<Pick<Credentials, 'access'>> & Pick<Credentials, 'nowMs'>): TellExpiry {
  return (headers) => {
    const offered = parseAuthorization(headers.authorization);
    const token = offered && access().tokens.get(hashOf(digest(offered.token)));
    if (token?.expiresAtMs === undefined || token.expiresAtMs >= nowMs()) return undefined;
    return `the token ${token.name} of ${token.user} is not good any more: it expired on ${new Date(token.expiresAtMs).toISOString().slice(0, 10)}`;
  };
}

/** Who comes with a key that sshd has had proved, by its fingerprint. He may do all that he may by his roles. */
export function principalOfKey(fingerprint: string, {people, sshKeys}: Access): Principal | undefined {
  const person = people.get(sshKeys.get(fingerprint)?.user ?? '');
  return person && {name: person.name, email: person.email, user: person.user, may: (right, app) => mayDo(person.roles, right, app)};
}

function personOf(hash: string, {people, tokens}: Access, nowMs: number): Principal | undefined {
  const token = tokens.get(hash);
  const person = token && people.get(token.user);
  if (token === undefined || person === undefined || (token.expiresAtMs !== undefined && nowMs > token.expiresAtMs)) return undefined;
  return {name: person.name, email: person.email, user: person.user, token: token.name, isLimited: token.isLimited, may: (right, app) => mayDo(token.roles, right, app)};
}

/** Who has an identity, by the commit that is applied now. */
function identified(claims: Claims | undefined, {people, identities}: Access): Principal | undefined {
  const owner = claims && ownerOf(claims, identities);
  const person = owner?.ok === true ? people.get(owner.value.user) : undefined;
  if (claims === undefined || owner?.ok !== true || person === undefined) return undefined;
  const {issuer, subject} = claims;
  const {roles, isLimited} = owner.value;
  return {name: person.name, email: person.email, user: person.user, oidc: {issuer, subject}, isLimited, may: (right, app) => mayDo(roles, right, app)};
}

/** The token that a request has, whosever it is. */
export function tokenIn({authorization}: IncomingHttpHeaders): string | undefined {
  return parseAuthorization(authorization)?.token;
}

function parseAuthorization(header: string | undefined): {readonly user: string; readonly token: string} | undefined {
  const [, scheme, value] = /^(bearer|basic) +(\S+) *$/i.exec(header ?? '') ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return {user: '', token: value};
  const pair = Buffer.from(value, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon === -1 ? undefined : {user: pair.slice(0, colon), token: pair.slice(colon + 1)};
}

/** Makes all inputs of one length: `timingSafeEqual` asks for it, and a length is a hint too. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** As it stands in `people/`. */
function hashOf(hash: Buffer): string {
  return `sha256:${hash.toString('hex')}`;
}
