import type {FastifyInstance} from 'fastify';
import type {NodeView} from '../node.ts';
import {ApiError} from './problem.ts';

/** What anybody may ask: is it alive, is it ready, and (only on this machine) may this host have a certificate. */
export function registerOpenRoutes(server: FastifyInstance, view: NodeView): void {
  server.get('/healthz', async () => ({alive: true}));

  server.get('/readyz', async () => {
    if (!view.isReady()) throw new ApiError(503, 'the router is not up yet');
    return {ready: true};
  });

  server.get<{Querystring: {domain?: string}}>('/internal/tls-ask', async ({headers, query: {domain}}) => {
    // Caddy asks directly. What comes through the router is somebody who guesses names of apps.
    if (headers['x-forwarded-for'] !== undefined) throw new ApiError(404, 'there is nothing here');
    if (domain === undefined || !view.certificates.mayBeCertified(domain.toLowerCase())) throw new ApiError(404, `no manifest has the host "${domain ?? ''}", or it is not for the internal authority`);
    return {served: true};
  });
}
