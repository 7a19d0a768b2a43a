import type {ErrorObject, SchemaObject, ValidateFunction} from 'ajv';
import {Ajv2020} from 'ajv/dist/2020.js';
import type {FastifyInstance, FastifyRequest, RouteOptions} from 'fastify';
import {explain, isRepetition} from '../../../schemas/explain.ts';
import {ApiError} from '../problem.ts';
import {makeDocument, OPERATIONS, queryOf, templateOf, type Document} from './document.ts';
import type {Operation} from './operation.ts';

/** Problems told of one request. */
const PROBLEMS_MAX = 10;
const DOCUMENT = 'openapi.json';

/** What the document says of the endpoint that a request is for. Undefined: nothing, which no endpoint of ours is. */
export function operationOf({method, routeOptions}: Pick<FastifyRequest, 'method' | 'routeOptions'>): Operation | undefined {
  return OPERATIONS[`${method === 'HEAD' ? 'GET' : method} ${routeOptions.url ?? ''}`];
}

/**
 * Lets the server check what comes in by the schemas that the document shows. Before routes are registered.
 *
 * Texts of a query become what they mean for the check only: handlers read them themselves.
 */
export function checkInputs(server: FastifyInstance): void {
  const document = makeDocument({}, '');
  const bodies = schemaCompiler(document, {coerceTypes: false});
  const texts = schemaCompiler(document, {coerceTypes: true});
  server.setValidatorCompiler(({schema, httpPart}) => {
    const isBody = httpPart === 'body';
    const {isBodyOptional = false, ...meant} = schema as SchemaObject;
    // Compiled when it is first needed: most are not, in most processes.
    let validate: ValidateFunction | undefined;
    return (value: unknown) => {
      if (isBody && isBodyOptional && (value === null || value === undefined)) return true;
      validate ??= (isBody ? bodies : texts).compile(meant);
      return validate(isBody ? value ?? null : {...value as object}) ? true : {error: new ApiError(400, inWords(validate.errors ?? [], isBody ? 'the body' : 'the query'))};
    };
  });
  server.addHook('onRoute', (route) => describe(route));
}

/** Understands the schemas of the document, and references into it as `openapi.json#/…`. */
export function schemaCompiler(document: Document, {coerceTypes}: {readonly coerceTypes: boolean}): Ajv2020 {
  const ajv = new Ajv2020({allErrors: true, verbose: true, strict: true, allowUnionTypes: true, strictRequired: false, validateFormats: false, coerceTypes});
  // The document is looked into as if it were a schema.
  ajv.addVocabulary(['errorMessage', 'openapi', 'info', 'servers', 'tags', 'security', 'paths', 'components']);
  ajv.addSchema(document, DOCUMENT, undefined, false);
  return ajv;
}

function describe(route: RouteOptions): void {
  const method = [route.method].flat().find((one) => one !== 'HEAD') ?? 'GET';
  const operation = OPERATIONS[`${method} ${route.url}`];
  if (operation === undefined) return;
  const {body, isBodyOptional, kind, isOpen = false} = operation;
  // Probes, scrapers and git hosts add to an address what they like.
  const isOurs = route.url.startsWith('/v1/') && !isOpen;
  const pointer = ['paths', templateOf(route.url), method.toLowerCase(), 'requestBody', 'content', 'application/json', 'schema'].map((step) => step.replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
  route.schema = {
    ...(kind !== 'session' && {querystring: {type: 'object', additionalProperties: !isOurs, properties: queryOf(operation)}}),
    ...(body !== undefined && {body: {$ref: `${DOCUMENT}#/${encodeURI(pointer)}`, ...(isBodyOptional === true && {isBodyOptional})}}),
  };
}

/** Each problem on a line. What is only written (`writeOnly`) is not repeated. */
function inWords(errors: readonly ErrorObject[], root: string): string {
  const told = errors.filter((error) => !isRepetition(error) && !/\/anyOf\/\d+\//.test(error.schemaPath)).map((error) => explained(error, root));
  return [...new Set(told)].slice(0, PROBLEMS_MAX).join('\n');
}

function explained(error: ErrorObject, root: string): string {
  const place = error.instancePath.slice(1).replaceAll('/', '.');
  if (error.keyword === 'required' && place === '') return `${root} has to be a JSON object with "${String(error.params['missingProperty'])}"`;
  if (error.data === null && place !== '') return `${place} is null: leave it out, or give it a value`;
  const own: unknown = error.parentSchema?.['errorMessage'];
  // What is wrong with a name is said of the name, wherever it stands.
  if (typeof own === 'string' && own.startsWith("can't ") && error.propertyName === undefined) return `${JSON.stringify(error.data)} ${own}`;
  return explain(error, '', root);
}
