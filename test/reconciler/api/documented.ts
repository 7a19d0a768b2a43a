import type {ExecutionContext} from 'ava';
import type {ValidateFunction} from 'ajv';
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify';
import {Transform} from 'node:stream';
import {schemaCompiler} from '../../../reconciler/api/openapi/check.ts';
import {LINES, makeDocument, published, templateOf} from '../../../reconciler/api/openapi/document.ts';

const DOCUMENT = published(makeDocument({}, ''));
const ajv = schemaCompiler(DOCUMENT, {coerceTypes: false});
const compiled = new Map<string, ValidateFunction>();

/** Every answer of the server has to be one that the document names, and as it says. To be called before the first request. */
export function documented<Server extends FastifyInstance>(t: ExecutionContext, server: Server): Server {
  const wrong = watchAnswers(server);
  t.teardown(() => {
    if (wrong.length > 0) throw new Error(`answers are not as the document says:\n${wrong.join('\n')}`);
  });
  return server;
}

/** The list grows while the server answers. */
export function watchAnswers(server: FastifyInstance): string[] {
  const wrong: string[] = [];
  server.addHook('onSend', async (request, reply, payload) => {
    const {found, problem} = look(request, reply, payload);
    if (problem !== undefined) wrong.push(problem);
    return found;
  });
  return wrong;

  function look(request: FastifyRequest, reply: FastifyReply, payload: unknown): {readonly found: unknown; readonly problem?: string} {
    const url = request.routeOptions.url;
    // What is no endpoint has no description; its refusals are told of in general.
    if (url === undefined && reply.statusCode !== 404) return {found: payload};
    if (url === undefined) return {found: payload, ...problemOf('404', '#/components/responses/Problem404/content/application~1problem+json/schema', payload)};
    const where = `${request.method} ${url} ${reply.statusCode}`;
    const operation = DOCUMENT.paths[templateOf(url)]?.[request.method === 'HEAD' ? 'get' : request.method.toLowerCase()];
    if (operation === undefined) return {found: payload, problem: `${where}: the document does not have it`};
    const answer = operation.responses[String(reply.statusCode)] as {readonly $ref?: string; readonly content?: Readonly<Record<string, unknown>>} | undefined;
    if (answer === undefined) return {found: payload, problem: `${where}: the document does not have this status`};
    const type = String(reply.getHeader('content-type') ?? '').split(';')[0] ?? '';
    const place = answer.$ref ?? `#/paths/${escaped(templateOf(url))}/${request.method.toLowerCase()}/responses/${reply.statusCode}`;
    if (request.method === 'HEAD' || payload === undefined || payload === null) return {found: payload};
    if (answer.$ref === undefined && answer.content?.[type] === undefined) return {found: payload, problem: `${where}: the document has no ${type}`};
    const schema = `${place}/content/${escaped(type)}/schema`;
    if (type === LINES) return {found: checkedLines(payload as NodeJS.ReadableStream, where, schema)};
    return typeof payload === 'string' && type.endsWith('json') ? {found: payload, ...problemOf(where, schema, payload)} : {found: payload};
  }

  function checkedLines(stream: NodeJS.ReadableStream, where: string, schema: string): NodeJS.ReadableStream {
    let rest = '';
    return stream.pipe(new Transform({
      transform(chunk: Buffer, _encoding, done) {
        const lines = (rest + chunk.toString('utf8')).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines.filter((one) => one !== '')) {
          const {problem} = problemOf(where, schema, line);
          if (problem !== undefined) wrong.push(problem);
        }
        done(null, chunk);
      },
    }));
  }
}

function problemOf(where: string, schema: string, text: unknown): {readonly problem?: string} {
  let validate = compiled.get(schema);
  if (validate === undefined) compiled.set(schema, validate = ajv.compile({$ref: `openapi.json${encodeURI(schema)}`}));
  if (validate(JSON.parse(String(text)))) return {};
  return {problem: `${where}: ${String(text).slice(0, 300)}\n  ${(validate.errors ?? []).map(({instancePath, message, params}) => `${instancePath} ${message} ${JSON.stringify(params)}`).join('\n  ')}`};
}

function escaped(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1');
}
