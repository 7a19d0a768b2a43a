import type {FastifyInstance, FastifyRequest} from 'fastify';
import {type Asking, refusalOf} from '../access/access.ts';
import type {Right} from '../access/rights.ts';
import type {AppName} from '../../schemas/ids.ts';
import type {Audit} from '../oneshot/oneshot.ts';
import {actorOf} from './audit.ts';
import type {Authenticate, Principal} from './authenticate.ts';
import {mustEnter, type Logins} from './logins.ts';
import {foreignOrigin} from './origin.ts';
import {ApiError} from './problem.ts';
import {proposalTitle, rightToPropose} from './propose.ts';
import {Refusals} from './refusals.ts';

/** `in handler`: what it takes depends on the body, and the handler calls `permit` itself. */
export type RouteRight = Right | 'in handler';

/**
 * What each question and each wish takes. A route that is not here is the operator's alone; `:app` in its path is the app that the right is
 * for. `test/reconciler/api/permit.test.ts` wants a line for each.
 */
export const ROUTE_RIGHTS: Readonly<Record<string, RouteRight>> = {
  'GET /v1/whoami': 'self.read',
  'GET /v1/status': 'cluster.look',
  'GET /v1/nodes': 'cluster.look',
  'GET /v1/nodes/:node': 'cluster.look',
  'PATCH /v1/nodes/:node': 'cluster.edit',
  'GET /v1/apps': 'cluster.look',
  'GET /v1/events': 'cluster.look',
  'GET /v1/volumes': 'cluster.look',
  'GET /v1/drains': 'cluster.look',
  'GET /v1/routes': 'cluster.look',
  'GET /v1/metrics': 'cluster.look',
  'GET /v1/commits/:sha/status': 'cluster.look',
  'GET /v1/quota': 'cluster.look',
  'GET /v1/plan': 'cluster.plan',
  'GET /v1/secrets': 'cluster.plan',
  'GET /v1/gc': 'cluster.plan',
  'GET /v1/stack': 'cluster.plan',
  'GET /v1/stack/:image/packages': 'cluster.plan',
  'GET /v1/registry': 'cluster.plan',
  'GET /v1/forge': 'cluster.plan',
  'GET /v1/certificates': 'cluster.plan',
  'GET /v1/certificates/root': 'cluster.look',
  'GET /v1/acme': 'cluster.plan',
  'GET /v1/proposals': 'cluster.clone',
  'GET /v1/proposals/:number': 'cluster.clone',
  'POST /v1/proposals/:number/approve': 'cluster.review',
  'POST /v1/proposals/:number/comments': 'cluster.propose',
  'POST /v1/proposals/:number/close': 'cluster.propose',
  'POST /v1/proposals/:number/merge': 'cluster.merge',
  'GET /v1/audit': 'audit.read',
  'GET /v1/audit/verdict': 'audit.read',
  'GET /v1/people': 'people.read',
  'GET /v1/people/:user': 'people.read',
  'GET /v1/codeowners': 'people.read',
  'POST /v1/people': 'people.edit',
  'POST /v1/people/:user/remove': 'people.edit',
  'POST /v1/people/:user/roles': 'people.edit',
  'GET /v1/teams': 'people.read',
  'GET /v1/teams/:team': 'people.read',
  'POST /v1/teams': 'people.edit',
  'POST /v1/teams/:team/remove': 'people.edit',
  'POST /v1/teams/:team/members': 'people.edit',
  'POST /v1/teams/:team/roles': 'people.edit',
  'POST /v1/people/:user/tokens': 'in handler',
  'POST /v1/people/:user/tokens/:token/remove': 'in handler',
  'POST /v1/people/:user/keys': 'in handler',
  'POST /v1/people/:user/keys/remove': 'in handler',
  'POST /v1/people/:user/identities': 'people.edit',
  'POST /v1/people/:user/identities/remove': 'people.edit',
  'GET /v1/oidc': 'cluster.plan',
  'POST /v1/oidc': 'cluster.edit',
  'POST /v1/oidc/remove': 'cluster.edit',
  'GET /v1/ssh': 'cluster.look',
  'POST /v1/confirm': 'cluster.operate',
  'POST /v1/gc': 'cluster.operate',
  'POST /v1/secrets/rotate': 'cluster.operate',
  'POST /v1/secrets/forget': 'cluster.operate',
  'POST /v1/stack/build': 'cluster.operate',
  'POST /v1/certificates': 'cluster.edit',
  'POST /v1/certificates/remove': 'cluster.edit',
  'POST /v1/certificates/retry': 'cluster.operate',
  'POST /v1/acme': 'cluster.edit',
  'POST /v1/acme/remove': 'cluster.edit',
  'POST /v1/registry': 'cluster.edit',
  'POST /v1/registry/remove': 'cluster.edit',
  'POST /v1/forge': 'cluster.edit',
  'POST /v1/forge/hook': 'cluster.edit',
  'POST /v1/forge/remove': 'cluster.edit',
  'POST /v1/drains': 'in handler',
  'POST /v1/drains/remove': 'in handler',
  'POST /v1/apps': 'app.create',
  'POST /v1/apps/:app/destroy': 'app.destroy',
  'POST /v1/apps/:app/rename': 'app.destroy', // and app.create of the new one, in the handler

  'GET /v1/apps/:app': 'app.read',
  'GET /v1/apps/:app/converged': 'app.read',
  'GET /v1/apps/:app/releases': 'app.read',
  'GET /v1/apps/:app/releases/:number': 'app.read',
  'GET /v1/apps/:app/history': 'app.read',
  'GET /v1/apps/:app/rollback': 'app.read',
  'GET /v1/apps/:app/rebase': 'app.read',
  'GET /v1/apps/:app/builds': 'app.read',
  'GET /v1/apps/:app/builds/:number': 'app.read',
  'GET /v1/apps/:app/build-cache': 'app.read',
  'GET /v1/apps/:app/cron': 'app.read',
  'GET /v1/apps/:app/source': 'app.read',
  'GET /v1/apps/:app/logs': 'app.logs',
  'GET /v1/apps/:app/builds/:number/log': 'app.logs',
  'GET /v1/apps/:app/cron/:cron/runs/:run/log': 'app.logs',

  'GET /v1/apps/:app/routes': 'app.read',
  'GET /v1/apps/:app/domains': 'app.read',
  'POST /v1/apps/:app/routes': 'app.route',
  'PATCH /v1/apps/:app/routes/*': 'app.route',
  'DELETE /v1/apps/:app/routes/*': 'app.route',
  'POST /v1/apps/:app/domains': 'app.route',
  'DELETE /v1/apps/:app/domains': 'app.route',
  'DELETE /v1/apps/:app/domains/:host': 'app.route',

  'GET /v1/apps/:app/services': 'app.read',
  'GET /v1/apps/:app/services/:service': 'app.read',
  'POST /v1/apps/:app/services': 'app.edit',
  'PATCH /v1/apps/:app/services/:service': 'in handler',
  'PUT /v1/apps/:app/services/:service': 'app.edit',
  'DELETE /v1/apps/:app/services/:service': 'app.edit',
  'POST /v1/apps/:app/services/:service/restart': 'app.restart',
  'GET /v1/apps/:app/services/:service/logs': 'app.logs',

  'POST /v1/apps/:app/scale': 'app.scale',
  'POST /v1/apps/:app/restart': 'app.restart',
  'POST /v1/apps/:app/replicas/:replica/restart': 'app.restart',
  'POST /v1/apps/:app/replicas/:replica/kill': 'app.restart',
  'POST /v1/apps/:app/releases': 'app.deploy',
  'POST /v1/apps/:app/builds': 'app.deploy',
  'POST /v1/apps/:app/builds/:number/cancel': 'app.deploy',
  'POST /v1/apps/:app/build-cache/purge': 'app.deploy',
  'POST /v1/apps/:app/rebase': 'app.deploy',
  'POST /v1/apps/:app/source/sync': 'app.deploy',
  'POST /v1/apps/:app/canary/promote': 'app.deploy',
  'POST /v1/apps/:app/canary/abort': 'app.deploy',
  'POST /v1/apps/:app/rollback': 'app.rollback',

  'GET /v1/apps/:app/env': 'app.env.read',
  'POST /v1/apps/:app/env': 'app.env.write',
  'POST /v1/apps/:app/source/hook': 'app.env.write',
  'GET /v1/apps/:app/run': 'app.run',
  'POST /v1/apps/:app/run': 'app.run',
  'GET /v1/apps/:app/replicas/:replica/exec': 'app.run',
  'POST /v1/apps/:app/cron/:cron': 'app.edit',
  'POST /v1/apps/:app/cron/:cron/runs': 'app.run',
  'POST /v1/apps/:app/maintenance': 'app.edit',
  'POST /v1/apps/:app/suspend': 'app.edit',
  'GET /v1/apps/:app/volumes/:volume/backup': 'app.data',
  'POST /v1/apps/:app/volumes/:volume/restore': 'app.data',
  'POST /v1/apps/:app/volumes/:volume/remove': 'app.data',
};

const SUBJECT_LENGTH_MAX = 200;

/** Thrown where somebody's roles are not enough: it is told, and written down. */
export class Forbidden extends ApiError {
  override name = 'Forbidden';
  readonly right: Right;
  readonly app: string | undefined;

  constructor(who: Asking, right: Right, app?: string) {
    super(403, refusalOf(who, right, app));
    this.right = right;
    this.app = app;
  }
}

/** Lets nobody in whom we don't know, and everybody else only to what his roles are enough for. */
export function guard(v1: FastifyInstance, {logins, authenticate, audit}: {readonly logins: Logins; readonly authenticate: Authenticate; readonly audit: Pick<Audit, 'add'>}): void {
  const refusals = new Refusals(audit);
  v1.addHook('onRequest', async (request, reply) => {
    const principal = await mustEnter(logins, request, reply);
    const origin = foreignOrigin(request.headers);
    if (origin !== undefined) {
      await refusals.add({...actorOf(principal, request), action: 'refused', subject: `a web page of ${origin}`}, Date.now());
      throw new ApiError(403, `this was asked for by a web page of ${origin}, which is not this API's own`);
    }
    const route = `${request.method === 'HEAD' ? 'GET' : request.method} ${request.routeOptions.url ?? ''}`;
    const right = proposalTitle(request) === undefined ? ROUTE_RIGHTS[route] : rightToPropose(route, ROUTE_RIGHTS[route]);
    if (right === 'in handler') return;
    permit(principal, right ?? 'cluster.operate', (request.params as {app?: string} | undefined)?.app);
  });
  // Also what a handler refuses. How it is answered is the server's business.
  v1.setErrorHandler(async (error, request) => {
    if (error instanceof Forbidden) {
      const {right, app} = error;
      await refusals.add({...actorOf(authenticate(request.headers), request), action: 'refused', ...(app !== undefined && {app: app as AppName}), subject: right}, Date.now());
    } else if (error instanceof ApiError && error.status < 500 && isNoSlip(request.url, error)) {
      await refusals.add({...actorOf(authenticate(request.headers), request), action: 'refused', subject: error.message.slice(0, SUBJECT_LENGTH_MAX)}, Date.now());
    }
    throw error;
  });
}

/** A name that would lead out of its folder, were it used as one: nobody types that by mistake. */
function isNoSlip(url: string, error: ApiError): boolean {
  return /(\.|%2e){2}|%2f|%5c|%00/i.test(url.split('?')[0] ?? '') || /"[^"]*(\.\.|[/\\\0])[^"]*" can't name/.test(error.message);
}

/** Who is asking: somebody, because nobody else comes past the guard. */
export function whoAsks({headers}: Pick<FastifyRequest, 'headers'>, authenticate: Authenticate): Principal {
  const principal = authenticate(headers);
  // A token may have expired between the two.
  if (principal === undefined) throw new ApiError(401, "the token is missing or not the cluster's");
  return principal;
}

/** Those of a list that somebody may see; what is of no app, whoever may look at the cluster. */
export function seenBy(principal: Principal): (one: {readonly app?: string | undefined; readonly name?: string}) => boolean {
  return ({app, name}) => (app ?? name) === undefined || principal.may('app.read', app ?? name);
}

/** @throws {Forbidden} */
export function permit(principal: Principal, right: Right, app?: string): void {
  if (!principal.may(right, app)) throw new Forbidden(principal, right, app);
}
