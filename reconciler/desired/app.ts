import {appIdOf, identified} from '../../schemas/app-id.ts';
import {DEPLOY_TIMEOUT_SECONDS_DEFAULT, type AppManifest} from '../../schemas/app.ts';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {AppId, AppName, CommitId, ImageDigest, TreeId} from '../../schemas/ids.ts';
import {loadManifest, locate} from '../../schemas/load.ts';
import {claimKey, claimOf, type Claim} from '../../schemas/route-place.ts';
import {registryName} from '../../schemas/registry-names.ts';
import type {ReleaseManifest} from '../../schemas/release.ts';
import type {Problem} from '../../schemas/schema.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import type {ClusterConfig} from './cluster.ts';
import {resolveDrains} from './drains.ts';
import {resolveErrorPages} from './error-pages.ts';
import {appFile, sortFolder, type AppFolder, type TextFile} from './folder.ts';
import {hashOf} from './hash.ts';
import {resolveCrons, resolveReleaseJob} from './jobs.ts';
import {problemsOfRights} from './rights.ts';
import {problemsOfAuth, secretsBesideAuth} from './route-options.ts';
import {problemOfHost, problemsOfRoutes, routesOf} from './routes.ts';
import {resolveSecrets, type Opened} from './secrets.ts';
import {resolveService, serviceNames, type ServiceInput} from './service.ts';
import {resolveSource, secretsOfApp} from './source.ts';
import {problemsOfTcpRoutes, tcpRoutesOf, withoutPort} from './tcp.ts';
import {watchedMs} from './strategy.ts';
import type {DesiredApp, DesiredService, ResolvedApp} from './state.ts';

/** An app's folder of the repository, already read. */
export interface AppFiles {
  readonly name: AppName;
  readonly treeId: TreeId;
  readonly files: readonly ManifestFile[];
  /** What became of the values in secrets.yaml; absent where nobody has tried to open them. */
  readonly opened?: Opened;
}

/**
 * What one app wants: app.yaml merged with the current release, every default filled in. Pure, and dependent on nothing
 * but its arguments: the caller may keep the answer for as long as tree id, cluster and domain are the same.
 *
 * Of the releases only the current one is read. `checkApp` reads all.
 */
export function resolveApp({name, treeId, files, opened}: AppFiles, cluster: ClusterConfig, domain: string): DesiredApp {
  const folder = sortFolder(name, files);
  const [current] = folder.releases;
  const app = folder.manifest && loadManifest('App', folder.manifest.path, folder.manifest.text);
  const called = identified(name, folder.manifest?.text);
  const id = appIdOf(called);
  const invalid = (problems: readonly Diagnostic[]) => ({state: 'invalid', ...called, treeId, problems} as const);
  const release = current && loadManifest('Release', current.file.path, current.file.text);
  const secrets = resolveSecrets({file: folder.secrets, id, app: app?.ok === true ? app.value : undefined, opened});
  const problems = [
    ...folder.problems,
    ...(app?.ok === false ? app.problem : []),
    ...(release?.ok === false ? release.problem : []),
    ...(!secrets.ok && secrets.problem.kind === 'wrong' ? secrets.problem.problems : []),
  ];
  if (problems.length > 0 || folder.manifest === undefined || app?.ok !== true) return invalid(problems);
  if (!secrets.ok) return {...invalid(secrets.problem.problems), reason: 'SecretsUnreadable'};
  const forbidden = cluster.policy === undefined ? [] : problemsOfRights(name, app.value.services ?? {}, cluster.policy);

  const {drains, problems: drainProblems} = resolveDrains(app.value.drains, secrets.value);
  const itself = problemsOfItself(name, app.value);
  const {source, problems: sourceProblems} = resolveSource(app.value.source, secrets.value);
  const {errorPages, problems: pageProblems} = resolveErrorPages(app.value.errorPages, folder.pages);
  const early = [...drainProblems, ...itself, ...sourceProblems, ...problemsOfAuth(app.value.routes ?? [], secrets.value), ...pageProblems];
  if (early.length > 0) return invalid(place(early, folder.manifest));
  const shared = {state: 'resolved', ...called, treeId, ...(drains.length > 0 && {drains}), ...othersOf(app.value), ...(source && {source}), deployTimeoutMs: deployTimeoutMs(app.value), releasedImages: imagesOf(folder), ...(app.value.maintenance === true && {isInMaintenance: true}), ...(errorPages && {errorPages}), ...(app.value.suspend === true && {isSuspended: true})} as const;
  if (current === undefined || release?.ok !== true) {
    const hosts = (app.value.routes ?? []).flatMap(({host}, index) => (
      problemOfHost(host, domain).map((message) => ({path: ['routes', index, 'host'], message}))
    ));
    if (hosts.length + forbidden.length > 0) return invalid(place([...forbidden, ...hosts], folder.manifest));
    const [routes, tcp] = [routesOf({routes: app.value.routes, defaultHost: `${name}.${domain}`, services: [], secrets: secrets.value}), tcpRoutesOf(app.value.tcp ?? [])];
    const claims = routes.length + tcp.length > 0 ? {routes, ...(tcp.length > 0 && {tcp})} : undefined;
    return {...shared, ...(claims && {claims}), specKey: hashOf({services: []}), services: [], routes: []};
  }

  const released = {app: app.value, release: release.value, releaseNumber: current.number, limits: cluster.limits, secrets: secretsOfApp(secretsBesideAuth(secrets.value, app.value.routes), app.value.source), ...(cluster.requests && {requests: cluster.requests})};
  const {services, problems: serviceProblems} = resolveServices(released);
  const {crons, problems: cronProblems} = resolveCrons(released);
  const routeProblems = [...problemsOfRoutes(app.value.routes ?? [], domain, services), ...problemsOfTcpRoutes(app.value.tcp ?? [], services)];
  const all = [...forbidden, ...serviceProblems, ...cronProblems, ...routeProblems];
  if (all.length > 0) return invalid(place(all, folder.manifest));
  const releaseJob = resolveReleaseJob(released);
  return {
    ...shared,
    release: current.number,
    specKey: hashOf({release: current.number, services: services.map(({name: service, specHash}) => [service, specHash])}),
    services,
    ...(releaseJob && {releaseJob}),
    ...(crons.length > 0 && {crons}),
    ...imageOriginOf(id, release.value, cluster),
    routes: routesOf({routes: app.value.routes, defaultHost: `${name}.${domain}`, services, secrets: secrets.value}),
    ...portsOf(app.value.tcp),
  } satisfies ResolvedApp;
}

function portsOf(routes: AppManifest['tcp'] = []): Pick<ResolvedApp, 'tcp' | 'portsWanted'> {
  const tcp = tcpRoutesOf(routes);
  const wanted = withoutPort(routes);
  return {...(tcp.length > 0 && {tcp}), ...(wanted.length > 0 && {portsWanted: wanted})};
}

/** A release whose image came to the registry later does not say so, as releases never change: there it has a name that follows from what it is. */
function imageOriginOf(app: AppId, {image, registry: released, source: {commit, path}}: ReleaseManifest, cluster: ClusterConfig): Pick<ResolvedApp, 'imageOrigin'> {
  const registry = released ?? (cluster.registry && registryName(cluster.registry, {app, image}));
  if (commit === undefined && registry === undefined) return {};
  // Patterns of the schema: both are what their types say.
  return {imageOrigin: {
    image: image as ImageDigest,
    ...(registry !== undefined && {registry}),
    ...(commit !== undefined && {commit: commit as CommitId}),
    ...(path !== undefined && {path}),
  }};
}

/** Which other apps there are is not looked at: they may come later. Names are checked by the schema. */
function othersOf({reach = [], allowFrom = []}: AppManifest): Pick<ResolvedApp, 'reach' | 'allowFrom'> {
  return {...(reach.length > 0 && {reach: reach as readonly AppName[]}), ...(allowFrom.length > 0 && {allowFrom: allowFrom as readonly AppName[]})};
}

function problemsOfItself(name: AppName, app: AppManifest): readonly Problem[] {
  return (['reach', 'allowFrom'] as const).flatMap((field) => {
    const index = app[field]?.indexOf(name) ?? -1;
    return index === -1 ? [] : [{path: [field, index], message: `"${name}" is this app: its services reach each other anyway`}];
  });
}

/** Limit for a whole deploy, in milliseconds. */
export function deployTimeoutMs({deployTimeoutSeconds = DEPLOY_TIMEOUT_SECONDS_DEFAULT, services = {}}: AppManifest): number {
  return deployTimeoutSeconds * 1000 + watchedMs(Object.values(services).map(({strategy}) => strategy));
}

/** Every problem of the app's folder: those that make it invalid, and those of releases that are not the current one. */
export function checkApp(app: AppFiles, cluster: ClusterConfig, domain: string): readonly Diagnostic[] {
  const resolved = resolveApp(app, cluster, domain);
  const [, ...older] = sortFolder(app.name, app.files).releases;
  return [
    ...(resolved.state === 'invalid' ? resolved.problems : []),
    ...older.flatMap(({file}) => {
      const loaded = loadManifest('Release', file.path, file.text);
      return loaded.ok ? [] : loaded.problem;
    }),
  ];
}

/** What an app claims and another one has: a route, or a port. */
export type Claimed = {readonly message: string} & ({readonly route: Claim} | {readonly port: number});

/** Where the routes and ports of an app are written that it can't have; its app.yaml where they are not (the default route). */
export function locateClaims({name, files}: AppFiles, claims: readonly Claimed[]): readonly Diagnostic[] {
  const file = files.find((one) => one.path === appFile(name));
  const loaded = file?.kind === 'text' && claims.length > 0 ? loadManifest('App', file.path, file.text) : undefined;
  if (file?.kind !== 'text' || loaded?.ok !== true) return claims.map(({message}) => ({file: appFile(name), line: 1, column: 1, message}));
  const {routes = [], tcp = []} = loaded.value;
  const places = new Map(routes.map((one, index) => [claimKey(claimOf(one)), index]));
  return locate(claims.map((claim): Problem => {
    const [list, index, field] = 'route' in claim ? ['routes', places.get(claimKey(claim.route)) ?? -1, 'host'] as const : ['tcp', tcp.findIndex(({port}) => port === claim.port), 'port'] as const;
    return {path: index < 0 ? [] : [list, index, field], message: claim.message};
  }), file.path, file.text);
}

function resolveServices(input: ServiceInput) {
  const services: DesiredService[] = [];
  const problems: Problem[] = [];
  for (const name of serviceNames(input)) {
    const service = resolveService(name, input);
    if (!service.ok) problems.push(...service.problem);
    else if (service.value !== undefined) services.push(service.value);
  }
  return {services, problems};
}

/**
 * Images that any release names. Read with a pattern, not parsed: thousands of old releases would take seconds, and a line too many
 * only keeps an image.
 */
function imagesOf({releases}: AppFolder): readonly ImageDigest[] {
  return [...new Set(releases.flatMap(({file}) => file.text.match(/(?<!@)\bsha256:[0-9a-f]{64}\b/g) ?? []))] as readonly string[] as readonly ImageDigest[];
}

function place(problems: readonly Problem[], file: TextFile): readonly Diagnostic[] {
  return locate(problems, file.path, file.text);
}
