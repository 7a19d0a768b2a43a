import type {FastifyInstance} from 'fastify';
import type {RouteParts} from './node-routes.ts';
import {ApiError} from './problem.ts';
import {readAppName} from './read.ts';

/** What becomes of a deploy that tries its canaries. */
export function registerCanaryRoutes(v1: FastifyInstance, {view, authenticate}: RouteParts): void {
  for (const kind of ['promote', 'abort'] as const) {
    v1.post<{Params: {app: string}}>(`/apps/:app/canary/${kind}`, async (request, reply) => {
      const app = readAppName(request.params.app);
      const actor = authenticate(request.headers);
      if (actor === undefined) throw new ApiError(401, 'the token is missing or not the cluster\'s');
      view.canaries.decide(app, kind, actor.name);
      await view.audit.add({actor: `${actor.name} <${actor.email}>`, action: `canary ${kind}`, app});
      reply.status(202);
      return {app, decided: kind};
    });
  }
}
