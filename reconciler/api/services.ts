import type {FastifyInstance, FastifyRequest} from 'fastify';
import {replicasDefault, type AppManifest} from '../../schemas/app.ts';
import type {AppName} from '../../schemas/ids.ts';
import type {JsonObject} from '../../schemas/merge-patch.ts';
import {anySignal} from '../any-signal.ts';
import {addService, appFileIn, patchService, putService, removeService, servicesOfRelease, type ServiceSettings} from '../commits/service-edits.ts';
import type {Restarted} from '../oneshot/oneshot.ts';
import type {ImageWish, ReleaseOutcome} from '../release/releases.ts';
import type {Written} from './answers.ts';
import {known} from './apps.ts';
import {noted} from './audit.ts';
import type {RouteParts} from './node-routes.ts';
import {operationIdOf} from './operation.ts';
import {permit, whoAsks} from './permit.ts';
import {ApiError, explaining} from './problem.ts';
import {proposalTitle} from './propose.ts';
import {isServiceName, readAppName, readLogQuery} from './read.ts';
import type {ServiceAnswer, ServiceWritten} from './service-answers.ts';
import {sendLines} from './stream.ts';
import {readSeen} from './versions.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;
const RESTART_MS_MAX = 60_000;
/** Longer than a deploy may take. */
const DEPLOY_MS_MAX = 70 * 60_000;

interface OfService {
  Params: {app: string; service: string};
  Body: unknown;
  Querystring: Record<string, string>;
}

/** Fields of a body that are not for app.yaml, but for a release. */
interface ImageFields {
  readonly image?: string;
  readonly pull?: boolean;
}

/** Services of an app: what git says of each, beside what runs. What may be said of one is what its manifest may. */
export function registerServiceRoutes(v1: FastifyInstance, {view, authenticate, commit, used, closing}: RouteParts): void {
  const within = (ms: number) => anySignal([closing, AbortSignal.timeout(ms)]);
  const places = (request: FastifyRequest<OfService>) => ({app: readAppName(request.params.app), service: readService(request.params.service)});
  const all = async (app: AppName) => servicesOf(app, view, within(READ_MS_MAX));

  v1.get<OfService>('/apps/:app/services', async ({params}): Promise<readonly ServiceAnswer[]> => all(readAppName(params.app)));

  v1.get<OfService>('/apps/:app/services/:service', async (request): Promise<ServiceAnswer> => {
    const {app, service} = places(request);
    const services = await all(app);
    const found = services.find(({name}) => name === service);
    if (found === undefined) throw new ApiError(404, `app "${app}" has no service "${service}"${services.length === 0 ? '' : `; known are ${services.map(({name}) => name).join(', ')}`}`);
    return found;
  });

  v1.post<OfService>('/apps/:app/services', async (request, reply): Promise<ServiceWritten> => {
    const app = readAppName(request.params.app);
    const {name, ...fields} = request.body as ServiceSettings & ImageFields & {readonly name: string};
    const {image, settings} = apart(name, fields);
    const written = image !== undefined && Object.keys(settings).length === 0 ? undefined : await commit(request, {edit: addService(app, name, settings), message: `${app}: add the service ${name}`});
    const answer = await withImage(request, {app, service: name, written, image});
    reply.status(answer.isNew ? 201 : 200);
    return answer;
  });

  v1.patch<OfService>('/apps/:app/services/:service', async (request): Promise<ServiceWritten> => {
    const {app, service} = places(request);
    const body = request.body as JsonObject & ImageFields;
    const principal = whoAsks(request, authenticate);
    for (const right of rightsFor(Object.keys(body))) permit(principal, right, app);
    const {image, settings} = apart(service, body as ServiceSettings & ImageFields);
    const written = Object.keys(settings).length === 0 ? undefined : await commit(request, {edit: patchService(app, service, settings as JsonObject), message: `${app}: change ${service} (${Object.keys(settings).join(', ')})`});
    return withImage(request, {app, service, written, image});
  });

  v1.put<OfService>('/apps/:app/services/:service', async (request): Promise<ServiceWritten> => {
    const {app, service} = places(request);
    return {...await commit(request, {edit: putService(app, service, request.body as ServiceSettings), message: `${app}: set the service ${service}`}), service};
  });

  v1.delete<OfService>('/apps/:app/services/:service', async (request): Promise<ServiceWritten> => {
    const {app, service} = places(request);
    return {...await commit(request, {edit: removeService(app, service), message: `${app}: remove the service ${service}`}), service};
  });

  v1.post<OfService>('/apps/:app/services/:service/restart', async (request): Promise<Restarted> => {
    const {app, service} = places(request);
    return explaining("can't restart it", view.oneShot.restart({app, service, actor: whoAsks(request, authenticate)}, within(RESTART_MS_MAX)));
  });

  v1.get<OfService>('/apps/:app/services/:service/logs', (request, reply) => {
    const {app, service} = places(request);
    const query = readLogQuery(known(app, view).name, {...request.query, service}, Date.now());
    return sendLines(reply, (signal) => view.logs(query, signal), closing);
  });

  /** A new image is a release: the answer comes when that serves, or has failed. */
  async function withImage(request: FastifyRequest, {app, service, written, image}: {readonly app: AppName; readonly service: string; readonly written: Written | undefined; readonly image: ImageWish | undefined}): Promise<ServiceWritten> {
    if (image === undefined) {
      if (written === undefined) throw new ApiError(400, 'the body has to have the fields that are to be changed');
      return {...written, service};
    }
    const signal = within(DEPLOY_MS_MAX);
    const principal = whoAsks(request, authenticate);
    const propose = proposalTitle(request);
    const operationId = `deploy ${app} ${operationIdOf(request, principal)}`;
    if (request.headers['idempotency-key'] !== undefined) await used.mustFit(operationId, request);
    await noted(request, {view, authenticate}, {action: propose === undefined ? 'deploy' : 'propose deploy', app, subject: image.image});
    // What was changed in app.yaml just now is what nobody has seen yet.
    const seen = written === undefined ? readSeen(request) : {};
    let release: ReleaseOutcome | undefined;
    for await (const line of view.releases.deployImage(app, image, {author: principal, user: principal.user, ...(propose !== undefined && {propose}), ...seen, operationId, signal})) {
      if ('outcome' in line) release = line.outcome;
    }
    if (release === undefined) throw new ApiError(504, 'the release was waited for as long as a request may take');
    const {commit: id} = await explaining("can't read the cluster repository", view.repo.snapshot(within(READ_MS_MAX)));
    return {commit: id, isNew: true, message: `${app}: deploy ${image.image}`, service, release};
  }
}

/** What a release is made of, and what app.yaml says. */
function apart(service: string, {image, pull = false, ...fields}: ServiceSettings & ImageFields): {readonly image: ImageWish | undefined; readonly settings: ServiceSettings} {
  return {settings: fields, image: image === undefined ? undefined : {image, isPulled: pull, service, command: []}};
}

function rightsFor(fields: readonly string[]): readonly ('app.scale' | 'app.deploy' | 'app.edit')[] {
  return [...new Set(fields.map((field) => (field === 'replicas' ? 'app.scale' : field === 'image' || field === 'pull' ? 'app.deploy' : 'app.edit')))];
}

async function servicesOf(app: AppName, view: RouteParts['view'], signal: AbortSignal): Promise<readonly ServiceAnswer[]> {
  const piece = (await explaining("can't read the cluster repository", view.repo.snapshot(signal))).apps.find(({name}) => name === app);
  if (piece === undefined) throw new ApiError(404, `there is no app "${app}"`);
  const files = await explaining("can't read the cluster repository", piece.files(signal));
  const manifest = appFileIn(app, files);
  const released = servicesOfRelease(app, files);
  const seen = view.status().apps.find(({name}) => name === app)?.services ?? [];
  const names = new Set([...Object.keys(manifest.services ?? {}), ...released]);
  return [...names].toSorted().map((name) => answerOf(name, {manifest, isReleased: released.includes(name), seen: seen.find((one) => one.name === name)}));
}

/** Variables are told by `/env`, to those who may see them. */
function answerOf(name: string, {manifest, isReleased, seen}: {readonly manifest: AppManifest; readonly isReleased: boolean; readonly seen: ServiceAnswer['status'] | undefined}): ServiceAnswer {
  const {env = {}, ...settings} = manifest.services?.[name] ?? {};
  return {name, isReleased, replicas: settings.replicas ?? replicasDefault(name), settings, env: Object.keys(env), ...(seen !== undefined && {status: seen})};
}

function readService(value: string): string {
  if (!isServiceName(value)) throw new ApiError(400, `"${value}" can't name a service`);
  return value;
}
