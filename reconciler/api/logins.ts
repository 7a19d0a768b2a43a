import type {FastifyReply, FastifyRequest} from 'fastify';
import type {Audit} from '../oneshot/oneshot.ts';
import {actorOf, addressOf} from './audit.ts';
import type {Authenticate, Principal} from './authenticate.ts';
import {LoginLimit} from './login-limit.ts';
import {ApiError} from './problem.ts';
import {Refusals} from './refusals.ts';

export type Entry =
  | {readonly ok: true; readonly principal: Principal}
  /** `waitSeconds`: when another try may come. */
  | {readonly ok: false; readonly status: 401 | 429; readonly why: string; readonly waitSeconds?: number};

/** Whoever comes with a token comes in here, at whichever door: the API, websockets among it, git and /metrics count wrong ones together. */
export class Logins {
  readonly #authenticate: Authenticate;
  readonly #refusals: Refusals;
  readonly #limit = new LoginLimit();

  constructor({authenticate, audit}: {readonly authenticate: Authenticate; readonly audit: Pick<Audit, 'add'>}) {
    this.#authenticate = authenticate;
    this.#refusals = new Refusals(audit);
  }

  async enter(request: FastifyRequest): Promise<Entry> {
    const from = addressOf(request);
    const waitMs = this.#limit.waitMs(from, Date.now());
    if (waitMs > 0) return {ok: false, status: 429, why: 'too many wrong tokens came from your address: try again later', waitSeconds: Math.ceil(waitMs / 1000)};
    const principal = this.#authenticate(request.headers);
    if (principal !== undefined) return {ok: true, principal};
    if (request.headers.authorization !== undefined) {
      this.#limit.failed(from, Date.now());
      await this.#refusals.add({...actorOf(undefined, request), action: 'wrong token', subject: `${request.method} ${request.url.split('?')[0]}`}, Date.now());
    }
    return {ok: false, status: 401, why: "the token is missing or not the cluster's"};
  }
}

/** @throws {ApiError} 401, or 429 for an address that has tried too often */
export async function mustEnter(logins: Logins, request: FastifyRequest, reply: FastifyReply): Promise<Principal> {
  const entry = await logins.enter(request);
  if (entry.ok) return entry.principal;
  if (entry.waitSeconds !== undefined) reply.header('retry-after', String(entry.waitSeconds));
  throw new ApiError(entry.status, entry.why);
}
