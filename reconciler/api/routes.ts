import type {FastifyInstance, FastifyRequest} from 'fastify';
import type {AppManifest} from '../../schemas/app.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import type {JsonObject} from '../../schemas/merge-patch.ts';
import {formatRouteName, nameOfTcpRoute, namesOfRoutes} from '../../schemas/route-name.ts';
import {ROUTE_SERVICE_DEFAULT} from '../../schemas/routes.ts';
import {anySignal} from '../any-signal.ts';
import type {AppPiece} from '../checkout/snapshot.ts';
import {appFile} from '../commits/edits.ts';
import {addRoute, clearDomains, removeDomain, removeRoute, updateRoute} from '../commits/route-edits.ts';
import type {NodeView} from '../node.ts';
import {urlOf} from '../settings.ts';
import type {Written} from './answers.ts';
import {domainOf, domainsOf, type DnsFacts} from './domains.ts';
import type {RouteParts} from './node-routes.ts';
import {seenBy, whoAsks} from './permit.ts';
import {ApiError, explaining} from './problem.ts';
import {readAppName} from './read.ts';
import {readHost, readNewRoute, readRouteChanges, readRouteName, type RouteBody} from './read-routes.ts';
import type {AppRoutes, DomainAnswer, DomainWritten, RouteAnswer, RouteWritten} from './route-answers.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;
/** Apps whose files are asked of git together. */
const READ_AT_ONCE = 50;

interface OfApp {
  Params: {app: string};
  Body: unknown;
}

/** A route's name has slashes in it, and may be long. */
interface OfRoute {
  Params: {app: string; '*': string};
  Body: unknown;
}

/** Routes of apps, as git has them, and hosts that lead to an app. A change of them is one commit. */
export function registerRouteRoutes(server: FastifyInstance, {view, authenticate, commit, closing}: RouteParts): void {
  const deadline = () => anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);
  const ownHost = (app: AppName) => `${app}.${view.status().domain}`;
  const listing = new Listing(view);
  const written = async (request: FastifyRequest, change: Parameters<typeof commit>[1], route: string): Promise<RouteWritten> => ({...await commit(request, change), route});

  server.get('/routes', async (request): Promise<readonly AppRoutes[]> => (await listing.all(deadline())).filter(seenBy(whoAsks(request, authenticate))));

  server.get<OfApp>('/apps/:app/routes', async ({params}): Promise<AppRoutes> => listing.one(readAppName(params.app), deadline()));

  server.post<OfApp>('/apps/:app/routes', async (request, reply): Promise<RouteWritten> => {
    const app = readAppName(request.params.app);
    const {wanted, name, inWords} = readNewRoute(request.body as RouteBody);
    const answer = await written(request, {edit: addRoute(app, wanted, ownHost(app)), message: `${app}: route add ${inWords}`}, name);
    reply.status(answer.isNew ? 201 : 200);
    return answer;
  });

  server.patch<OfRoute>('/apps/:app/routes/*', async (request): Promise<RouteWritten> => {
    const app = readAppName(request.params.app);
    const name = readRouteName(request.params['*']);
    const {changes, inWords} = readRouteChanges(request.body as JsonObject);
    const text = formatRouteName(name);
    return written(request, {edit: updateRoute(app, name, changes), message: `${app}: route update ${short(text)} ${inWords}`}, text);
  });

  server.delete<OfRoute>('/apps/:app/routes/*', async (request): Promise<RouteWritten> => {
    const app = readAppName(request.params.app);
    const name = readRouteName(request.params['*']);
    const text = formatRouteName(name);
    return written(request, {edit: removeRoute(app, name, ownHost(app)), message: `${app}: route remove ${short(text)}`}, text);
  });

  server.get<OfApp>('/apps/:app/domains', async ({params}): Promise<readonly DomainAnswer[]> => {
    const app = readAppName(params.app);
    const {routes, problem} = await listing.one(app, deadline());
    if (problem !== undefined) throw new ApiError(409, problem);
    return domainsOf(routes, dnsFacts(app, view));
  });

  server.post<OfApp>('/apps/:app/domains', async (request, reply): Promise<DomainWritten> => {
    const app = readAppName(request.params.app);
    const host = readHost((request.body as {readonly host: string}).host);
    const answer = await commit(request, {edit: addRoute(app, {kind: 'http', route: {host}}, ownHost(app)), message: `${app}: domain add ${host}`});
    reply.status(answer.isNew ? 201 : 200);
    return {...answer, domain: domainOf(host, dnsFacts(app, view))};
  });

  server.delete<{Params: {app: string; host: string}}>('/apps/:app/domains/:host', async (request): Promise<Written> => {
    const app = readAppName(request.params.app);
    const host = readHost(request.params.host);
    return commit(request, {edit: removeDomain(app, host, ownHost(app)), message: `${app}: domain remove ${host}`});
  });

  server.delete<OfApp>('/apps/:app/domains', async (request): Promise<Written> => {
    const app = readAppName(request.params.app);
    return commit(request, {edit: clearDomains(app, ownHost(app)), message: `${app}: domain clear`});
  });
}

function dnsFacts(app: AppName, view: NodeView): DnsFacts {
  const {domain, node} = view.status();
  return {own: `${app}.${domain}`, domain, node, listen: view.settings.listen};
}

/** As people say it: `shop.example.com/api`, `tcp:5432`. */
function short(name: string): string {
  return name.replace(/^http:/, '').replace(/\/$/, '');
}

/** What git says, read again only for apps that were changed. */
class Listing {
  readonly #view: NodeView;
  /** By app, with the tree that it was read from and the host that is its own. */
  #read: ReadonlyMap<AppName, {readonly key: string; readonly routes: AppRoutes}> = new Map();

  constructor(view: NodeView) {
    this.#view = view;
  }

  async all(signal: AbortSignal): Promise<readonly AppRoutes[]> {
    const {apps} = await explaining("can't read the cluster repository", this.#view.repo.snapshot(signal));
    const read = new Map<AppName, {readonly key: string; readonly routes: AppRoutes}>();
    for (let at = 0; at < apps.length; at += READ_AT_ONCE) {
      for (const [name, routes] of await Promise.all(apps.slice(at, at + READ_AT_ONCE).map(async (piece) => [piece.name, await this.#of(piece, signal)] as const))) read.set(name, routes);
    }
    this.#read = read;
    return [...read.values()].map(({routes}) => routes);
  }

  async one(app: AppName, signal: AbortSignal): Promise<AppRoutes> {
    const {apps} = await explaining("can't read the cluster repository", this.#view.repo.snapshot(signal));
    const piece = apps.find(({name}) => name === app);
    if (piece === undefined) throw new ApiError(404, `there is no app "${app}"`);
    const {routes} = await this.#of(piece, signal);
    if (routes.problem !== undefined) throw new ApiError(409, `the manifest has to be put right first:\n${routes.problem}`);
    return routes;
  }

  async #of(piece: AppPiece, signal: AbortSignal): Promise<{readonly key: string; readonly routes: AppRoutes}> {
    const {domain} = this.#view.status();
    const key = `${piece.treeId} ${domain}`;
    const before = this.#read.get(piece.name);
    if (before?.key === key) return before;
    const files = await explaining("can't read the cluster repository", piece.files(signal));
    const file = files.find(({path}) => path === appFile(piece.name));
    if (file?.kind !== 'text') return {key, routes: {app: piece.name, routes: [], problem: `${appFile(piece.name)} ${file?.why ?? 'is missing'}`}};
    const loaded = loadManifest('App', file.path, file.text);
    if (!loaded.ok) return {key, routes: {app: piece.name, routes: [], problem: loaded.problem.map(formatDiagnostic).join('\n')}};
    return {key, routes: {app: piece.name, routes: answersOf(loaded.value, `${piece.name}.${domain}`, (host) => urlOf(host, this.#view.settings))}};
  }
}

/** Without a word on routes the app's own host leads to `web`. */
function answersOf({routes, tcp = []}: AppManifest, ownHost: string, url: (host: string) => string): readonly RouteAnswer[] {
  const all = routes ?? [{host: ownHost, service: ROUTE_SERVICE_DEFAULT}];
  const names = namesOfRoutes(all);
  return [
    ...all.map((route, index) => ({
      kind: 'http' as const,
      name: formatRouteName(names[index] ?? {kind: 'http', host: route.host, path: route.path ?? '/'}),
      url: `${url(route.host)}${(route.path ?? '/').slice(1)}`,
      ...(routes === undefined && {isDefault: true as const}),
      route,
    })),
    ...tcp.map((route) => ({kind: 'tcp' as const, name: formatRouteName(nameOfTcpRoute(route)), route})),
  ];
}
