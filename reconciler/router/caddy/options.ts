import {createHash} from 'node:crypto';
import type {User} from '../../../schemas/users.ts';
import type {RouteOptions} from '../../desired/state.ts';
import type {PagesOfApp, RouteStructure} from '../../observed/structure.ts';
import {answer, KEEP_ALIVE, type Json, type ProxyContext} from './parts.ts';
import {checkClient} from './forwarding.ts';
import {PASSWORD_PAGE} from './page-texts.ts';

/** What a configuration has of secrets, opened: for Caddy alone. */
export interface RouteSecrets {
  /** What cookies of sticky routes are signed with. */
  readonly cookieKey: string;
  /** By the sealed text that they came from. What is in none lets nobody in. */
  readonly users: Readonly<Record<string, readonly User[]>>;
}

export const NO_SECRETS: RouteSecrets = {cookieKey: '', users: {}};

export interface RouteContext extends ProxyContext {
  readonly secrets: RouteSecrets;
  readonly pages: readonly PagesOfApp[];
}

/** Who may come, with what, in this order; for redirects too. */
export function handlersBefore({allow, deny, basicAuth, bodyBytesMax, isCompressed}: RouteOptions = {}, context: RouteContext): readonly Json[] {
  return [
    ...checkClient({...(allow && {allow}), ...(deny && {deny})}, context.trustedProxies, refusal(FORBIDDEN)),
    ...(basicAuth === undefined ? [] : [askForPassword(authServerOf(basicAuth, context))]),
    ...(bodyBytesMax === undefined ? [] : limitBody(bodyBytesMax)),
    ...(isCompressed === true ? [COMPRESS] : []),
  ];
}

/**
 * Servers that answer whether a request has a user's password. Apart from the servers of apps, because Caddy 2.6 would put the user's name
 * where the access log looks for what `noteForAccessLog` has. The address is made of all that the answer depends on: another Caddy that runs
 * at the same time with other users has another address.
 */
export function authServers(structure: RouteStructure, context: RouteContext): Readonly<Record<string, Json>> {
  const auths = structure.hosts.flatMap(({paths}) => paths.flatMap(({options}) => options?.basicAuth ?? []));
  return Object.fromEntries(auths.map((auth) => {
    const {address, users, realm} = authServerOf(auth, context);
    return [`auth ${address}`, {
      listen: [address],
      protocols: ['h1'],
      automatic_https: {disable: true},
      routes: [{handle: [
        {handler: 'authentication', providers: {http_basic: {
          accounts: users.map(({name, hash}) => ({username: name, password: hash})),
          hash: {algorithm: 'bcrypt'},
          hash_cache: {},
          realm,
        }}},
        {handler: 'static_response', status_code: 204},
      ]}],
      // With the header that asks for a password, which is set by then.
      errors: {routes: [{handle: [answer(UNAUTHORIZED, PASSWORD_PAGE)]}]},
    }];
  }));
}

const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const TOO_LARGE = 413;

function authServerOf({realm, sealedUsers}: NonNullable<RouteOptions['basicAuth']>, {dnsPort, secrets}: RouteContext) {
  const users = secrets.users[sealedUsers] ?? [];
  // Not the users as they are: what comes back from Caddy has its fields in another order.
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(JSON.stringify([realm, users.map(({name, hash}) => [name, hash])])).digest();
  // 127.64.0.0/10, of which nobody else has anything. On the DNS port, which is ours already.
  return {address: `127.${64 + (a % 64)}.${b}.${1 + (c % 254)}:${dnsPort}`, users, realm};
}

function askForPassword({address}: {readonly address: string}): Json {
  return {
    handler: 'reverse_proxy',
    upstreams: [{dial: address}],
    rewrite: {method: 'GET', uri: '/'},
    transport: {protocol: 'http', keep_alive: KEEP_ALIVE},
    handle_response: [
      // On to what comes next. Without any handler Caddy would take the answer for the app's.
      {match: {status_code: [2]}, routes: [{handle: [{handler: 'vars'}]}]},
      {match: {status_code: [UNAUTHORIZED]}, routes: [{handle: [{handler: 'copy_response_headers', include: ['WWW-Authenticate']}, refusal(UNAUTHORIZED)]}]},
    ],
  };
}

/** What says how long it is, is refused before it is read. By a pattern, because an expression costs Caddy a millisecond for each route that is loaded. */
function limitBody(bytesMax: number): readonly Json[] {
  return [
    {handler: 'subroute', routes: [{match: [{header_regexp: {'Content-Length': {pattern: patternAbove(bytesMax)}}}], handle: [refusal(TOO_LARGE)]}]},
    {handler: 'request_body', max_size: bytesMax},
  ];
}

/** Whole numbers above this one, in decimal digits: more digits, or as many of which the first that differs is larger. */
export function patternAbove(limit: number): string {
  const digits = String(limit);
  const larger = [...digits].flatMap((digit, index) => (
    digit === '9' ? [] : [`${digits.slice(0, index)}[${Number(digit) + 1}-9][0-9]{${digits.length - index - 1}}`]
  ));
  return `^0*(?:${[`[1-9][0-9]{${digits.length},}`, ...larger].join('|')})$`;
}

/** An error, so that its page is the one of that status. Its text is for the access log. */
function refusal(status: number): Json {
  return {handler: 'error', status_code: status, error: 'refused'};
}

const COMPRESS: Json = {
  handler: 'encode',
  encodings: {gzip: {}, zstd: {}},
  prefer: ['zstd', 'gzip'],
  // Caddy's own list has text/*, and with it text/event-stream, whose events would wait in the encoder (2.6.2).
  match: {headers: {'Content-Type': [
    'text/html*', 'text/plain*', 'text/css*', 'text/csv*', 'text/xml*', 'text/javascript*', 'text/markdown*',
    'application/json*', 'application/javascript*', 'application/xml*', 'application/xhtml+xml*', 'application/atom+xml*', 'application/rss+xml*', 'application/manifest+json*', 'application/wasm*',
    'image/svg+xml*',
  ]}},
};
