import type {RouteOptions} from '../../desired/state.ts';
import type {NodeSettings} from '../../settings.ts';
import type {Json} from './parts.ts';

/** A client's own id is passed on when it can be one, as Heroku and Flynn do. */
const REQUEST_ID = '^[A-Za-z0-9_-]{20,200}$';

/** What a client may say of where it comes from, but not to us. X-Forwarded-For, -Proto and -Host are made anew by the proxy itself. */
const CLAIMS: readonly string[] = ['Forwarded', 'X-Real-Ip', 'X-Forwarded-*', 'X-Request-Start'];

/** Of `Connection`: headers that it names go no further (RFC 9110, 7.6.1), and a client could have those taken away that are the router's. */
const OURS_IN_CONNECTION = '(?i)(^|[\\s,])x-(?:request|forwarded)-[a-z]+';

/**
 * What every request says of how it came here: X-Request-Id, X-Request-Start (milliseconds since 1970, as Heroku has it) and X-Forwarded-*.
 * Only proxies that the cluster trusts may have said so before us.
 */
export function forwarding({httpPort, httpsPort}: Pick<NodeSettings, 'httpPort' | 'httpsPort'>, trustedProxies: readonly string[]): readonly Json[] {
  return [
    {match: [{header_regexp: {Connection: {pattern: OURS_IN_CONNECTION}}}], handle: [{handler: 'headers', request: {replace: {Connection: [{search_regexp: OURS_IN_CONNECTION, replace: '$1'}]}}}]},
    // All values of the header together, so that a second one can't come along with a good one.
    {match: [{not: [{vars_regexp: {'{http.request.header.X-Request-Id}': {name: 'id', pattern: REQUEST_ID}}}]}], handle: [setHeader('X-Request-Id', '{http.request.uuid}')]},
    {
      ...(trustedProxies.length > 0 && {match: [{not: [{remote_ip: {ranges: trustedProxies}}]}]}),
      handle: [{handler: 'headers', request: {delete: CLAIMS}}],
    },
    {match: [{header: {'X-Request-Start': null}}], handle: [setHeader('X-Request-Start', '{time.now.unix_ms}')]},
    {match: [{header: {'X-Forwarded-Port': null}, protocol: 'https'}], handle: [setHeader('X-Forwarded-Port', String(httpsPort))]},
    {match: [{header: {'X-Forwarded-Port': null}}], handle: [setHeader('X-Forwarded-Port', String(httpPort))]},
  ];
}

/**
 * Refuses clients that are not from the networks of `allow`, or are from those of `deny`. A client behind a proxy that the cluster trusts is who
 * that proxy says: the last of X-Forwarded-For, for what stands before it the client may have written.
 */
export function checkClient({allow, deny}: Pick<RouteOptions, 'allow' | 'deny'>, trustedProxies: readonly string[], refusal: Json): readonly Json[] {
  const from = (ranges: readonly string[]): Json => ({remote_ip: {ranges, ...(trustedProxies.length > 0 && {forwarded: true})}});
  const checks = [
    ...(allow === undefined ? [] : [only({not: [from(allow)]}, [refusal])]),
    ...(deny === undefined ? [] : [only(from(deny), [refusal])]),
  ];
  if (checks.length === 0 || trustedProxies.length === 0) return checks;
  // Caddy looks at the first address of the first such header: for so long, it is the last of all.
  const isForwarded: Json = {header: {'X-Forwarded-For': ['*']}};
  const last: Json = {handler: 'headers', request: {set: {'X-Forwarded-For': ['{http.request.header.X-Forwarded-For}']}, replace: {'X-Forwarded-For': [{search_regexp: '^.*,\\s*', replace: ''}]}}};
  return [
    only(isForwarded, [{handler: 'vars', forwarded_for: '{http.request.header.X-Forwarded-For}'}, last]),
    ...checks,
    only(isForwarded, [setHeader('X-Forwarded-For', '{http.vars.forwarded_for}')]),
  ];
}

/** Handlers for some requests; all go on to what comes next. */
function only(match: Json, handle: readonly Json[]): Json {
  return {handler: 'subroute', routes: [{match: [match], handle}]};
}

function setHeader(name: string, value: string): Json {
  return {handler: 'headers', request: {set: {[name]: [value]}}};
}
