import type {SchemaObject} from 'ajv';
import {conditionsSchema, type ConditionsManifest} from './conditions.ts';
import {LABELS, PATH_SEGMENTS, serviceNameSchema} from './names.ts';
import {redirectOf, redirectSchema, type RedirectManifest} from './redirects.ts';
import {checkRouteOptions, routeOptionsProperties, type RouteOptionsManifest} from './route-options.ts';
import {claimInWords, claimKey, claimOf, comparablePath} from './route-place.ts';
import type {ObjectSchema, Problem} from './schema.ts';
import {checkHttps, httpsSchema, type HttpsManifest} from './tls.ts';

/** Which requests an app answers, and who does: one service, several by weight, or nobody because it redirects. */
export interface RouteManifest extends RouteOptionsManifest {
  /** A host, `*.example.com` for every host below one, or `*` for all that nobody else has. */
  readonly host: string;
  readonly path?: string;
  readonly when?: ConditionsManifest;
  readonly service?: string;
  /** Weight by service. */
  readonly services?: Readonly<Record<string, number>>;
  readonly stripPrefix?: boolean;
  readonly redirect?: RedirectManifest;
  /** Of the whole host. Absent: redirected once it has a certificate that browsers trust. */
  readonly https?: HttpsManifest;
}

/** Whom a route leads to that says nothing. */
export const ROUTE_SERVICE_DEFAULT = 'web';
const ROUTES_MAX = 1000;
const WEIGHT_MAX = 1000;
const SERVICES_MAX = 10;

export const routeHostSchema: SchemaObject = {
  type: 'string',
  pattern: `^(?=.{1,240}$)(\\*|(\\*\\.)?${LABELS})$`,
  errorMessage: 'must be a host name in small letters such as shop.example.com, "*.example.com" or "*", without scheme, port or path',
};

const routeSchema: ObjectSchema<RouteManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['host'],
  properties: {
    host: {...routeHostSchema, description: 'This host; "*.example.com": every host below it that no route names; "*": every host that no other route has. Ports do not count.', examples: ['shop.example.com', '*.example.com']},
    path: {
      type: 'string',
      pattern: `^(/|${PATH_SEGMENTS})$`,
      default: '/',
      errorMessage: 'must be a path such as / or /api, without a slash at its end',
      description: 'Only requests below this path, on whole segments and whatever the case of its letters. The longest path that fits counts.',
    },
    when: conditionsSchema,
    service: {...serviceNameSchema, type: 'string', default: ROUTE_SERVICE_DEFAULT, description: 'Which service answers.'},
    services: {
      type: 'object', propertyNames: serviceNameSchema, minProperties: 1, maxProperties: SERVICES_MAX,
      additionalProperties: {type: 'integer', minimum: 0, maximum: WEIGHT_MAX},
      description: 'Several services that share the requests, each with its weight; one with 0 gets none. Instead of `service`.', examples: [{web: 90, next: 10}],
    },
    stripPrefix: {type: 'boolean', default: false, description: 'The service does not see `path`: /api/orders comes as /orders, with /api in `X-Forwarded-Prefix`.'},
    redirect: redirectSchema,
    https: httpsSchema,
    ...routeOptionsProperties,
  },
};

export const routesSchema = {type: 'array', items: routeSchema, maxItems: ROUTES_MAX, description: 'Hosts that lead to this app. Absent: <app>.<domain> leads to web. An empty list: none.'};

/** What a schema can't say of the routes of one app. */
export function checkRoutes(routes: readonly RouteManifest[] = []): readonly Problem[] {
  const keys = routes.map((route) => claimKey(claimOf(route)));
  const firsts = new Map(keys.map((key, index) => [key, index] as const).toReversed());
  return [
    ...routes.flatMap((route, index): Problem[] => [
      ...(firsts.get(keys[index] ?? '') === index ? [] : [{path: ['routes', index], message: `route "${claimInWords(claimOf(route))}" is there twice`}]),
      ...checkRoute(route).map(({path, message}) => ({path: ['routes', index, ...path], message})),
      ...checkRouteOptions(route, ['routes', index]),
      ...(leadsBack(route, routes) ? [{path: ['routes', index, 'redirect'], message: `a redirect that leads back to its own route has no end: "${redirectOf(route.redirect ?? '').to}" is what "${claimInWords(claimOf(route))}" answers`}] : []),
    ]),
    ...checkHttps(routes),
  ];
}

function checkRoute({host: _, path = '/', when, service, services, stripPrefix, redirect, https: _https, auth: _auth, allow: _allow, deny: _deny, ...ofService}: RouteManifest): readonly Problem[] {
  const problems: Problem[] = [];
  const leads = Object.entries({service, services, redirect}).flatMap(([field, value]) => (value === undefined ? [] : [field]));
  if (leads.length > 1) problems.push({path: [leads[1] ?? ''], message: `a route has one of service, services and redirect, not ${leads.join(' and ')}`});
  if (services !== undefined && Object.values(services).every((weight) => weight === 0)) problems.push({path: ['services'], message: 'all weights are 0, so nobody would answer: a service that gets requests needs a weight of 1 or more'});
  if (comparablePath(path) === undefined) problems.push({path: ['path'], message: `path can't be "${path}": what its escapes (%…) stand for must be letters of UTF-8, and no / ? [ ] * { } \\, and it can't end in a dot or a space`});
  for (const name of Object.keys(when?.header ?? {})) if (name.toLowerCase() === 'host') problems.push({path: ['when', 'header', name], message: 'the host is not a condition: it is `host` of the route'});
  if (stripPrefix === true && path === '/') problems.push({path: ['stripPrefix'], message: 'stripPrefix takes `path` away, and this route has none'});
  if (services !== undefined && (ofService.balance === 'least-conn' || ofService.balance === 'ip-hash')) problems.push({path: ['balance'], message: `${ofService.balance} knows no weights: take random or round-robin, or one service`});
  if (redirect === undefined) return problems;
  const {to, keepPath = true} = redirectOf(redirect);
  for (const field of Object.keys(ofService)) problems.push({path: [field], message: `${field} is about what a service gets or answers, and a redirect leads to none`});
  if (stripPrefix !== undefined) problems.push({path: ['stripPrefix'], message: 'a redirect has no stripPrefix: with keepPath it always leaves out `path`'});
  if (to === '/' && keepPath) problems.push({path: ['redirect'], message: 'a redirect to / can\'t keep the path: what follows could be read as another host. Say keepPath: false, or the whole URL'});
  return problems;
}

/** Whether whoever follows a redirect comes to it again. What conditions may be true by then is nobody's guess. */
function leadsBack(route: RouteManifest, routes: readonly RouteManifest[]): boolean {
  if (route.redirect === undefined || route.when !== undefined) return false;
  const target = URL.parse(redirectOf(route.redirect).to, `https://${route.host}`);
  if (target === null || target.hostname !== route.host) return false;
  const asked = comparablePath(target.pathname) ?? '/';
  const fits = ({path = '/'}: RouteManifest) => path === '/' || `${asked}/`.startsWith(`${comparablePath(path)}/`);
  const there = routes.filter((other) => other.host === route.host && other.when === undefined && fits(other));
  return there.toSorted((a, b) => (b.path ?? '/').length - (a.path ?? '/').length)[0] === route;
}
