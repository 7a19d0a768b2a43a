import {WEB} from '../../schemas/app.ts';
import type {ServiceName} from '../../schemas/ids.ts';
import {RESERVED_APP_NAMES} from '../../schemas/names.ts';
import type {RouteManifest} from '../../schemas/routes.ts';
import type {Problem} from '../../schemas/schema.ts';
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
  return (routes ?? fallback)
    .map((route): DesiredRoute => {
      const {host, path = '/', service = WEB, https} = route;
      const options = routeOptionsOf(route, secrets);
      return {host, path, service: service as ServiceName, ...(https !== undefined && {https}), ...(options && {options})};
    })
    .toSorted(byHostThenLongestPath);
}

/** Routes to services that are not there or take no traffic, and to hosts that are ours. */
export function problemsOfRoutes(routes: readonly RouteManifest[], domain: string, services: readonly DesiredService[]): readonly Problem[] {
  return routes.flatMap(({host, service: wanted = WEB}, index) => {
    const problems: Problem[] = [];
    const service = services.find(({name}) => name === wanted);
    if (service === undefined) {
      const known = services.map(({name}) => name).join(', ') || 'none';
      problems.push({path: ['routes', index, 'service'], message: `route "${host}" leads to the service "${wanted}", which the app doesn't have: known are ${known}`});
    } else if (service.container.facts.port === undefined) {
      problems.push({path: ['routes', index, 'service'], message: `route "${host}" leads to the service "${wanted}", which has no port: add \`port:\` to it`});
    }
    return [...problems, ...problemOfHost(host, domain).map((message) => ({path: ['routes', index, 'host'], message}))];
  });
}

/** Known without a release, so told before the first push as well. */
export function problemOfHost(host: string, domain: string): readonly string[] {
  const isOurs = RESERVED_APP_NAMES.some((name) => host === `${name}.${domain}`);
  return isOurs ? [`host "${host}" belongs to the cluster itself`] : [];
}

function byHostThenLongestPath(a: DesiredRoute, b: DesiredRoute): number {
  if (a.host !== b.host) return a.host < b.host ? -1 : 1;
  return b.path.length - a.path.length || (a.path < b.path ? -1 : 1);
}
