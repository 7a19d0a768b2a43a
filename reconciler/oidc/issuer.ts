import type {JSONWebKeySet, JWTVerifyGetKey} from 'jose';
import {isLoopback} from '../../schemas/loopback.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';

/** Asks for a JSON object. Rejects with why there is none. */
export type Ask = (url: URL) => Promise<Readonly<Record<string, unknown>>>;

/** The public keys of an issuer, as they were at a moment. */
export interface IssuerKeys {
  readonly find: JWTVerifyGetKey;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly askedAtMs: number;
}

/** Keys older than this are asked for again, beside the work. */
const FRESH_MS = 10 * 60_000;
/** Keys older than this are not used any more, whether there are others or not: somebody may have found one. */
const USABLE_MS = 24 * 60 * 60_000;
/** From one question to the next, whatever tokens come in: anybody can make one that names a key that is not there. */
const PAUSE_MS = 30_000;
/** The same while there are no keys, so that it comes back soon; and for people who may look how it is. */
const SHORT_PAUSE_MS = 3_000;
const KEYS_MAX = 100;

/**
 * The keys that an issuer signs with (OpenID Connect Discovery 1.0, RFC 7517). Those that are known go on being good for a day while it can't be asked: that is why
 * `createRemoteJWKSet` of jose is not used, which takes them for ten minutes.
 */
export class Issuer {
  readonly url: string;
  readonly #ask: Ask;
  readonly #nowMs: () => number;
  #keys: IssuerKeys | undefined;
  #askedAtMs = -Infinity;
  #asking: Promise<void> | undefined;
  /** Why the last question was not answered. */
  #problem: string | undefined;

  constructor(url: string, {ask, nowMs}: {readonly ask: Ask; nowMs(): number}) {
    this.url = url;
    this.#ask = ask;
    this.#nowMs = nowMs;
  }

  /** Those that are there; asks for them when there are none. */
  async keys(): Promise<Result<IssuerKeys, string>> {
    const known = this.#known();
    if (known === undefined) await this.#refresh();
    else if (this.#nowMs() - known.askedAtMs > FRESH_MS) void this.#refresh(); // never rejects
    return this.#result();
  }

  /** Newer ones than these, when it may be asked again. */
  async keysAfter(known: IssuerKeys): Promise<Result<IssuerKeys, string>> {
    if (this.#keys === known) await this.#refresh();
    return this.#result();
  }

  /** For who wants to know whether it answers. */
  async look(): Promise<Result<IssuerKeys, string>> {
    await this.#refresh(SHORT_PAUSE_MS);
    return this.#problem === undefined ? this.#result() : fail(this.#problem);
  }

  #known(): IssuerKeys | undefined {
    return this.#keys !== undefined && this.#nowMs() - this.#keys.askedAtMs < USABLE_MS ? this.#keys : undefined;
  }

  #result(): Result<IssuerKeys, string> {
    const known = this.#known();
    return known === undefined ? fail(this.#problem ?? 'it has not been asked yet') : ok(known);
  }

  /** One question at a time, and not too often. */
  async #refresh(pauseMs = this.#keys === undefined ? SHORT_PAUSE_MS : PAUSE_MS): Promise<void> {
    if (this.#asking === undefined) {
      if (this.#nowMs() - this.#askedAtMs < pauseMs) return;
      this.#askedAtMs = this.#nowMs();
      this.#asking = this.#askForKeys().then(
        (keys) => [this.#keys, this.#problem] = [keys, undefined],
        (error: unknown) => this.#problem = error instanceof Error ? error.message : String(error),
      ).then(() => this.#asking = undefined);
    }
    await this.#asking;
  }

  async #askForKeys(): Promise<IssuerKeys> {
    const {issuer, jwks_uri: place} = await this.#ask(new URL(`${this.url.replace(/\/$/, '')}/.well-known/openid-configuration`));
    if (issuer !== this.url) throw new Error(`it calls itself ${JSON.stringify(issuer)?.slice(0, 200)}`);
    const url = typeof place === 'string' ? URL.parse(place) : null;
    if (url === null) throw new Error('it does not say where its keys are');
    // As a manifest's issuer: only what stays on this machine may come in the clear.
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname) && isLoopback(new URL(this.url).hostname))) throw new Error('its keys would come in the clear');
    const set = await this.#ask(url);
    const {keys} = set;
    if (!Array.isArray(keys) || keys.length > KEYS_MAX) throw new Error(`it has no list of at most ${KEYS_MAX} keys`);
    // 16 MB of memory, for those who need it.
    const {createLocalJWKSet} = await import('jose');
    return {find: createLocalJWKSet(set as unknown as JSONWebKeySet), count: keys.length, askedAtMs: this.#nowMs()};
  }
}
