import type {FastifyInstance} from 'fastify';
import type {AppName} from '../../schemas/ids.ts';
import {anySignal} from '../any-signal.ts';
import {renameApp} from '../commits/rename-edits.ts';
import type {NodeView} from '../node.ts';
import {platformUrlOf, urlOf} from '../settings.ts';
import type {CreatedApp} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {permit, whoAsks} from './permit.ts';
import {ApiError} from './problem.ts';
import {proposalTitle} from './propose.ts';
import {readAppName} from './read.ts';

/** Builds that are looked at: of those that have not ended there are a few at most. */
const BUILDS_LOOKED_AT = 20;
/** How long it is waited for that the node knows the new name, in milliseconds: a pass. */
const KNOWN_MS_MAX = 30_000;

/** An app gets another name. What it has stays with it. */
export function registerRenameRoutes(v1: FastifyInstance, {view, authenticate, commit, closing}: RouteParts): void {
  v1.post<{Params: {app: string}; Body: {name: string}}>('/apps/:app/rename', async (request): Promise<CreatedApp> => {
    const from = readAppName(request.params.app);
    const to = readAppName(request.body.name);
    // What is proposed takes the rights of who approves it.
    if (proposalTitle(request) === undefined) permit(whoAsks(request, authenticate), 'app.create', to);
    await demandRest(from, view);
    const written = await commit(request, {app: to, edit: renameApp(from, to), message: `${from}: rename to ${to}`});
    // Whoever has the answer may push to it. A node that can't look now does so later.
    await view.plan(anySignal([closing, AbortSignal.timeout(KNOWN_MS_MAX)])).catch(() => {});
    const {apps, domain} = view.status();
    // One with hosts of its own keeps them. One that is only proposed is not there yet.
    const [webUrl = urlOf(`${to}.${domain}`, view.settings)] = apps.find(({name}) => name === to)?.urls ?? [];
    return {...written, name: to, gitUrl: `${platformUrlOf('git', view.settings)}${to}.git`, webUrl};
  });
}

/** What a build or a deploy is about to commit, or waits for, is under the old name. */
async function demandRest(app: AppName, view: NodeView): Promise<void> {
  const open = (await view.builds.list(app, BUILDS_LOOKED_AT)).find(({state}) => state === 'queued' || state === 'running');
  if (open !== undefined) throw new ApiError(409, `build ${open.number} of ${app} is ${open.state}: wait for it, or cancel it; see: flynn builds -a ${app}`);
  const deploy = view.status().apps.find(({name}) => name === app)?.conditions.find(({type, reason, status}) => type === 'Reconciling' && reason === 'Deploying' && status);
  if (deploy !== undefined) throw new ApiError(409, `a deploy of ${app} is going on (${deploy.message}): wait for it; see: flynn status ${app}`);
}
