import type {FastifyRequest} from 'fastify';
import type {NewAuditEntry} from '../oneshot/oneshot.ts';
import type {Principal} from './authenticate.ts';
import type {RouteParts} from './node-routes.ts';
import {explaining} from './problem.ts';

/** Writes down that somebody asked for this. To be called before it is done: what can't be written down is not. */
export async function noted(request: FastifyRequest, {view, authenticate}: Pick<RouteParts, 'view' | 'authenticate'>, entry: Omit<NewAuditEntry, 'actor'>): Promise<void> {
  await explaining("can't write the audit log", view.audit.add({...actorOf(authenticate(request.headers), request), ...entry}));
}

/** Who asks, and from where. */
export function actorOf(principal: Principal | undefined, request: FastifyRequest): Pick<NewAuditEntry, 'actor' | 'user' | 'from' | 'oidc'> {
  const from = addressOf(request);
  return principal === undefined ? {actor: '', from} : {actor: `${principal.name} <${principal.email}>`, user: principal.user, from, ...(principal.oidc && {oidc: principal.oidc.subject})};
}

/** Our router says who its client is; nobody else can reach us but from this machine. */
export function addressOf({headers, ip}: FastifyRequest): string {
  const forwarded = headers['x-forwarded-for'];
  return typeof forwarded === 'string' ? forwarded.split(',').at(-1)?.trim() ?? ip : ip;
}
