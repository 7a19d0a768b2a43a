import {STATUS_CODES} from 'node:http';
import type {FastifyError, FastifyInstance} from 'fastify';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import {EditRefused, NothingThere, StaleRead} from '../checkout/snapshot.ts';
import {Refused} from '../oneshot/oneshot.ts';
import type {Problem} from './answers.ts';
import {WasProposed} from './was-proposed.ts';

/** Thrown by a handler to answer with a problem. The message is for people. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** Makes every error of the server `application/problem+json`. What went wrong inside is logged, and told without its details. */
export function answerProblems(server: FastifyInstance, {log, methodsOf}: {readonly log: (message: string, error: unknown) => void; methodsOf(path: string): readonly string[]}): void {
  server.setErrorHandler((error, request, reply) => {
    if (error instanceof WasProposed) return reply.status(202).send(error.answer);
    const problem = problemOf(error);
    if (problem.status >= 500 && !isOnPurpose(error)) log(`${request.method} ${request.routeOptions.url ?? '(no route)'} failed`, error);
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="flynn", Basic realm="flynn"');
    return reply.status(problem.status).type('application/problem+json').send(problem);
  });
  server.setNotFoundHandler((request, reply) => {
    const methods = methodsOf(request.url.split('?')[0] ?? '');
    if (methods.length > 0) reply.header('allow', methods.join(', '));
    if (methods.length > 0 && request.method === 'OPTIONS') return reply.status(204).send();
    if (methods.length > 0) return reply.status(405).type('application/problem+json').send(problemOf(new ApiError(405, `${request.method} can't be done to "${request.url.split('?')[0]}"; it has ${methods.join(', ')}`)));
    return reply.status(404).type('application/problem+json').send(problemOf(new ApiError(404, `there is no ${request.method} "${request.url.split('?')[0]}"`)));
  });
}

/** What a handler says itself, such as "not ready yet", is an answer and no fault: nothing lies behind it. */
function isOnPurpose(error: unknown): boolean {
  return error instanceof ApiError && error.cause === undefined;
}

export function problemOf(error: unknown): Problem {
  if (error instanceof StaleRead) return problem(412, error.message);
  if (error instanceof NothingThere) return problem(404, error.message);
  if (error instanceof EditRefused) return problem(409, error.message, error.problems);
  if (error instanceof Refused) return problem(error.kind === 'missing' ? 404 : 409, error.message);
  if (error instanceof ApiError) return problem(error.status, error.message);
  if (error instanceof DOMException && error.name === 'TimeoutError') return problem(504, 'it took too long');
  const status = (error as Partial<FastifyError> | undefined)?.statusCode;
  if (status !== undefined && status >= 400 && status < 500) return problem(status, error instanceof Error ? error.message : 'refused');
  return problem(500, 'the node could not do this; its log has the cause');
}

/** Rejections of `work` become `doing: cause`: of what is outside of us, the person who asked should know why it failed. */
export async function explaining<Value>(doing: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof EditRefused || error instanceof StaleRead || error instanceof Refused || error instanceof ApiError) throw error;
    const cause = error instanceof DOMException && error.name === 'TimeoutError' ? 'it took too long' : error instanceof Error ? error.message : String(error);
    throw new ApiError(503, `${doing}: ${cause}`, {cause: error});
  }
}

function problem(status: number, detail: string, errors: readonly Diagnostic[] = []): Problem {
  return {type: 'about:blank', status, title: STATUS_CODES[status] ?? 'Error', detail, ...(errors.length > 0 && {errors})};
}
