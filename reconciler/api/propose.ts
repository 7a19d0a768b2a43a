import type {FastifyRequest} from 'fastify';
import type {Right} from '../access/rights.ts';
import type {RouteRight} from './permit.ts';
import {ApiError} from './problem.ts';

/** With this header a change is proposed instead of made. Its value is the proposal's title, percent-encoded; empty: as the commit would be called. */
export const PROPOSE_HEADER = 'x-flynn-propose';
const TITLE_LENGTH_MAX = 200;

/** Wishes that are an edit of manifests and nothing else: who may propose at all may propose these, and who approves it has the rights for it. */
const EDITS: ReadonlySet<string> = new Set([
  'POST /v1/apps', 'POST /v1/apps/:app/destroy', 'POST /v1/apps/:app/rename', 'POST /v1/apps/:app/scale', 'POST /v1/apps/:app/env',
  'POST /v1/apps/:app/routes', 'PATCH /v1/apps/:app/routes/*', 'DELETE /v1/apps/:app/routes/*', 'POST /v1/apps/:app/domains', 'DELETE /v1/apps/:app/domains', 'DELETE /v1/apps/:app/domains/:host',
  'PUT /v1/apps/:app/services/:service', 'DELETE /v1/apps/:app/services/:service', 'PATCH /v1/nodes/:node',
  'POST /v1/apps/:app/cron/:cron', 'POST /v1/apps/:app/maintenance', 'POST /v1/apps/:app/suspend', 'POST /v1/people', 'POST /v1/people/:user/remove',
  'POST /v1/people/:user/roles', 'POST /v1/teams', 'POST /v1/teams/:team/remove', 'POST /v1/teams/:team/members', 'POST /v1/teams/:team/roles',
  'POST /v1/people/:user/identities', 'POST /v1/people/:user/identities/remove', 'POST /v1/oidc', 'POST /v1/oidc/remove',
]);
/** Commits that take something of the node too, or that everybody may make of what is his: proposing them takes what doing it takes. */
const WORKS: ReadonlySet<string> = new Set([
  'POST /v1/drains', 'POST /v1/drains/remove', 'POST /v1/certificates', 'POST /v1/certificates/remove', 'POST /v1/acme', 'POST /v1/acme/remove', 'POST /v1/registry', 'POST /v1/registry/remove', 'POST /v1/forge', 'POST /v1/forge/remove',
  'POST /v1/apps/:app/rollback', 'POST /v1/apps/:app/rebase', 'POST /v1/apps/:app/releases', 'POST /v1/apps/:app/builds', 'POST /v1/apps/:app/services', 'PATCH /v1/apps/:app/services/:service',
  'POST /v1/people/:user/tokens', 'POST /v1/people/:user/tokens/:token/remove', 'POST /v1/people/:user/keys', 'POST /v1/people/:user/keys/remove',
  'POST /v1/apps/:app/source/hook', 'POST /v1/forge/hook',
]);

/** Undefined: it is to be done at once. */
export function proposalTitle({headers}: Pick<FastifyRequest, 'headers'>): string | undefined {
  const value = headers[PROPOSE_HEADER];
  if (typeof value !== 'string') return undefined;
  try {
    return decodeURIComponent(value).trim().slice(0, TITLE_LENGTH_MAX);
  } catch {
    throw new ApiError(400, `${PROPOSE_HEADER} has to be percent-encoded`);
  }
}

/** The message of the proposed commit. */
export function titled(message: string, title: string | undefined): string {
  return title === undefined || title === '' ? message : `${title}\n\n${message}`;
}

/** @throws {ApiError} when it is nothing that could wait */
export function rightToPropose(route: string, right: RouteRight | undefined): RouteRight | undefined {
  if (EDITS.has(route)) return 'cluster.propose' satisfies Right;
  if (WORKS.has(route)) return right;
  throw new ApiError(400, 'this is no change of the cluster repository, or one that is made at once: it can\'t be proposed');
}
