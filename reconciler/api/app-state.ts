import type {FastifyInstance} from 'fastify';
import {removeApp, setMaintenance, setSuspended} from '../commits/edits.ts';
import type {Written} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError} from './problem.ts';
import {field, readAppName} from './read.ts';

/** An app as a whole: in maintenance or not, suspended or not, there or not. */
export function registerAppStateRoutes(v1: FastifyInstance, {commit}: RouteParts): void {
  v1.post<{Params: {app: string}; Body: unknown}>('/apps/:app/maintenance', async (request): Promise<Written> => {
    const app = readAppName(request.params.app);
    const isOn = field(request.body, 'on');
    if (typeof isOn !== 'boolean') throw new ApiError(400, 'on has to be true or false');
    return commit(request, {edit: setMaintenance(app, isOn), message: `${app}: maintenance ${isOn ? 'on' : 'off'}`});
  });

  v1.post<{Params: {app: string}; Body: unknown}>('/apps/:app/suspend', async (request): Promise<Written> => {
    const app = readAppName(request.params.app);
    const isOn = field(request.body, 'on');
    if (typeof isOn !== 'boolean') throw new ApiError(400, 'on has to be true or false');
    return commit(request, {edit: setSuspended(app, isOn), message: `${app}: ${isOn ? 'suspend' : 'resume'}`});
  });

  // Nobody removes an app by a slip: its name has to be there twice.
  v1.post<{Params: {app: string}; Body: unknown}>('/apps/:app/destroy', async (request): Promise<Written> => {
    const app = readAppName(request.params.app);
    const confirmed = field(request.body, 'confirm');
    if (confirmed !== app) throw new ApiError(400, `confirm is ${JSON.stringify(confirmed)}; it has to be the name of the app, "${app}"`);
    return commit(request, {edit: removeApp(app), message: `${app}: destroy`});
  });
}
