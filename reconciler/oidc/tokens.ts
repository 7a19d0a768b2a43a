import {createHash} from 'node:crypto';
import type {ProviderManifest} from '../../schemas/oidc.ts';
import type {Access} from '../access/access.ts';
import {audiencesAt, issuersIn, ownerOf, type Claims} from '../access/identities.ts';
import {Issuer, type Ask} from './issuer.ts';
import type {Proven, Verdict} from './verify.ts';

/** Why a token lets nobody in. */
export interface Refusal {
  readonly why: string;
  /** Nobody can say so now: it may be a good one. */
  readonly isOutage: boolean;
}

/** How an issuer was when it was just asked. */
export interface IssuerState {
  readonly issuer: string;
  /** Of those that it signs with. Absent: it did not answer. */
  readonly keys?: number;
  readonly problem?: string;
}

/** Longest token that is looked at, in characters: Node takes 16 KiB of headers in all. */
const LENGTH_MAX = 14_000;
/** Tokens that are remembered until they end; the oldest goes first. */
const PROVEN_MAX = 10_000;
/** As long as a clock may be wrong. */
const GRACE_MS = 60_000;

/**
 * Tokens that identity providers have signed: the command line's ID tokens, and those of jobs elsewhere. Whose they are says the applied commit, anew each time: nothing is kept
 * of them but that they were good, so nobody has to be logged out.
 */
export class IdentityTokens {
  readonly #access: () => Access;
  readonly #ask: Ask;
  readonly #nowMs: () => number;
  readonly #issuers = new Map<string, Issuer>();
  /** By the hash of the token. */
  readonly #proven = new Map<string, Proven>();

  constructor({access, ask, nowMs = Date.now}: {access(): Access; readonly ask: Ask; nowMs?(): number}) {
    this.#access = access;
    this.#ask = ask;
    this.#nowMs = nowMs;
  }

  /** Checks a token, which `claims` knows from then on. Resolves to why it is nobody's; undefined: it is somebody's, or none of this kind. */
  async refusal(token: string): Promise<Refusal | undefined> {
    if (!isShaped(token)) return undefined;
    const {identities} = this.#access();
    const issuer = issuerIn(token);
    const audiences = issuer === undefined ? [] : audiencesAt(issuer, identities);
    if (issuer === undefined || audiences.length === 0) return {isOutage: false, why: 'the token is missing or not the cluster\'s: it is of no issuer that is known here'};
    const {provider} = identities;
    const checked = await this.#check(token, this.#issuer(issuer), {issuer, audiences, ...(provider?.issuer === issuer && {clientId: provider.clientId})});
    if ('isOutage' in checked) return checked;
    this.#remember(token, checked);
    const owner = ownerOf(checked, identities);
    return owner.ok ? undefined : {isOutage: false, why: owner.problem};
  }

  /** What a token says that was good when it was checked, and is now. */
  claims(token: string): Claims | undefined {
    const known = isShaped(token) ? this.#proven.get(hashOf(token)) : undefined;
    // Its minute of grace is for clocks, and was had when it was checked: what is being answered goes on.
    return known !== undefined && this.#nowMs() <= known.expiresAtMs + GRACE_MS ? known : undefined;
  }

  /** That people can sign in with. */
  provider(): ProviderManifest | undefined {
    return this.#access().identities.provider;
  }

  /** Asks all issuers that somebody is known by. */
  async look(): Promise<readonly IssuerState[]> {
    return Promise.all(issuersIn(this.#access().identities).map(async (url): Promise<IssuerState> => {
      const keys = await this.#issuer(url).look();
      return keys.ok ? {issuer: url, keys: keys.value.count} : {issuer: url, problem: keys.problem};
    }));
  }

  async #check(token: string, issuer: Issuer, {issuer: name, audiences, clientId}: {readonly issuer: string; readonly audiences: readonly string[]; readonly clientId?: string}): Promise<Proven | Refusal> {
    const expected = {issuer: name, audiences, ...(clientId !== undefined && {clientId}), nowMs: this.#nowMs()};
    const keys = await issuer.keys();
    if (!keys.ok) return {isOutage: true, why: `${name} can't be asked whether the token is good (${keys.problem}); tokens of the cluster work all the same`};
    const {verify} = await import('./verify.ts');
    let verdict: Verdict = await verify(token, keys.value.find, expected);
    if (verdict.kind === 'unknown key') {
      // It may have got new ones.
      const newer = await issuer.keysAfter(keys.value);
      if (newer.ok && newer.value !== keys.value) verdict = await verify(token, newer.value.find, expected);
    }
    if (verdict.kind === 'proven') return verdict.proven;
    return {isOutage: false, why: `the token of ${name} is not taken: ${verdict.kind === 'refused' ? verdict.why : 'it is signed with a key that is none of its issuer\'s'}`};
  }

  #issuer(url: string): Issuer {
    const known = this.#issuers.get(url) ?? new Issuer(url, {ask: this.#ask, nowMs: this.#nowMs});
    this.#issuers.set(url, known);
    return known;
  }

  #remember(token: string, proven: Proven): void {
    const key = hashOf(token);
    this.#proven.delete(key);
    this.#proven.set(key, proven);
    const [oldest] = this.#proven.keys();
    if (this.#proven.size > PROVEN_MAX && oldest !== undefined) this.#proven.delete(oldest);
  }
}

/** Three parts in base64url (RFC 7515, 7.1). Tokens of the cluster have no dot. */
function isShaped(token: string): boolean {
  return token.length <= LENGTH_MAX && /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token);
}

/** What it says of itself: nothing is believed of it but where to ask. */
function issuerIn(token: string): string | undefined {
  try {
    const {iss} = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {readonly iss?: unknown};
    return typeof iss === 'string' ? iss : undefined;
  } catch {
    return undefined;
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
