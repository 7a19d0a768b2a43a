import type {FastifyInstance} from 'fastify';
import {anySignal} from '../any-signal.ts';
import type {GarbageAnswer} from './answers.ts';
import {noted} from './audit.ts';
import type {RouteParts} from './node-routes.ts';
import {explaining} from './problem.ts';

/** Measuring takes up to a minute on a slow disk, collecting another one. */
const GC_MS_MAX = 85_000;

/** What could be removed from the node's disk, and its removal. */
export function registerGcRoutes(server: FastifyInstance, {view, authenticate, closing}: RouteParts): void {
  const {housekeeping} = view;
  const limited = () => anySignal([closing, AbortSignal.timeout(GC_MS_MAX)]);
  const kind = (isWithCaches: boolean) => (isWithCaches ? 'with-caches' : 'garbage');

  server.get<{Querystring: {caches?: string}}>('/gc', async (request): Promise<GarbageAnswer> =>
    answerOf(await explaining("can't measure the disk", housekeeping.garbage(kind(request.query.caches === 'true'), limited()))));

  server.post<{Body: {caches: boolean}}>('/gc', async (request): Promise<GarbageAnswer> => {
    const what = kind(request.body.caches);
    await noted(request, {view, authenticate}, {action: 'gc', ...(what === 'with-caches' && {subject: 'build caches too'})});
    return answerOf(await explaining("can't collect it", housekeeping.collect(what, limited())));
  });
}

function answerOf(items: GarbageAnswer['items']): GarbageAnswer {
  return {items, bytes: items.reduce((sum, {bytes}) => sum + bytes, 0)};
}
