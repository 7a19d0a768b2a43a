import {isDeepStrictEqual} from 'node:util';
import type {AppManifest} from '../../schemas/app.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {mergePatch, type JsonObject} from '../../schemas/merge-patch.ts';
import {formatRouteName, nameOfTcpRoute, namesOfRoutes, type HttpRouteName, type RouteName} from '../../schemas/route-name.ts';
import {ROUTE_SERVICE_DEFAULT, type RouteManifest} from '../../schemas/routes.ts';
import type {TcpRouteManifest} from '../../schemas/tcp.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {appFile, manifestOf, releaseFolder, releasedServices, type AppFound} from './edits.ts';
import {setField} from './yaml-fields.ts';
import {editItem} from './yaml-items.ts';
import {addToList, removeFromList} from './yaml-list.ts';
import {removeKey} from './yaml-edit.ts';

/** A route that is to be added: its fields are checked by the schema, when the file is read again. */
export type NewRoute =
  | {readonly kind: 'http'; readonly route: RouteManifest}
  | {readonly kind: 'tcp'; readonly route: TcpRouteManifest};

/** Adds a route; one that is there already, in all its fields, is left as it is. The first one is written beside the app's own host, which stays. */
export function addRoute(app: AppName, {kind, route}: NewRoute, defaultHost: string): Edit {
  return (read, list) => {
    const {text, manifest} = manifestOf(app, read);
    const before = manifest[listOf(kind)];
    if (before?.some((one) => isSame(one, route)) === true) return {};
    if (kind === 'tcp') return written(app, {manifest, wanted: {tcp: [...manifest.tcp ?? [], route]}, text: withItems(text, 'tcp', [route])});
    if (before === undefined && isSame(route, {host: defaultHost})) return {};
    const isDefaultKept = before === undefined && !isSamePlace(route, {host: defaultHost}) && hasWeb(app, {manifest, route}, read, list);
    const added = [...(isDefaultKept ? [{host: defaultHost}] : []), route];
    return written(app, {manifest, wanted: {routes: [...before ?? [], ...added]}, text: withItems(text, 'routes', added)});
  };
}

/** Changes fields of a route by a merge patch: null takes one out. Refused when there is no such route. */
export function updateRoute(app: AppName, name: RouteName, patch: JsonObject): Edit {
  return (read) => {
    const {text, manifest} = manifestOf(app, read);
    const key = listOf(name.kind);
    const index = indexOf(app, name, manifest);
    const before: JsonObject = {...(manifest[key] ?? [])[index]};
    const after = mergePatch(before, patch);
    const changes = Object.fromEntries(Object.keys(patch).filter((field) => !isDeepStrictEqual(before[field], after[field])).map((field) => [field, after[field]]));
    if (Object.keys(changes).length === 0) return {};
    const wanted = {[key]: (manifest[key] ?? []).map((one, at) => (at === index ? after : one))};
    return written(app, {manifest, wanted, text: editItem(text, {key, index, changes})});
  };
}

/** Takes a route out. When nothing but the app's own host would be left, nothing is said of routes any more. */
export function removeRoute(app: AppName, name: RouteName, defaultHost: string): Edit {
  return (read) => {
    const {text, manifest} = manifestOf(app, read);
    const key = listOf(name.kind);
    // What is not written is there all the same: it can be taken away only by saying that there is none.
    if (name.kind === 'http' && manifest.routes === undefined && name.host === defaultHost && name.path === '/') return written(app, {manifest, wanted: {routes: []}, text: withoutRoutes(text)});
    const index = indexOf(app, name, manifest);
    if (key === 'tcp') return written(app, {manifest, wanted: {tcp: manifest.tcp?.toSpliced(index, 1)}, text: removeFromList(text, 'tcp', index)});
    return withRoutesLeft(app, {text, manifest, gone: [index], defaultHost});
  };
}

/** Takes all routes of a host out. */
export function removeDomain(app: AppName, host: string, defaultHost: string): Edit {
  return (read) => {
    const {text, manifest} = manifestOf(app, read);
    if (manifest.routes === undefined && host === defaultHost) return written(app, {manifest, wanted: {routes: []}, text: withoutRoutes(text)});
    const gone = indexesOf(manifest, (route) => route.host === host);
    if (gone.length === 0) throw new EditRefused(`app "${app}" has no domain "${host}"${known([...new Set((manifest.routes ?? [{host: defaultHost}]).map((route) => route.host))])}`);
    return withRoutesLeft(app, {text, manifest, gone, defaultHost});
  };
}

/** Takes the routes of all hosts but the app's own out, which is there again if it was not. */
export function clearDomains(app: AppName, defaultHost: string): Edit {
  return (read) => {
    const {text, manifest} = manifestOf(app, read);
    const gone = indexesOf(manifest, ({host}) => host !== defaultHost);
    if (manifest.routes === undefined || (gone.length === 0 && manifest.routes.length > 0)) return {};
    if (gone.length === manifest.routes.length) return written(app, {manifest, wanted: {routes: undefined}, text: removeKey(text, ['routes'])});
    return withRoutesLeft(app, {text, manifest, gone, defaultHost});
  };
}

/** At the end of a list that may not be there yet. `[]` becomes one of lines. */
function withItems(text: string, key: 'routes' | 'tcp', items: readonly object[]): string | undefined {
  const isEmpty = new RegExp(`^${key}: *\\[ *\\]`, 'm').test(text);
  const asLines = isEmpty ? setField(text, [key], items) : undefined;
  return asLines ?? items.reduce<string | undefined>((edited, item) => (edited === undefined ? undefined : addToList(edited, key, item)), text);
}

function listOf(kind: RouteName['kind']): 'routes' | 'tcp' {
  return kind === 'http' ? 'routes' : 'tcp';
}

function withRoutesLeft(app: AppName, {text, manifest, gone, defaultHost}: AppFound & {readonly gone: readonly number[]; readonly defaultHost: string}): ReturnType<Edit> {
  const routes = manifest.routes ?? [];
  const left = routes.filter((_, index) => !gone.includes(index));
  if (left.length === 0) return written(app, {manifest, wanted: {routes: []}, text: withoutRoutes(text)});
  const edited = gone.toReversed().reduce<string | undefined>((rest, index) => (rest === undefined ? undefined : removeFromList(rest, 'routes', index)), text);
  const [only] = left;
  // It is there without being said, and follows when the cluster gets another domain. A remark on it is a reason to leave it.
  const isImplied = left.length === 1 && only !== undefined && isSame(only, {host: defaultHost}) && edited !== undefined && !hasRemark(edited);
  if (isImplied) return written(app, {manifest, wanted: {routes: undefined}, text: removeKey(edited, ['routes'])});
  return written(app, {manifest, wanted: {routes: left}, text: edited});
}

function withoutRoutes(text: string): string | undefined {
  return setField(text, ['routes'], []);
}

/** Whether there is a comment among the routes, the line of their key included. */
function hasRemark(text: string): boolean {
  const without = removeKey(text, ['routes']);
  return without === undefined || text.split('#').length !== without.split('#').length;
}

/** Where the route with this name stands in its list. */
function indexOf(app: AppName, name: RouteName, manifest: AppManifest): number {
  const names = name.kind === 'tcp' ? (manifest.tcp ?? []).map(nameOfTcpRoute) : namesOfRoutes(manifest.routes ?? []);
  const found = names.flatMap((one, index) => (isMeant(one, name) ? [index] : []));
  const [index] = found;
  if (index === undefined) throw new EditRefused(`app "${app}" has no route ${formatRouteName(name)}${known(names.map(formatRouteName))}`);
  if (found.length > 1) throw new EditRefused(`app "${app}" has ${found.length} routes ${formatRouteName(name)}: name one of them, ${found.map((at) => formatRouteName(names[at] ?? name)).join(' or ')}`);
  return index;
}

/** `http:shop.example.com/` means each of several that differ in their conditions. */
function isMeant(one: RouteName, wanted: RouteName): boolean {
  if (isDeepStrictEqual(one, wanted)) return true;
  if (one.kind === 'tcp') return 'port' in one && 'port' in wanted && one.port === wanted.port && wanted.sni === undefined;
  return wanted.kind === 'http' && wanted.nth === undefined && isDeepStrictEqual(withoutNth(one), wanted);
}

function withoutNth({kind, host, path}: HttpRouteName): HttpRouteName {
  return {kind, host, path};
}

function indexesOf({routes = []}: AppManifest, isGone: (route: RouteManifest) => boolean): readonly number[] {
  return routes.flatMap((route, index) => (isGone(route) ? [index] : []));
}

function known(names: readonly string[]): string {
  return names.length === 0 ? '' : `; it has ${names.join(', ')}`;
}

/** What is left out is its default. */
function isSame(one: RouteManifest | TcpRouteManifest, other: RouteManifest | TcpRouteManifest): boolean {
  return isDeepStrictEqual(filled(one), filled(other));
}

function filled(route: RouteManifest | TcpRouteManifest): object {
  return 'host' in route ? {path: '/', service: ROUTE_SERVICE_DEFAULT, ...route} : route;
}

function isSamePlace({host, path = '/'}: RouteManifest, other: RouteManifest): boolean {
  return host === other.host && path === (other.path ?? '/');
}

/** Whether the app's own host leads somewhere: what a release has is known; before the first one, what was said. */
function hasWeb(app: AppName, {manifest, route}: {readonly manifest: AppManifest; readonly route: RouteManifest}, read: Parameters<Edit>[0], list: Parameters<Edit>[1]): boolean {
  if (Object.hasOwn(manifest.services ?? {}, ROUTE_SERVICE_DEFAULT)) return true;
  const isReleased = list(releaseFolder(app)).length > 0;
  return isReleased ? releasedServices(app, read, list).includes(ROUTE_SERVICE_DEFAULT) : (route.service ?? ROUTE_SERVICE_DEFAULT) === ROUTE_SERVICE_DEFAULT;
}

interface Written {
  readonly manifest: AppManifest;
  readonly wanted: {readonly routes?: readonly object[] | undefined; readonly tcp?: readonly object[] | undefined};
  readonly text: string | undefined;
}

/** The whole file is read again and compared with what was meant. */
function written(app: AppName, {manifest, wanted, text}: Written): ReturnType<Edit> {
  const file = appFile(app);
  const meant = Object.fromEntries(Object.entries({...manifest, ...wanted}).filter(([key, value]) => value !== undefined && !(key === 'tcp' && isDeepStrictEqual(value, []))));
  const after = text === undefined ? undefined : loadManifest('App', file, text);
  if (after?.ok === false) throw new EditRefused(after.problem.map(formatDiagnostic).join('\n'));
  if (text === undefined || !isDeepStrictEqual(after?.value, meant)) throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is shared or written: change \`${Object.keys(wanted).join(' and ')}\` by hand`);
  return {[file]: text};
}
