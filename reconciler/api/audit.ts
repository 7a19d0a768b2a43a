import type {FastifyRequest} from 'fastify';
import type {AuditEntry} from '../oneshot/oneshot.ts';
import type {RouteParts} from './node-routes.ts';
import {explaining} from './problem.ts';

/** Writes down that somebody asked for this. To be called before it is done: what can't be written down is not. */
export async function noted(request: FastifyRequest, {view, authenticate}: Pick<RouteParts, 'view' | 'authenticate'>, entry: Omit<AuditEntry, 'at' | 'actor'>): Promise<void> {
  const actor = authenticate(request.headers);
  await explaining("can't write the audit log", view.audit.add({actor: actor === undefined ? '' : `${actor.name} <${actor.email}>`, ...entry}));
}
