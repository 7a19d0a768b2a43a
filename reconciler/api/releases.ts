import type {FastifyInstance, FastifyRequest} from 'fastify';
import {anySignal} from '../any-signal.ts';
import type {RouteParts} from './node-routes.ts';
import {noted} from './audit.ts';
import {entriesFor} from './openapi/pages.ts';
import {operationIdOf} from './operation.ts';
import {whoAsks} from './permit.ts';
import {explaining} from './problem.ts';
import {proposalTitle} from './propose.ts';
import {readAppName} from './read.ts';
import {type ImageBody, imageWishOf, LIMIT_DEFAULT, readNumber, readRollbackWish} from './read-releases.ts';
import {sendLines} from './stream.ts';
import {readSeen} from './versions.ts';

/** Git's history of one app takes well under a second; the remote repository may be slow. */
const READ_MS_MAX = 60_000;

type AppRequest = FastifyRequest<{Params: {app: string}; Querystring: Record<string, string>}>;

/** Releases: which there were, and the two kinds that people make by commands. */
export function registerReleaseRoutes(v1: FastifyInstance, {view, authenticate, used, closing}: RouteParts): void {
  const {releases} = view;
  const reading = () => anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);
  const told = <Answer>(answer: Promise<Answer>) => explaining("can't read the cluster repository", answer);

  v1.get('/apps/:app/releases', async ({params, query}: AppRequest) => told(releases.list(readAppName(params.app), entriesFor(query, LIMIT_DEFAULT), reading())));

  v1.get<{Params: {app: string; number: string}}>('/apps/:app/releases/:number', async ({params}) => told(releases.show(readAppName(params.app), readNumber(params.number), reading())));

  v1.get('/apps/:app/history', async ({params, query}: AppRequest) => told(releases.history(readAppName(params.app), entriesFor(query, LIMIT_DEFAULT), reading())));

  v1.get('/apps/:app/rollback', async ({params, query}: AppRequest) => told(releases.preview(readAppName(params.app), readRollbackWish({...query, codeOnly: query['codeOnly'] === 'true'}), reading())));

  v1.post<{Params: {app: string}; Body: Parameters<typeof readRollbackWish>[0] | null}>('/apps/:app/rollback', async (request, reply) => {
    const app = readAppName(request.params.app);
    const wish = readRollbackWish(request.body ?? {});
    const who = await wisher(request, 'rollback', wish.to === undefined ? undefined : `to v${wish.to}`);
    return sendLines(reply, (signal) => releases.rollback(app, wish, {...who, signal}), closing);
  });

  v1.get('/apps/:app/rebase', async ({params}: AppRequest) => told(releases.rebasePreview(readAppName(params.app), reading())));

  v1.post<{Params: {app: string}; Body: unknown}>('/apps/:app/rebase', async (request, reply) => {
    const app = readAppName(request.params.app);
    const who = await wisher(request, 'rebase');
    return sendLines(reply, (signal) => releases.rebase(app, {...who, signal}), closing);
  });

  v1.post<{Params: {app: string}; Body: ImageBody}>('/apps/:app/releases', async (request, reply) => {
    const app = readAppName(request.params.app);
    const wish = imageWishOf(request.body);
    const who = await wisher(request, 'deploy', wish.image);
    return sendLines(reply, (signal) => releases.deployImage(app, wish, {...who, signal}), closing);
  });

  /** Who wants it, written down. A repetition of it is one of the same wish for the same app. */
  async function wisher(request: FastifyRequest<{Params: {app: string}}>, action: string, subject?: string) {
    const author = whoAsks(request, authenticate);
    const propose = proposalTitle(request);
    const operationId = `${action} ${request.params.app} ${operationIdOf(request, author)}`;
    if (request.headers['idempotency-key'] !== undefined) await used.mustFit(operationId, request);
    await noted(request, {view, authenticate}, {action: propose === undefined ? action : `propose ${action}`, app: readAppName(request.params.app), ...(subject !== undefined && {subject})});
    return {author, user: author.user, ...(propose !== undefined && {propose}), ...readSeen(request), operationId};
  }
}
