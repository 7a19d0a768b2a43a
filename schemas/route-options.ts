import {checkNetworks, networksSchema} from './networks.ts';
import {quantitySchema} from './quantity.ts';
import type {ObjectSchema, Problem} from './schema.ts';
import {variableNameSchema} from './variables.ts';

/** What a route does to the requests that it matches, and to their answers. */
export interface RouteOptionsManifest {
  /** How a replica is chosen. Absent: at random. */
  readonly balance?: Balance;
  /** One client, one replica: `true`, or the name of the cookie that sees to it. */
  readonly sticky?: boolean | StickyManifest;
  readonly protocol?: 'http' | 'h2c';
  /** Of a request, with a unit. */
  readonly maxBody?: string;
  /** How much of a request's body is there before the service gets the request, with a unit. */
  readonly timeouts?: TimeoutsManifest;
  readonly compress?: boolean;
  readonly headers?: HeadersManifest;
  readonly auth?: AuthManifest;
  /** Networks of clients: only these, and not those. */
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  /** The router has none: it is refused with what to do instead. */
  readonly rateLimit?: never;
}

export type Balance = 'random' | 'round-robin' | 'least-conn' | 'ip-hash';

export interface StickyManifest {
  readonly cookie?: string;
}

export interface TimeoutsManifest {
  /** For a replica that can be connected to. */
  readonly waitSeconds?: number;
  /** For the first byte of an answer. */
  readonly responseSeconds?: number;
  /** From one byte of the service to the next. */
  readonly idleSeconds?: number;
}

export interface HeadersManifest {
  readonly request?: HeaderEditsManifest;
  readonly response?: HeaderEditsManifest;
}

export interface HeaderEditsManifest {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

export interface AuthManifest {
  readonly basic: BasicAuthManifest;
}

export interface BasicAuthManifest {
  /** Name of the app's secret that holds them. */
  readonly users: string;
  readonly realm?: string;
}

export const STICKY_COOKIE_DEFAULT = 'flynn_sticky';
export const REALM_DEFAULT = 'restricted';
export const WAIT_SECONDS_DEFAULT = 5;
const HEADERS_MAX = 50;
const SECONDS_MAX = 86_400;

const headerName = {type: 'string', pattern: '^[A-Za-z0-9_-]{1,100}$', errorMessage: 'must be the name of a header: letters, digits, - and _'} as const;
const headerValues = {
  type: 'object',
  propertyNames: headerName,
  maxProperties: HEADERS_MAX,
  additionalProperties: {type: 'string', maxLength: 4000, pattern: '^[\\t\\x20-\\x7e]*$', errorMessage: 'must be printable ASCII in one line'},
};

const headerEditsSchema = (whose: string): ObjectSchema<HeaderEditsManifest> => ({
  type: 'object',
  additionalProperties: false,
  required: [],
  description: `Headers of ${whose}.`,
  properties: {
    set: {...headerValues, description: 'In place of what there is.'},
    add: {...headerValues, description: 'Beside what there is.'},
    remove: {type: 'array', items: headerName, maxItems: HEADERS_MAX, uniqueItems: true, description: 'Taken away.'},
  },
});

const headersSchema: ObjectSchema<HeadersManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'Headers that are changed on the way. What the router itself answers (404, 503 …) stays as it is.',
  properties: {
    request: headerEditsSchema('requests, before the service gets them'),
    response: headerEditsSchema("the service's answers, before the client gets them"),
  },
};

const timeoutsSchema: ObjectSchema<TimeoutsManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  description: 'How long the router waits for the service.',
  properties: {
    waitSeconds: {type: 'number', minimum: 1, maximum: 600, default: WAIT_SECONDS_DEFAULT, description: 'A request is held for so long while no copy can be connected to; then it is answered 503.'},
    responseSeconds: {type: 'number', minimum: 0.1, maximum: SECONDS_MAX, description: 'From the end of the request to the first byte of the answer; then it is answered 504. Default: no limit.'},
    idleSeconds: {type: 'number', minimum: 2, maximum: SECONDS_MAX, description: 'From one byte of the service to the next, also on websockets and event streams, and counted while a client is sending; then what has begun is cut off, else it is answered 504. Default: no limit.'},
  },
};

const basicAuthSchema: ObjectSchema<BasicAuthManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['users'],
  properties: {
    users: {...variableNameSchema, type: 'string', description: "Name of the app's secret that has them: a line `user:hash` each, the hash by bcrypt. It is then for the router only, not for the app's containers.", examples: ['SHOP_USERS']},
    realm: {type: 'string', minLength: 1, maxLength: 100, pattern: '^[\\x20\\x21\\x23-\\x5b\\x5d-\\x7a\\x7c\\x7e]*$', errorMessage: 'must be printable ASCII without quotes, braces and backslashes', default: REALM_DEFAULT, description: 'What browsers show when they ask for the password.'},
  },
};

const authSchema: ObjectSchema<AuthManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['basic'],
  description: 'Who may come.',
  properties: {basic: {...basicAuthSchema, description: 'Users with passwords (HTTP Basic): all others are answered 401.'}},
};

const stickySchema = {
  type: ['boolean', 'object'],
  default: false,
  additionalProperties: false,
  properties: {cookie: {type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$', default: STICKY_COOKIE_DEFAULT, errorMessage: 'must be the name of a cookie: letters, digits, - and _', description: 'Its name. Unless one is given, services that share a host have one each.'}},
  description: 'A client stays with the copy that it came to first, as long as that one is there: by a signed cookie.',
};

/** Part of a route's own schema. */
export const routeOptionsProperties: ObjectSchema<RouteOptionsManifest>['properties'] = {
  balance: {enum: ['random', 'round-robin', 'least-conn', 'ip-hash'], default: 'random', errorMessage: 'must be random, round-robin, least-conn or ip-hash', description: 'How a copy is chosen: least-conn is the one with the fewest requests in flight, ip-hash the same one for the same client address.'},
  sticky: stickySchema,
  protocol: {enum: ['http', 'h2c'], default: 'http', errorMessage: 'must be http or h2c', description: 'What the service speaks: h2c is HTTP/2 without TLS, which gRPC needs.'},
  maxBody: {...quantitySchema, description: 'Requests with a larger body are answered 413. Default: no limit.', examples: ['10Mi']},
  timeouts: timeoutsSchema,
  compress: {type: 'boolean', default: false, description: 'Text is compressed (gzip, zstd) for clients that ask for it. Event streams are not.'},
  headers: headersSchema,
  auth: authSchema,
  allow: {...networksSchema, description: 'Only clients from these networks; others are answered 403. Absent: everybody.', examples: [['10.0.0.0/8', '203.0.113.7/32']]},
  deny: {...networksSchema, description: 'Clients from these networks are answered 403.', examples: [['198.51.100.0/24']]},
  rateLimit: {not: {}, errorMessage: 'is nothing that this router can do (Caddy as Debian has it): limit requests in the app, or in a proxy in front of the node', description: 'Not there: this router (Caddy as Debian has it) has no rate limit.'},
};

/** What a schema can't say of one route's options. */
export function checkRouteOptions({balance, sticky, protocol, timeouts, headers, allow, deny}: RouteOptionsManifest, path: Problem['path']): readonly Problem[] {
  const at = (fields: readonly string[], message: string): Problem => ({path: [...path, ...fields], message});
  return [
    ...(sticky !== undefined && sticky !== false && balance !== undefined ? [at(['balance'], 'a sticky route chooses copies itself: take away `balance` or `sticky`')] : []),
    ...(protocol === 'h2c' && timeouts?.responseSeconds !== undefined ? [at(['timeouts', 'responseSeconds'], 'this router has no such limit for h2c: take `idleSeconds`')] : []),
    ...checkHeaderEdits(headers?.request, [...path, 'headers', 'request'], [...ALWAYS_OURS, ...FORWARDING]),
    ...checkHeaderEdits(headers?.response, [...path, 'headers', 'response'], ALWAYS_OURS),
    ...checkNetworks(allow, [...path, 'allow']),
    ...checkNetworks(deny, [...path, 'deny']),
  ];
}

/** Of a connection, not of a message (RFC 9110, 7.6.1), or what messages are told apart by. */
const ALWAYS_OURS = ['connection', 'content-length', 'host', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];
/** What the router says of where a request came from. Services trust it. */
const FORWARDING = ['forwarded', 'x-forwarded-*', 'x-real-ip', 'x-request-id', 'x-request-start'];

function checkHeaderEdits(edits: HeaderEditsManifest | undefined, path: Problem['path'], ours: readonly string[]): readonly Problem[] {
  const {set = {}, add = {}, remove = []} = edits ?? {};
  const named = [
    ...Object.keys(set).map((name) => ({name, path: [...path, 'set', name]})),
    ...Object.keys(add).map((name) => ({name, path: [...path, 'add', name]})),
    ...remove.map((name, index) => ({name, path: [...path, 'remove', index]})),
  ];
  return named.flatMap(({name, path: place}, index): readonly Problem[] => {
    const lower = name.toLowerCase();
    if (ours.includes(lower.replace(/^x-forwarded-.*$/, 'x-forwarded-*'))) return [{path: place, message: `the header "${name}" is the router's own`}];
    const isTwice = named.slice(0, index).some((other) => other.name.toLowerCase() === lower);
    return isTwice ? [{path: place, message: `the header "${name}" is there twice: once in \`set\`, \`add\` or \`remove\` is enough`}] : [];
  });
}
