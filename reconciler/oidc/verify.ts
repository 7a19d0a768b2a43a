import {errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyResult} from 'jose';
import {fail, ok, type Result} from '../../schemas/result.ts';
import type {Claims} from '../access/identities.ts';

/** What a token says whose signature, time and audience are right. */
export interface Proven extends Claims {
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

export type Verdict =
  | {readonly kind: 'proven'; readonly proven: Proven}
  | {readonly kind: 'refused'; readonly why: string}
  /** Signed by a key that is not among these. */
  | {readonly kind: 'unknown key'};

export interface Expectation {
  readonly issuer: string;
  /** One of these. */
  readonly audiences: readonly string[];
  /** Which of them is our own client there, that the token has to be made for. */
  readonly clientId?: string;
  readonly nowMs: number;
}

/** What an issuer signs with a private key: never `none`, and nothing (HS256 …) that its public key could have been used for. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
/** By how much clocks may differ. */
const SKEW_SECONDS = 60;
/** Since it was made, whatever it says of its end. */
const AGE_SECONDS_MAX = 24 * 60 * 60;
/** Tried one by one where a token does not say which. */
const KEYS_TRIED_MAX = 20;

/** Checks an ID token, or one that a job has got (RFC 7519, OpenID Connect Core 1.0, 3.1.3.7). */
export async function verify(token: string, find: JWTVerifyGetKey, expected: Expectation): Promise<Verdict> {
  try {
    const {payload, protectedHeader: {typ}} = await checked(token, find, expected);
    // An access token (RFC 9068) is for somebody else's API.
    if (typ !== undefined && typ.toUpperCase() !== 'JWT') return {kind: 'refused', why: `it is of the type ${JSON.stringify(typ)}, and no ID token`};
    const claims = claimsIn(payload, expected);
    return claims.ok ? {kind: 'proven', proven: claims.value} : {kind: 'refused', why: claims.problem};
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return {kind: 'unknown key'};
    return {kind: 'refused', why: whyNot(error)};
  }
}

async function checked(token: string, find: JWTVerifyGetKey, {issuer, audiences, nowMs}: Expectation): Promise<Pick<JWTVerifyResult, 'payload' | 'protectedHeader'>> {
  const options = {
    algorithms: ALGORITHMS, issuer, audience: [...audiences], clockTolerance: SKEW_SECONDS, maxTokenAge: AGE_SECONDS_MAX, currentDate: new Date(nowMs), requiredClaims: ['sub', 'exp', 'iat'],
  };
  try {
    return await jwtVerify(token, find, options);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let tried = 0;
    for await (const key of error) {
      if (++tried > KEYS_TRIED_MAX) break;
      try {
        return await jwtVerify(token, key, options);
      } catch (one) {
        if (!(one instanceof errors.JWSSignatureVerificationFailed)) throw one;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

function claimsIn({iss, sub, aud, azp, exp}: JWTPayload, {audiences, clientId}: Expectation): Result<Proven, string> {
  if (iss === undefined || typeof sub !== 'string' || sub === '' || exp === undefined) return fail('it does not say whose it is');
  const all = [aud ?? []].flat();
  const audience = audiences.find((one) => all.includes(one));
  if (audience === undefined) return fail('it is for somebody else');
  // Any of the others could have passed it on.
  if (all.length > 1 && azp !== audience) return fail('it is for several audiences, of which others could have passed it on');
  if (audience === clientId && azp !== undefined && azp !== clientId) return fail('it was made for another client (azp)');
  return ok({issuer: iss, subject: sub, audience, expiresAtMs: exp * 1000});
}

function whyNot(error: unknown): string {
  if (error instanceof errors.JWTExpired) return error.claim === 'exp' ? 'it has expired' : 'it is older than a day';
  if (error instanceof errors.JWTClaimValidationFailed) return WRONG_CLAIMS[error.claim] ?? error.message;
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong';
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) return `it is signed in a way that is not taken (${ALGORITHMS.join(', ')} are)`;
  return 'it is malformed';
}

const WRONG_CLAIMS: Readonly<Record<string, string>> = {
  aud: 'it is for somebody else (aud)', iss: 'it is of somebody else (iss)', nbf: 'it is not good yet (nbf)', sub: 'it does not say whose it is (sub)', exp: 'it has no end (exp)', iat: 'it does not say when it was made, or that is in the future (iat)',
};
