import type {FastifyInstance, FastifyRequest} from 'fastify';
import {withoutCredentials, type DrainManifest} from '../../schemas/drains.ts';
import {addDrain, removeDrain, type DrainOwner} from '../commits/drain-edits.ts';
import type {DrainStatus} from '../node.ts';
import type {Written} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {permit, seenBy, whoAsks} from './permit.ts';
import {readAppName} from './read.ts';

/** Where logs are sent on to. What the fields of a drain may be is checked where all manifests are: by the commit. */
export function registerDrainRoutes(server: FastifyInstance, {view, authenticate, commit}: RouteParts): void {
  const mayChange = (request: FastifyRequest, owner: DrainOwner) => {
    const principal = whoAsks(request, authenticate);
    if (owner === 'cluster') permit(principal, 'cluster.edit');
    else permit(principal, 'app.edit', owner);
  };

  server.get<{Querystring: {app?: string}}>('/drains', async (request): Promise<readonly DrainStatus[]> => {
    const {app} = request.query;
    const name = app === undefined ? undefined : readAppName(app);
    // A drain of the cluster is one of each app.
    const isSeen = seenBy(whoAsks(request, authenticate));
    return (await view.drains()).filter((drain) => isSeen({app: drain.app})).filter((drain) => name === undefined || drain.app === undefined || drain.app === name);
  });

  server.post<{Body: {app?: string; drain: DrainManifest}}>('/drains', async (request): Promise<Written> => {
    const {app, drain} = request.body;
    const owner = ownerOf(app);
    mayChange(request, owner);
    return commit(request, {edit: addDrain(owner, drain), message: `${owner}: add a drain to ${withoutCredentials(drain.url)}`});
  });

  server.post<{Body: {app?: string; url: string}}>('/drains/remove', async (request): Promise<Written> => {
    const {app, url} = request.body;
    const owner = ownerOf(app);
    mayChange(request, owner);
    return commit(request, {edit: removeDrain(owner, url), message: `${owner}: remove the drain to ${withoutCredentials(url)}`});
  });
}

/** No app can be called `cluster`. */
function ownerOf(app: string | undefined): DrainOwner {
  return app === undefined ? 'cluster' : readAppName(app);
}
