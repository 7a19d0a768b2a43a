import type {FastifyInstance, FastifyRequest} from 'fastify';
import {appIdOf} from '../../schemas/app-id.ts';
import type {AppId, AppName, CommitId} from '../../schemas/ids.ts';
import {NAME_LENGTH_MAX} from '../../schemas/names.ts';
import {anySignal} from '../any-signal.ts';
import {createApp, replicasAsked, scale, scaleSubject, type ScaleWish} from '../commits/edits.ts';
import type {DeployOutcome, NodeView} from '../node.ts';
import {platformUrlOf, urlOf} from '../settings.ts';
import type {AppStatus} from '../status/status.ts';
import type {AppAnswer, ConvergedLine, CreatedApp, ScaledApp} from './answers.ts';
import type {RouteParts} from './node-routes.ts';
import {seenBy, whoAsks} from './permit.ts';
import {ApiError, explaining} from './problem.ts';
import {withOvertaking} from './overtaking.ts';
import {readAppName, readLogQuery} from './read.ts';
import {LineQueue, sendLines} from './stream.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;
/** Longer than any deploy's own limit: that one ends the wait, this one only a bug. */
const CONVERGE_MS_MAX = 60 * 60_000;

type AppRequest = FastifyRequest<{Params: {app: string}}>;

export function registerAppRoutes(server: FastifyInstance, {view, authenticate, commit, closing}: RouteParts): void {
  server.get('/apps', async (request) => (await appsNow(view, closing)).filter(seenBy(whoAsks(request, authenticate))).map((app) => answerOf(app, view)));

  server.get('/apps/:app', async (request: AppRequest) => {
    const name = readAppName(request.params.app);
    return answerOf(mustFind(name, await appsNow(view, closing)), view);
  });

  server.post<{Body: {name: string}}>('/apps', async (request, reply): Promise<CreatedApp> => {
    const name = readAppName(request.body.name);
    const written = await commit(request, {edit: createApp(name, freeId(name, view.status().apps)), message: `${name}: create`});
    reply.status(written.isNew ? 201 : 200);
    return {...written, name, gitUrl: `${platformUrlOf('git', view.settings)}${name}.git`, webUrl: urlOf(`${name}.${view.status().domain}`, view.settings)};
  });

  server.post<{Params: {app: string}; Body: {services: Readonly<Record<string, ScaleWish>>}}>('/apps/:app/scale', async (request): Promise<ScaledApp> => {
    const name = readAppName(request.params.app);
    const {services} = request.body;
    const subject = scaleSubject(name, services);
    const reader = () => explaining("can't read the cluster repository", readerOf(name, view, anySignal([closing, AbortSignal.timeout(READ_MS_MAX)])));
    const written = await commit(request, {edit: scale(name, services), message: subject(await reader()), subject});
    return {...written, services: replicasAsked(name, services, await reader())};
  });

  server.get<{Params: {app: string}; Querystring: Record<string, string>}>('/apps/:app/logs', (request, reply) => {
    const query = readLogQuery(known(readAppName(request.params.app), view).name, request.query, Date.now());
    return sendLines(reply, (signal) => view.logs(query, signal), closing);
  });

  server.get<{Params: {app: string}; Querystring: {of?: string}}>('/apps/:app/converged', (request, reply) => {
    const name = readAppName(request.params.app);
    const {of} = request.query;
    return sendLines(reply, (signal) => converged({app: name, view, ...(of !== undefined && {of: of as CommitId})}, signal), closing); // a pattern of the operation
  });
}

/** What a new app goes by; undefined: its name, unless that is what one goes by which was called so before. */
function freeId(name: AppName, apps: readonly AppStatus[]): AppId | undefined {
  const taken = new Set<string>(apps.flatMap((app) => [app.name, appIdOf(app)]));
  if (apps.every((app) => app.id as string | undefined !== name)) return undefined;
  // One of more than all of them is free.
  return Array.from({length: taken.size + 1}, (_, index) => `${name.slice(0, NAME_LENGTH_MAX - 6)}-${index + 2}`).find((id) => !taken.has(id)) as AppId;
}

/** As the last pass saw them. That none could be read is no empty answer: throws a 503 then. */
function appsOf(view: NodeView): readonly AppStatus[] {
  const {commit, apps, conditions} = view.status();
  if (commit !== undefined) return apps;
  const why = conditions.find(({type, status}) => type === 'Stalled' && status)?.message;
  throw new ApiError(503, `which apps there are is not known yet: ${why ?? 'the cluster repository has not been read so far'}`);
}

/** What no pass has taken over yet, for whatever reason, is told as git has it: an app that nobody has looked at, or none any more. */
async function appsNow(view: NodeView, closing: AbortSignal): Promise<readonly AppStatus[]> {
  const seen = appsOf(view);
  // What can't be read now is no reason not to tell what was seen.
  const snapshot = await view.repo.snapshot(anySignal([closing, AbortSignal.timeout(READ_MS_MAX)])).catch(() => undefined);
  if (snapshot === undefined || snapshot.commit === view.status().commit) return seen;
  const apps = new Map(seen.map((app) => [app.name, app]));
  return snapshot.apps.map(({name}) => apps.get(name) ?? notSeenYet(name, snapshot.commit));
}

function notSeenYet(name: AppName, commit: CommitId): AppStatus {
  const since = new Date().toISOString();
  const message = 'the node has not taken it over yet';
  return {name, urls: [], services: [], runs: [], waiting: [], conditions: [
    {type: 'Ready', status: false, reason: 'NotAppliedYet', message, commit, since}, {type: 'Reconciling', status: true, reason: 'NotAppliedYet', message, commit, since},
  ]};
}

/** The app as the last pass saw it. Throws a 404. */
export function known(name: AppName, view: NodeView): AppStatus {
  return mustFind(name, appsOf(view));
}

function mustFind(name: AppName, apps: readonly AppStatus[]): AppStatus {
  const app = apps.find((one) => one.name === name);
  if (app === undefined) throw new ApiError(404, `there is no app "${name}"`);
  return app;
}

function answerOf(app: AppStatus, view: NodeView): AppAnswer {
  return {...app, gitUrl: `${platformUrlOf('git', view.settings)}${app.name}.git`};
}

/** What git says of an app now. */
async function readerOf(name: AppName, view: NodeView, signal: AbortSignal): Promise<(path: string) => string | undefined> {
  const files = await (await view.repo.snapshot(signal)).apps.find((app) => app.name === name)?.files(signal);
  return (path) => {
    const file = files?.find((one) => one.path === path);
    return file?.kind === 'text' ? file.text : undefined;
  };
}

async function* converged({app, view, of}: {readonly app: AppName; readonly view: NodeView; readonly of?: CommitId}, signal: AbortSignal): AsyncGenerator<ConvergedLine> {
  const queue = new LineQueue<ConvergedLine>(signal);
  const waiting = view.converged(app, (progress) => queue.push({progress}), anySignal([signal, AbortSignal.timeout(CONVERGE_MS_MAX)]));
  const outcome: Promise<DeployOutcome> = waiting.finally(() => queue.end());
  outcome.catch(() => {}); // Awaited below, after the lines that came before.
  yield* queue;
  yield {outcome: await withOvertaking(await outcome, {app, view, of}, signal)};
}
