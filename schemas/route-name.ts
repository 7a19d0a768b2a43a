import {fail, ok, type Result} from './result.ts';
import type {RouteManifest} from './routes.ts';
import type {TcpRouteManifest} from './tcp.ts';

/** What people call a route by: `http:shop.example.com/api`, `tcp:5432`, `tcp:443/db.example.com`, `tcp:db` while no port is chosen for it. */
export type RouteName = HttpRouteName | TcpRouteName;

export interface HttpRouteName {
  readonly kind: 'http';
  readonly host: string;
  readonly path: string;
  /** Which of several with this host and path, counted from 1; absent: there is one. */
  readonly nth?: number;
}

export type TcpRouteName =
  | {readonly kind: 'tcp'; readonly port: number; readonly sni?: string}
  | {readonly kind: 'tcp'; readonly service: string};

/**
 * Reads a name as people type it: `http:`, `https:` and `//` may stand before a host, a port alone is TCP's. Hosts get small letters and the
 * form that DNS has for other alphabets. Whether host and path are right is the schema's business.
 */
export function parseRouteName(text: string): Result<RouteName, string> {
  if (!/^[^\p{Cc}\s]{1,600}$/u.test(text)) return fail(`${JSON.stringify(text)} can't name a route`);
  const tcp = /^(?:tcp:)?(\d{1,5})(?:\/(.+))?$/.exec(text);
  const [, service] = /^tcp:([a-z0-9-]*[a-z-][a-z0-9-]*)$/.exec(text) ?? [];
  if (service !== undefined) return ok({kind: 'tcp', service});
  if (tcp !== null) return ok({kind: 'tcp', port: Number(tcp[1]), ...(tcp[2] !== undefined && {sni: tcp[2].toLowerCase()})});
  const [, host = '', written = '', nth] = /^(?!tcp:)(?:https?:)?(?:\/\/)?([^/#:?]+)(\/[^#?]*)?(?:#([1-9]\d{0,3}))?$/.exec(text) ?? [];
  if (host === '') return fail(`"${text}" can't name a route; they are named like shop.example.com/api, or tcp:5432`);
  return ok({kind: 'http', host: inDns(host), path: written.replace(/\/+$/, '') || '/', ...(nth !== undefined && {nth: Number(nth)})});
}

/** In the form in which `parseRouteName` reads it back, and lists print it. */
export function formatRouteName(name: RouteName): string {
  if (name.kind === 'tcp') return 'service' in name ? `tcp:${name.service}` : `tcp:${name.port}${name.sni === undefined ? '' : `/${name.sni}`}`;
  return `http:${name.host}${name.path}${name.nth === undefined ? '' : `#${name.nth}`}`;
}

/** Names of an app's routes, in their order. */
export function namesOfRoutes(routes: readonly RouteManifest[]): readonly HttpRouteName[] {
  const keys = routes.map(keyOf);
  return routes.map(({host, path = '/'}, index) => {
    const key = keys[index] ?? '';
    const isAlone = keys.indexOf(key) === keys.lastIndexOf(key);
    return {kind: 'http', host, path, ...(!isAlone && {nth: keys.slice(0, index + 1).filter((one) => one === key).length})};
  });
}

export function nameOfTcpRoute({port, sni, service}: Pick<TcpRouteManifest, 'port' | 'sni' | 'service'>): TcpRouteName {
  return port === undefined ? {kind: 'tcp', service} : {kind: 'tcp', port, ...(sni !== undefined && {sni})};
}

function keyOf({host, path = '/'}: RouteManifest): string {
  return `${host}${path}`;
}

/** `Bücher.example` is `xn--bcher-kva.example`; what is no host stays as it is, for the schema to refuse. */
function inDns(host: string): string {
  const small = host.toLowerCase();
  if (/^[\x21-\x7e]*$/.test(small) || !URL.canParse(`http://${small}`)) return small;
  return new URL(`http://${small}`).hostname;
}
