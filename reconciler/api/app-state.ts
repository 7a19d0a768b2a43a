import type {FastifyInstance} from 'fastify';
import {removeApp, setMaintenance, setSuspended} from '../commits/edits.ts';
import type {Written} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError} from './problem.ts';
import {readAppName} from './read.ts';

/** An app as a whole: in maintenance or not, suspended or not, there or not. */
export function registerAppStateRoutes(v1: FastifyInstance, {commit}: RouteParts): void {
  v1.post<{Params: {app: string}; Body: {on: boolean}}>('/apps/:app/maintenance', async (request): Promise<Written> => {
    const app = readAppName(request.params.app);
    const {on: isOn} = request.body;
    return commit(request, {edit: setMaintenance(app, isOn), message: `${app}: maintenance ${isOn ? 'on' : 'off'}`});
  });

  v1.post<{Params: {app: string}; Body: {on: boolean}}>('/apps/:app/suspend', async (request): Promise<Written> => {
    const app = readAppName(request.params.app);
    const {on: isOn} = request.body;
    return commit(request, {edit: setSuspended(app, isOn), message: `${app}: ${isOn ? 'suspend' : 'resume'}`});
  });

  // Nobody removes an app by a slip: its name has to be there twice.
  v1.post<{Params: {app: string}; Body: {confirm: string}}>('/apps/:app/destroy', async (request): Promise<Written> => {
    const app = readAppName(request.params.app);
    const {confirm: confirmed} = request.body;
    if (confirmed !== app) throw new ApiError(400, `confirm is ${JSON.stringify(confirmed)}; it has to be the name of the app, "${app}"`);
    return commit(request, {edit: removeApp(app), message: `${app}: destroy`});
  });
}
