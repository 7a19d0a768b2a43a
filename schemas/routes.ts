import {hostSchema, serviceNameSchema} from './names.ts';
import {checkRouteOptions, routeOptionsProperties, type RouteOptionsManifest} from './route-options.ts';
import type {ObjectSchema, Problem} from './schema.ts';
import {checkHttps, httpsSchema, type HttpsManifest} from './tls.ts';

/** Which requests an app answers, and which of its services does. */
export interface RouteManifest extends RouteOptionsManifest {
  readonly host: string;
  readonly path?: string;
  readonly service?: string;
  /** Of the whole host. Absent: redirected once it has a certificate that browsers trust. */
  readonly https?: HttpsManifest;
}

/** Whom a route leads to that says nothing. */
export const ROUTE_SERVICE_DEFAULT = 'web';
const ROUTES_MAX = 1000;

const routeSchema: ObjectSchema<RouteManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['host'],
  properties: {
    host: {...hostSchema, description: 'Exactly this host.', examples: ['shop.example.com']},
    path: {
      type: 'string',
      pattern: '^(/|(/(?!\\.{1,2}(/|$))[A-Za-z0-9._~!$&\'()+,;=:@%-]+)+)$',
      default: '/',
      errorMessage: 'must be a path such as / or /api, without a slash at its end',
      description: 'Only requests below this path.',
    },
    service: {...serviceNameSchema, type: 'string', default: ROUTE_SERVICE_DEFAULT, description: 'Which service answers.'},
    https: httpsSchema,
    ...routeOptionsProperties,
  },
};

export const routesSchema = {type: 'array', items: routeSchema, maxItems: ROUTES_MAX, description: 'Hosts that lead to this app. Absent: <app>.<domain> leads to web. An empty list: none.'};

/** Routes that are there twice, and options that don't go together. */
export function checkRoutes(routes: readonly RouteManifest[] = []): readonly Problem[] {
  const keys = routes.map(({host, path = '/'}) => `${host}${path}`);
  return [
    ...keys.flatMap((key, index) => (keys.indexOf(key) === index ? [] : [{path: ['routes', index], message: `route "${key}" is there twice`}])),
    ...routes.flatMap((route, index) => checkRouteOptions(route, ['routes', index])),
    ...checkHttps(routes),
  ];
}
