import type {FastifyReply, FastifyRequest} from 'fastify';
import type {Audit} from '../oneshot/oneshot.ts';
import {actorOf, addressOf} from './audit.ts';
import {tokenIn, type Authenticate, type Principal, type TellExpiry} from './authenticate.ts';
import {LoginLimit} from './login-limit.ts';
import {platformUrlOf, isLoopbackDomain, type NodeSettings} from '../settings.ts';
import {ApiError} from './problem.ts';
import {Refusals} from './refusals.ts';
import type {IdentityTokens} from '../oidc/tokens.ts';

type Addresses = Pick<NodeSettings, 'domain' | 'httpPort' | 'httpsPort'>;

export type Entry =
  | {readonly ok: true; readonly principal: Principal}
  /** `waitSeconds`: when another try may come. */
  | {readonly ok: false; readonly status: 401 | 403 | 429 | 503; readonly why: string; readonly waitSeconds?: number};

export interface LoginParts {
  readonly authenticate: Authenticate;
  readonly tellExpiry?: TellExpiry;
  readonly audit: Pick<Audit, 'add'>;
  readonly settings: Addresses;
  /** Absent: no identity provider is asked. */
  readonly identityTokens?: Pick<IdentityTokens, 'refusal'>;
}

/** Longest reason that is in the audit log: subjects are what a provider makes of them. */
const WHY_LENGTH_MAX = 300;

/** Whoever comes with a token comes in here, at whichever door: the API, websockets among it, git and /metrics count wrong ones together. */
export class Logins {
  readonly #authenticate: Authenticate;
  readonly #tellExpiry: TellExpiry;
  readonly #settings: Addresses;
  readonly #refusals: Refusals;
  readonly #identityTokens: Pick<IdentityTokens, 'refusal'> | undefined;
  readonly #limit = new LoginLimit();

  constructor({authenticate, tellExpiry = () => undefined, audit, settings, identityTokens}: LoginParts) {
    this.#identityTokens = identityTokens;
    this.#settings = settings;
    this.#tellExpiry = tellExpiry;
    this.#authenticate = authenticate;
    this.#refusals = new Refusals(audit);
  }

  async enter(request: FastifyRequest): Promise<Entry> {
    const from = addressOf(request);
    // Asked before there is a token: git sends it only when it is asked for one.
    if (isReadable(request, this.#settings)) {
      const isApi = request.url.startsWith('/v1/') || request.url.startsWith('/metrics');
      return {ok: false, status: 403, why: `over http:// your token could be read on its way: use ${platformUrlOf(isApi ? 'api' : 'git', this.#settings).replace(/\/$/, '')}${isApi ? '' : request.url.replace(/\.git\/.*$/, '.git')}`};
    }
    const waitMs = this.#limit.waitMs(from, Date.now());
    if (waitMs > 0) return {ok: false, status: 429, why: 'too many wrong tokens came from your address: try again later', waitSeconds: Math.ceil(waitMs / 1000)};
    const refusal = await this.#identityTokens?.refusal(tokenIn(request.headers) ?? '');
    const principal = this.#authenticate(request.headers);
    if (principal !== undefined && refusal === undefined) return {ok: true, principal};
    if (refusal?.isOutage === true) return {ok: false, status: 503, why: refusal.why};
    if (request.headers.authorization !== undefined) {
      this.#limit.failed(from, Date.now());
      await this.#refusals.add({...actorOf(undefined, request), action: 'wrong token', subject: `${request.method} ${request.url.split('?')[0]}${refusal === undefined ? '' : `: ${refusal.why}`.slice(0, WHY_LENGTH_MAX)}`}, Date.now());
    }
    return {ok: false, status: 401, why: refusal?.why ?? this.#tellExpiry(request.headers) ?? "the token is missing or not the cluster's"};
  }
}

/** Whether a request came over the network without TLS. What comes from this machine, and what a proxy that is trusted got over TLS, did not. */
function isReadable(request: FastifyRequest, {domain}: Addresses): boolean {
  const {headers} = request;
  // Only our router says so; nobody but this machine reaches us without it.
  if (headers['x-forwarded-for'] === undefined || headers['x-forwarded-proto'] === 'https') return false;
  return !isLoopbackDomain(domain) && !/^(127\.|::1$|::ffff:127\.)/.test(addressOf(request));
}

/** @throws {ApiError} 403 where the token could be read, 401, 429 for an address that has tried too often, or 503 when an identity provider can't be asked */
export async function mustEnter(logins: Logins, request: FastifyRequest, reply: FastifyReply): Promise<Principal> {
  const entry = await logins.enter(request);
  if (entry.ok) return entry.principal;
  if (entry.waitSeconds !== undefined) reply.header('retry-after', String(entry.waitSeconds));
  throw new ApiError(entry.status, entry.why);
}
