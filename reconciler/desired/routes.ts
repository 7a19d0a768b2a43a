import {WEB} from '../../schemas/app.ts';
import {conditionsOf} from '../../schemas/conditions.ts';
import type {ServiceName} from '../../schemas/ids.ts';
import {RESERVED_APP_NAMES} from '../../schemas/names.ts';
import {REDIRECT_STATUS_DEFAULT, redirectOf} from '../../schemas/redirects.ts';
import {claimInWords, claimKey, claimOf} from '../../schemas/route-place.ts';
import type {RouteManifest} from '../../schemas/routes.ts';
import type {Problem} from '../../schemas/schema.ts';
import {hashOf} from './hash.ts';
import {routeOptionsOf} from './route-options.ts';
import type {AppSecrets} from './secrets.ts';
import type {DesiredRoute, DesiredService} from './state.ts';

export interface RoutesInput {
  readonly routes: readonly RouteManifest[] | undefined;
  readonly defaultHost: string;
  readonly services: readonly DesiredService[];
  readonly secrets: Pick<AppSecrets, 'env'>;
}

/** The app's own host, unless it has routes of its own. */
export function routesOf({routes, defaultHost, services, secrets}: RoutesInput): readonly DesiredRoute[] {
  const fallback: readonly RouteManifest[] = services.some(({name}) => name === WEB) ? [{host: defaultHost}] : [];
  return (routes ?? fallback).map((route) => routeOf(route, secrets)).toSorted(byHostThenLongestPath);
}

function routeOf(route: RouteManifest, secrets: RoutesInput['secrets']): DesiredRoute {
  const {host, path = '/', when, stripPrefix, https} = route;
  const options = routeOptionsOf(route, secrets);
  return {
    host,
    path,
    ...(when !== undefined && {when: conditionsOf(when)}),
    ...endOf(route),
    ...(stripPrefix === true && {stripPrefix: true}),
    ...(https !== undefined && {https}),
    ...(options && {options}),
  };
}

function endOf(route: RouteManifest): Pick<DesiredRoute, 'service' | 'split' | 'redirect'> {
  const {service = WEB, services, redirect} = route;
  if (redirect !== undefined) {
    const {to, status = REDIRECT_STATUS_DEFAULT, keepPath = true} = redirectOf(redirect);
    return {redirect: {to, status, keepPath}};
  }
  if (services === undefined) return {service: service as ServiceName};
  const shares = Object.entries(services).map(([name, weight]) => ({service: name as ServiceName, weight})).toSorted((a, b) => (a.service < b.service ? -1 : 1));
  return {split: {id: hashOf(claimKey(claimOf(route))), shares}};
}

/** Routes to services that are not there or take no traffic, and to hosts that are ours. */
export function problemsOfRoutes(routes: readonly RouteManifest[], domain: string, services: readonly DesiredService[]): readonly Problem[] {
  return routes.flatMap((route, index) => [
    ...leadsOf(route).flatMap(({wanted, path}) => problemOfService(wanted, claimInWords(claimOf(route)), services).map((message) => ({path: ['routes', index, ...path], message}))),
    ...problemOfHost(route.host, domain).map((message) => ({path: ['routes', index, 'host'], message})),
  ]);
}

/** The services that a route names, each with where it does. */
function leadsOf({service = WEB, services, redirect}: RouteManifest): readonly {readonly wanted: string; readonly path: Problem['path']}[] {
  if (redirect !== undefined) return [];
  if (services === undefined) return [{wanted: service, path: ['service']}];
  return Object.keys(services).map((wanted) => ({wanted, path: ['services', wanted]}));
}

function problemOfService(wanted: string, place: string, services: readonly DesiredService[]): readonly string[] {
  const service = services.find(({name}) => name === wanted);
  if (service === undefined) return [`route "${place}" leads to the service "${wanted}", which the app doesn't have: known are ${services.map(({name}) => name).join(', ') || 'none'}`];
  if (service.container.facts.port === undefined) return [`route "${place}" leads to the service "${wanted}", which has no port: add \`port:\` to it`];
  return [];
}

/** Known without a release, so told before the first push as well. */
export function problemOfHost(host: string, domain: string): readonly string[] {
  const isOurs = RESERVED_APP_NAMES.some((name) => host === `${name}.${domain}`) || `.${host}`.endsWith(INTERNAL);
  return isOurs ? [`host "${host}" belongs to the cluster itself`] : [];
}

/** The router's own names are below it. */
const INTERNAL = '.flynn.internal';

function byHostThenLongestPath(a: DesiredRoute, b: DesiredRoute): number {
  if (a.host !== b.host) return a.host < b.host ? -1 : 1;
  if (a.path !== b.path) return b.path.length - a.path.length || (a.path < b.path ? -1 : 1);
  // Sorting is stable.
  return Number(a.when === undefined) - Number(b.when === undefined);
}
