import type {FastifyInstance} from 'fastify';
import {noted} from './audit.ts';
import type {RouteParts} from './node-routes.ts';
import {whoAsks} from './permit.ts';
import {readAppName} from './read.ts';

/** What becomes of a deploy that tries its canaries. */
export function registerCanaryRoutes(v1: FastifyInstance, {view, authenticate}: RouteParts): void {
  for (const kind of ['promote', 'abort'] as const) {
    v1.post<{Params: {app: string}}>(`/apps/:app/canary/${kind}`, async (request, reply) => {
      const app = readAppName(request.params.app);
      view.canaries.decide(app, kind, whoAsks(request, authenticate).name);
      await noted(request, {view, authenticate}, {action: `canary ${kind}`, app});
      reply.status(202);
      return {app, decided: kind};
    });
  }
}
