import tls from 'node:tls';
import * as openid from 'openid-client';
import {anySignal} from '../../reconciler/any-signal.ts';
import type {ProviderManifest} from '../../schemas/oidc.ts';
import {Failure} from '../command.ts';

/** What a provider gives somebody who has signed in. */
export interface Tokens {
  readonly idToken: string;
  /** Absent: it gives none. */
  readonly refreshToken?: string;
}

/** A provider that has said what it can do. */
export interface Provider {
  readonly manifest: ProviderManifest;
  readonly config: openid.Configuration;
  /** What is asked for: who it is, and to be told so again later. */
  readonly scope: string;
}

const ANSWER_SECONDS_MAX = 20;

/** Asks a provider what it can do (OpenID Connect Discovery 1.0). Throws `Failure`. */
export async function connectProvider(manifest: ProviderManifest, signal: AbortSignal): Promise<Provider> {
  const {issuer, clientId, publicClientSecret} = manifest;
  // As the rest of this machine: a company signs its provider's certificate itself.
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), ...tls.getCACertificates('system')]);
  const config = await saying(issuer, openid.discovery(new URL(issuer), clientId, undefined, publicClientSecret === undefined ? openid.None() : openid.ClientSecretPost(publicClientSecret), {
    // The manifest's check has it that nobody but this machine hears it.
    execute: issuer.startsWith('http:') ? [openid.allowInsecureRequests] : [],
    timeout: ANSWER_SECONDS_MAX,
    [openid.customFetch]: (url, options) => fetch(url, {...options, signal: options.signal === undefined ? signal : anySignal([options.signal, signal])} as RequestInit),
  }), signal);
  // Google has no such scope, and gives a refresh token all the same.
  const isOffline = config.serverMetadata().scopes_supported?.includes('offline_access') === true;
  return {manifest, config, scope: isOffline ? 'openid offline_access' : 'openid'};
}

/** What a refresh token takes (OpenID Connect Core 1.0, 11). */
export function consentFor(scope: string): {readonly prompt?: 'consent'} {
  return scope.includes('offline_access') ? {prompt: 'consent'} : {};
}

/** Of an answer of the token endpoint. Throws `Failure` when it does not say who it is. */
export function tokensIn({id_token: idToken, refresh_token: refreshToken}: {readonly id_token?: string; readonly refresh_token?: string}, {issuer}: ProviderManifest): Tokens {
  if (idToken === undefined) throw new Failure(`${issuer} does not say who you are (its answer has no ID token)`, {advice: ['log in again: flynn login']});
  return {idToken, ...(refreshToken !== undefined && {refreshToken})};
}

/** What a provider says no to, or that it can't be asked, becomes a `Failure`. */
export async function saying<Value>(issuer: string, work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof Failure ? error : new Failure(whatIsWrong(issuer, error), {cause: error});
  }
}

/** Codes of RFC 6749, 5.2 and 4.1.2.1, and of RFC 8628, 3.5. */
export function refusalCode(error: unknown): string | undefined {
  const cause = error instanceof Failure ? error.cause : error;
  return cause instanceof openid.ResponseBodyError || cause instanceof openid.AuthorizationResponseError ? cause.error : undefined;
}

function whatIsWrong(issuer: string, error: unknown): string {
  const code = refusalCode(error);
  if (code !== undefined) {
    const {error_description: more} = error as {readonly error_description?: string};
    return `${issuer} says no: ${more ?? code}`;
  }
  const {cause, message} = error as Error;
  const reason = (cause as NodeJS.ErrnoException | undefined)?.code ?? (cause instanceof Error ? cause.message : undefined) ?? message;
  return error instanceof openid.ClientError && !(cause instanceof TypeError) ? `${issuer} answers in a way that is not OpenID Connect's: ${message}` : `${issuer} can't be reached (${reason})`;
}
