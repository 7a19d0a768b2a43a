import type {SchemaObject} from 'ajv';
import {SCHEMAS} from '../../../schemas/load.ts';
import {APP_ANSWERS} from './answers.ts';
import {APP_OPERATIONS} from './app-operations.ts';
import {CLUSTER_ANSWERS} from './cluster-answers.ts';
import {SERVICE_ANSWERS} from './services.ts';
import {CLUSTER_OPERATIONS, PATH_PARAMETERS} from './cluster-operations.ts';
import {TAGS, type Operation, type Operations} from './operation.ts';
import {PROPOSAL_ANSWERS, PROPOSAL_OPERATIONS} from './proposal-operations.ts';
import {count, flag, ref, text} from './schema.ts';

/** Every endpoint that there is: a test compares them with the server's. A new one is a line in one of these tables. */
export const OPERATIONS: Operations = {...APP_OPERATIONS, ...CLUSTER_OPERATIONS, ...PROPOSAL_OPERATIONS};

export const LINES = 'application/x-ndjson';
export const PROBLEM = 'application/problem+json';

const WAIT = {wait: flag('Answer when what git says of the app is what runs, or has failed; `outcome` says which. At most five minutes.', {default: false})};

/** Headers that a change of what is wanted may have. */
const WRITE_HEADERS: Readonly<Record<string, {readonly description: string; readonly schema: SchemaObject}>> = {
  'Idempotency-Key': {description: 'A request that is repeated with the same key finds the commit of the first; with another body it is refused (422).', schema: text('', {pattern: '^[\\w.:-]{8,100}$'})},
  'If-Match': {description: 'The `ETag` of an answer: refused (412) when the app, or whatever else is changed, is another one than in that commit.', schema: text('', {maxLength: 500})},
  'X-Flynn-Propose': {description: 'The change is proposed instead of made (202). The title, percent-encoded; empty: as the commit would be called.', schema: text('', {maxLength: 2000})},
  'X-Flynn-Author': {description: "With the node's own token: who the author of the commit is, `Ann <ann@example.com>`. A person's token says so itself.", schema: text('', {maxLength: 600})},
};

const PROBLEMS: Readonly<Record<number, string>> = {
  400: 'What came in is not what it has to be.', 401: 'The token is missing or nobody\'s.', 403: 'That is more than you may do.', 404: 'There is no such thing.', 405: 'Not with this method.', 406: 'Not in this form.', 408: 'The body did not come in time.', 409: 'It can\'t be done to what is there.',
  412: 'What you have seen has changed since.', 413: 'The body is too large.', 415: 'The body is of another media type.', 422: 'The Idempotency-Key was used for another body.', 429: 'Too many: `Retry-After` says when again.',
  500: 'The node could not do it; its log has the cause.', 503: 'It is not ready, or what it needs does not answer.', 504: 'It took too long.',
};

export interface Document {
  readonly openapi: '3.1.0';
  readonly info: {readonly title: string; readonly version: string; readonly description: string; readonly license: {readonly name: string; readonly identifier: string}};
  readonly servers: readonly {readonly url: string}[];
  readonly tags: readonly {readonly name: string; readonly description: string}[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: {readonly schemas: Readonly<Record<string, SchemaObject>>; readonly responses: Readonly<Record<string, unknown>>; readonly securitySchemes: Readonly<Record<string, unknown>>};
}

export interface DocumentedOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly 'x-flynn-right'?: string;
  readonly security?: readonly never[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {readonly required: boolean; readonly content: Readonly<Record<string, {readonly schema: SchemaObject}>>};
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly description: string;
  readonly schema: SchemaObject;
}

/**
 * The OpenAPI 3.1 document. Made here and not by a collector of fastify's: the tables are nearly it already, and what checks the inputs is
 * found by the same key.
 *
 * @param rights  What each endpoint takes, by its key.
 */
export function makeDocument(rights: Readonly<Record<string, string>>, version: string): Document {
  const paths: Record<string, Record<string, DocumentedOperation>> = {};
  for (const [key, operation] of Object.entries(OPERATIONS)) {
    const [method = '', url = ''] = key.split(' ');
    (paths[templateOf(url)] ??= {})[method.toLowerCase()] = documented(key, operation, rights[key]);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Flynn', version, license: {name: 'BSD 3-Clause', identifier: 'BSD-3-Clause'},
      description: 'What is wanted is in git: every change of it is a commit of the one who asks. Questions answer what git says and what runs. Errors are problem+json (RFC 9457).',
    },
    servers: [{url: '/'}],
    tags: Object.entries(TAGS).map(([name, description]) => ({name, description})),
    security: [{bearer: []}, {basic: []}],
    paths,
    components: {
      schemas: {...APP_ANSWERS, ...SERVICE_ANSWERS, ...CLUSTER_ANSWERS, ...PROPOSAL_ANSWERS, ...Object.fromEntries(Object.entries(SCHEMAS).map(([kind, schema]) => [`${kind}Manifest`, schema as SchemaObject]))},
      responses: Object.fromEntries(Object.entries(PROBLEMS).map(([status, description]) => [`Problem${status}`, {
        description, ...(Number(status) === 429 && {headers: {'Retry-After': {description: 'Seconds.', schema: {type: 'integer'}}}}), content: {[PROBLEM]: {schema: ref('Problem')}},
      }])),
      securitySchemes: {
        bearer: {type: 'http', scheme: 'bearer', description: "A person's token, the node's own, or a JWT that an identity provider has signed: an ID token of the one that `GET /login` names, or a job's."},
        basic: {type: 'http', scheme: 'basic', description: 'The same as the password, with any user name: as git sends it.'},
      },
    },
  };
}

/** `/v1/apps/:app/routes/*` → `/v1/apps/{app}/routes/{route}` */
export function templateOf(url: string): string {
  return url.replace(/\*$/, ':route').replaceAll(/:(\w+)/g, '{$1}');
}

/** What can be done to a path, `OPTIONS` not among it. Empty: there is nothing. */
export function methodsOf(path: string): readonly string[] {
  const methods = Object.keys(OPERATIONS).flatMap((key) => {
    const [method = '', url = ''] = key.split(' ');
    return new RegExp(`^${url.replace(/\*$/, ':rest').replaceAll(/[.+]/g, '\\$&').replace(/:rest$/, '.+').replaceAll(/:\w+/g, '[^/]+')}$`).test(path) ? [method] : [];
  });
  return [...new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))].toSorted();
}

function documented(key: string, operation: Operation, right: string | undefined): DocumentedOperation {
  const {tag, summary, description, isOpen} = operation;
  const parameters = [...pathParameters(key), ...queryParameters(operation), ...headerParameters(operation)];
  return {
    operationId: operationId(key), tags: [tag], summary,
    ...(description !== undefined && {description}),
    ...(right !== undefined && {'x-flynn-right': right}),
    ...(isOpen === true ? {security: []} : {}),
    ...(parameters.length > 0 && {parameters}),
    ...bodyOf(operation),
    responses: responsesOf(key, operation),
  };
}

/** `GET /v1/apps/:app/logs` → `getAppsAppLogs` */
function operationId(key: string): string {
  const [method = '', url = ''] = key.split(' ');
  const words = url.replace(/^\/v1/, '').replace('/metrics', url === '/metrics' ? '/prometheus' : '/metrics').replace(/\*$/, 'route').split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return method.toLowerCase() + words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('');
}

function pathParameters(key: string): readonly Parameter[] {
  return [...templateOf(key).matchAll(/\{(\w+)\}/g)].map(([, name = '']) => {
    const schema = PATH_PARAMETERS[name];
    if (schema === undefined) throw new Error(`bug: the path parameter "${name}" is not described`);
    return {name, in: 'path', required: true, description: String(schema['description']), schema};
  });
}

function queryParameters(operation: Operation): readonly Parameter[] {
  return Object.entries(queryOf(operation)).map(([name, schema]) => ({name, in: 'query', description: String(schema['description']), schema}));
}

/** With those that all of its kind have. */
export function queryOf({kind, query = {}, pages}: Operation): Readonly<Record<string, SchemaObject>> {
  return {
    ...query,
    ...(kind === 'commit' && WAIT),
    ...(pages !== undefined && {limit: query['limit'] ?? count('At most so many at once. Default: all.', {minimum: 1, maximum: 1000}), cursor: text('Where to go on: from the `Link` of the page before.', {maxLength: 1000})}),
  };
}

function headerParameters({kind, isRelease}: Operation): readonly Parameter[] {
  const names = kind === 'commit' || isRelease === true ? Object.keys(WRITE_HEADERS) : kind === 'written-lines' || kind === 'action' ? ['X-Flynn-Author'] : [];
  return names.map((name) => ({name, in: 'header', description: WRITE_HEADERS[name]?.description ?? '', schema: WRITE_HEADERS[name]?.schema ?? {}}));
}

function bodyOf({body, bodyType, isBodyOptional}: Operation): Pick<DocumentedOperation, 'requestBody'> {
  if (bodyType !== undefined) return {requestBody: {required: true, content: {[bodyType]: {schema: {}}}}};
  return body === undefined ? {} : {requestBody: {required: isBodyOptional !== true, content: {'application/json': {schema: body}}}};
}

function responsesOf(key: string, operation: Operation): Readonly<Record<string, unknown>> {
  const {kind, answer, answerType, statuses = [200], hasEtag, hasEvents, pages} = operation;
  const headers = {
    ...(hasEtag === true && {ETag: {description: 'The commit that the answer is at least as new as, for `If-Match`.', schema: {type: 'string'}}}),
    ...(pages !== undefined && {Link: {description: 'The next page, `rel="next"`, when there is one.', schema: {type: 'string'}}}),
  };
  const told = kind === 'lines' || kind === 'written-lines';
  const content = kind === 'session' ? undefined
    : told ? {[LINES]: {schema: {anyOf: [answer ?? {}, ref('StreamEnd')]}}}
      : answer === undefined ? {[answerType ?? 'application/octet-stream']: {schema: {}}}
        : {'application/json': {schema: answer}};
  const events = {'text/event-stream': {schema: {type: 'string', description: 'Server-sent events; `Last-Event-ID` goes on after the one that was heard last.'}}};
  const success = {
    description: told ? 'Lines of JSON; an empty one is a heartbeat, the last one says how it ended.' : kind === 'session' ? 'The websocket is open.' : 'Done.',
    ...(Object.keys(headers).length > 0 && {headers}), ...(content !== undefined && {content: {...content, ...(hasEvents === true && events)}}),
  };
  const problems = problemsOf(key, operation).map((status) => [status, {$ref: `#/components/responses/Problem${status}`}]);
  return Object.fromEntries([...(kind === 'session' ? [101] : statuses).map((status) => [status, success]), ...(kind === 'commit' ? [[202, {description: 'Proposed.', content: {'application/json': {schema: ref('Proposed')}}}] as const] : []), ...problems]);
}

function problemsOf(key: string, {kind, isOpen, isRelease, body, bodyType}: Operation): readonly number[] {
  const isWritten = kind !== 'question' && kind !== 'lines';
  return [400, ...(isOpen === true && bodyType === undefined ? [] : [401, 403, 429]), 404, ...(isWritten || key.includes(':') ? [409] : []), ...(kind === 'commit' ? [412, 422] : isRelease === true ? [422] : []), ...(body !== undefined || bodyType !== undefined || isWritten ? [408, 413, 415] : []), 500, 503, 504];
}

/** As others get it: `errorMessage` is for our own checks. */
export function published(document: Document): Document {
  return without(document) as Document;
}

function without(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(without);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'errorMessage').map(([name, one]) => [name, without(one)]));
}
