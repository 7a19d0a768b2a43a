import type {FastifyInstance, FastifyRequest} from 'fastify';
import {anySignal} from '../any-signal.ts';
import type {BuildCache, ListedBuild} from '../builds/builds.ts';
import type {DeployWish} from '../node.ts';
import {known} from './apps.ts';
import {noted} from './audit.ts';
import type {RouteParts} from './node-routes.ts';
import {whoAsks} from './permit.ts';
import {proposalTitle} from './propose.ts';
import {ApiError, explaining} from './problem.ts';
import {readAppName} from './read.ts';
import {entriesFor} from './openapi/pages.ts';
import {LIMIT_DEFAULT} from './read-releases.ts';
import {sendLines} from './stream.ts';

/** Measuring a cache takes up to a minute on a slow disk. */
const CACHE_MS_MAX = 85_000;
/** For a build that does not end although it is cancelled: its container is removed within seconds. */
const CANCEL_MS_MAX = 60_000;

type AppRequest = FastifyRequest<{Params: {app: string}; Querystring: Record<string, string>}>;
type BuildRequest = FastifyRequest<{Params: {app: string; number: string}; Querystring: Record<string, string>}>;

/** Builds of apps, what they keep for the next ones, and deploys of what was pushed before. */
export function registerBuildRoutes(v1: FastifyInstance, {view, authenticate, closing}: RouteParts): void {
  const {builds, deploys} = view;
  const actorOf = (request: FastifyRequest) => whoAsks(request, authenticate);
  const note = (request: FastifyRequest, entry: Parameters<typeof noted>[2]) => noted(request, {view, authenticate}, entry);
  const within = (ms: number) => anySignal([closing, AbortSignal.timeout(ms)]);

  v1.get('/apps/:app/builds', async ({params, query}: AppRequest): Promise<readonly ListedBuild[]> => {
    const app = readAppName(params.app);
    const all = await explaining("can't read the builds", builds.list(app, entriesFor(query, LIMIT_DEFAULT)));
    // Those of an app that is gone are still told of.
    if (all.length === 0) known(app, view);
    return all;
  });

  v1.get('/apps/:app/builds/:number', async ({params}: BuildRequest): Promise<ListedBuild> => explaining("can't read the build", builds.show(readAppName(params.app), readBuildNumber(params.number))));

  v1.get('/apps/:app/builds/:number/log', ({params, query}: BuildRequest, reply) => {
    const build = {app: readAppName(params.app), number: readBuildNumber(params.number)};
    return sendLines(reply, (signal) => builds.log(build, query['follow'] === 'true' ? 'follow' : 'so-far', signal), closing);
  });

  v1.post('/apps/:app/builds/:number/cancel', async (request: BuildRequest): Promise<ListedBuild> => {
    const app = readAppName(request.params.app);
    const number = readBuildNumber(request.params.number);
    await note(request, {action: 'builds cancel', app, subject: String(number)});
    return explaining("can't cancel the build", builds.cancel(app, number, actorOf(request), within(CANCEL_MS_MAX)));
  });

  v1.get('/apps/:app/build-cache', async ({params}: AppRequest): Promise<BuildCache> => explaining("can't measure the cache", builds.cache(readAppName(params.app), within(CACHE_MS_MAX))));

  v1.post('/apps/:app/build-cache/purge', async (request: AppRequest): Promise<BuildCache> => {
    const app = readAppName(request.params.app);
    await note(request, {action: 'builds cache purge', app});
    return explaining("can't empty the cache", builds.purgeCache(app, within(CACHE_MS_MAX)));
  });

  // Ends, and is undone, when the client goes away: as a push.
  v1.post<{Params: {app: string}; Body: DeployWish}>('/apps/:app/builds', async (request, reply) => {
    const app = readAppName(request.params.app);
    const wish = request.body;
    const by = actorOf(request);
    const isProposed = proposalTitle(request) !== undefined;
    await note(request, {action: isProposed ? 'propose' : 'deploy', app, subject: 'branch' in wish ? wish.branch : wish.commit});
    return sendLines(reply, (signal) => deploys.deployPushed(app, wish, {by, user: by.user, isProposed}, signal), closing);
  });
}

function readBuildNumber(value: string): number {
  const number = Number(/^#?(\d{1,9})$/.exec(value)?.[1]);
  if (!Number.isInteger(number) || number < 1) throw new ApiError(400, `"${value}" is not the number of a build such as 12`);
  return number;
}
