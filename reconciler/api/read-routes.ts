import type {JsonObject} from '../../schemas/merge-patch.ts';
import {formatRouteName, parseRouteName, type RouteName} from '../../schemas/route-name.ts';
import type {RouteManifest} from '../../schemas/routes.ts';
import type {TcpRouteManifest} from '../../schemas/tcp.ts';
import type {NewRoute} from '../commits/route-edits.ts';
import {ApiError} from './problem.ts';

/** Of what is wrong. */
const SHOWN_MAX = 100;

export interface NewRouteRequest {
  readonly wanted: NewRoute;
  /** What it is called by. */
  readonly name: string;
  /** For the subject of the commit: `shop.example.com/api → api`. */
  readonly inWords: string;
}

/** `{"http": {…}}` or `{"tcp": {…}}`. What the fields may be is checked where all manifests are: by the commit. */
export type RouteBody = {readonly http: RouteFields; readonly tcp?: undefined} | {readonly tcp: RouteFields; readonly http?: undefined};

type RouteFields = Readonly<Record<string, unknown>>;

export function readNewRoute(body: RouteBody): NewRouteRequest {
  const kind = body.tcp === undefined ? 'http' : 'tcp';
  const route = body.tcp ?? body.http;
  if (kind === 'tcp') {
    const {port, sni, service} = route;
    if (port !== undefined && !Number.isInteger(port)) throw new ApiError(400, 'port has to be a whole number; without one the node chooses it');
    const place = port === undefined ? readText('service', service) : `${String(port)}${sni === undefined ? '' : `/${readText('sni', sni)}`}`;
    const name = formatRouteName(readRouteName(`tcp:${place}`));
    return {wanted: {kind, route: route as unknown as TcpRouteManifest}, name, inWords: port === undefined ? name : `${name}${led({service})}`};
  }
  const {host, path = '/', service, redirect} = route;
  const name = readRouteName(`${readText('host', host)}${readText('path', path)}`);
  if (name.kind !== 'http') throw new ApiError(400, `"${String(host)}" is no host`);
  return {wanted: {kind, route: route as unknown as RouteManifest}, name: formatRouteName(name), inWords: `${name.host}${name.path === '/' ? '' : name.path}${led(typeof redirect === 'string' ? {redirect} : {service})}`};
}

/** A merge patch (RFC 7396): null takes a field out. */
export function readRouteChanges(changes: JsonObject): {readonly changes: JsonObject; readonly inWords: string} {
  const names = Object.keys(changes);
  const {service, ...others} = changes;
  const words = [...(typeof service === 'string' ? [led({service}).trimStart()] : names.includes('service') ? ['service'] : []), ...Object.keys(others)];
  return {changes, inWords: `(${words.join(', ')})`};
}

export function readRouteName(text: string): RouteName {
  const name = parseRouteName(text);
  if (!name.ok) throw new ApiError(400, name.problem);
  return name.value;
}

/** As the DNS has it; whether it is one is for the schema to say. */
export function readHost(value: unknown): string {
  const name = readRouteName(readText('host', value));
  if (name.kind !== 'http' || name.path !== '/' || name.nth !== undefined) throw new ApiError(400, `"${String(value)}" is no host such as shop.example.com`);
  return name.host;
}

/** They become a part of the commit's message. */
function readText(name: string, value: unknown): string {
  if (value === undefined) throw new ApiError(400, `${name} is missing: it has to be a text without spaces`);
  if (typeof value !== 'string' || !/^[^\p{Cc}\s]{1,300}$/u.test(value)) throw new ApiError(400, `${name} has to be a text without spaces, not ${JSON.stringify(value).slice(0, SHOWN_MAX)}`);
  return value;
}

/** ` → api` */
function led(to: Readonly<Record<string, unknown>>): string {
  return Object.entries(to).map(([name, value]) => (value === undefined ? '' : ` → ${readText(name, value)}`)).join('');
}
