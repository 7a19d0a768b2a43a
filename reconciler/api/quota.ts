import type {FastifyInstance} from 'fastify';
import type {QuotaStanding} from '../node.ts';
import type {RouteParts} from './node-routes.ts';
import {whoAsks} from './permit.ts';

/** What quotas there are, and what of them is used. */
export function registerQuotaRoutes(v1: FastifyInstance, {view, authenticate}: RouteParts): void {
  v1.get('/quota', async (request): Promise<readonly QuotaStanding[]> => {
    const principal = whoAsks(request, authenticate);
    const isSeen = (app: string) => principal.may('app.read', app);
    // A team's sums are seen by whoever sees one of its apps; the others' names are not.
    return view.quota.standings().filter(({kind, name, apps}) => (kind === 'app' ? isSeen(name) : apps.length === 0 ? principal.may('cluster.plan') : apps.some(isSeen))).map((standing) => ({...standing, apps: standing.apps.filter(isSeen)}));
  });
}
