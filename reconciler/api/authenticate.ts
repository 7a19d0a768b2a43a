import {createHash, timingSafeEqual} from 'node:crypto';
import type {IncomingHttpHeaders} from 'node:http';
import type {Author} from '../checkout/snapshot.ts';
import {parseAuthor} from './author.ts';

/** Who is asking; `undefined`: nobody we know. */
export type Authenticate = (headers: IncomingHttpHeaders) => Author | undefined;

export interface Credentials {
  readonly token: string;
  /** Author of what is asked for without a name. */
  readonly operator: Author;
}

/**
 * Accepts the token as `Bearer`, or as the password of `Basic` (git). It proves the right to act; the name is what its holder says:
 * `X-Flynn-Author`, or the user name of Basic, or else the operator. The comparison takes the same time for every wrong token.
 */
export function createAuthenticate({token, operator}: Credentials): Authenticate {
  if (token === '') throw new Error('bug: an empty token would let everybody in');
  const expected = digest(token);
  return (headers) => {
    const offered = parseAuthorization(headers.authorization);
    if (offered === undefined || !timingSafeEqual(digest(offered.token), expected)) return undefined;
    const named = headers['x-flynn-author'];
    return (typeof named === 'string' ? parseAuthor(named) : undefined) ?? parseAuthor(offered.user) ?? operator;
  };
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
