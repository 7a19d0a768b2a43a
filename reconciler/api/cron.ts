import type {FastifyInstance} from 'fastify';
import {NAME_PATTERN} from '../../schemas/names.ts';
import {suspendCron} from '../commits/cron-edits.ts';
import type {CronRunStatus, CronStatus} from '../status/cron.ts';
import {known} from './apps.ts';
import {noted} from './audit.ts';
import type {Written} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {ApiError} from './problem.ts';
import {readAppName} from './read.ts';
import {sendLines} from './stream.ts';

const NAME = new RegExp(NAME_PATTERN);
/** `20261125-030000`, and three digits more for a run that somebody asked for. */
const RUN = /^\d{8}-\d{6}(-\d{3})?$/;

interface OfCron {
  Params: {app: string; cron: string};
  Body: unknown;
}

/** Commands with a schedule: what they did, and runs out of turn. A run that is asked for is no intent, so no commit; suspending is. */
export function registerCronRoutes(server: FastifyInstance, {view, authenticate, commit, closing}: RouteParts): void {
  server.get<{Params: {app: string}}>('/apps/:app/cron', async (request): Promise<readonly CronStatus[]> =>
    view.crons.list(known(readAppName(request.params.app), view).name));

  server.post<OfCron>('/apps/:app/cron/:cron/runs', async (request, reply): Promise<CronRunStatus> => {
    const {name: app} = known(readAppName(request.params.app), view);
    const cron = readCronName(request.params.cron);
    const names = view.crons.list(app).map(({name}) => name);
    if (!names.includes(cron)) throw new ApiError(404, `app "${app}" has no cron job "${cron}"${names.length === 0 ? '' : `; known are ${names.join(', ')}`}`);
    const actor = authenticate(request.headers);
    await noted(request, {view, authenticate}, {action: 'cron run', app, subject: cron});
    const run = await view.crons.start({app, cron}, actor?.name ?? 'somebody');
    reply.status(202);
    return run;
  });

  server.get<{Params: {app: string; cron: string; run: string}; Querystring: {follow?: string}}>('/apps/:app/cron/:cron/runs/:run/log', (request, reply) => {
    const {name: app} = known(readAppName(request.params.app), view);
    const {run, cron: written} = request.params;
    if (!RUN.test(run)) throw new ApiError(400, `"${run}" can't name a run; they are named like 20261125-030000`);
    const cron = readCronName(written);
    return sendLines(reply, (signal) => view.crons.log({app, cron, run}, request.query.follow === 'true' ? 'follow' : 'so-far', signal), closing);
  });

  server.post<OfCron>('/apps/:app/cron/:cron', async (request): Promise<Written> => {
    const app = readAppName(request.params.app);
    const cron = readCronName(request.params.cron);
    const {suspend} = request.body as {readonly suspend: boolean};
    return commit(request, {edit: suspendCron(app, cron, suspend), message: `${app}: ${suspend ? 'suspend' : 'resume'} cron job ${cron}`});
  });
}

function readCronName(value: string): string {
  if (!NAME.test(value)) throw new ApiError(400, `"${value}" can't name a cron job`);
  return value;
}
