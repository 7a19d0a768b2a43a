import rateLimit from '@fastify/rate-limit';
import type {FastifyInstance} from 'fastify';
import type {Authenticate} from './authenticate.ts';
import {whoAsks} from './permit.ts';
import {ApiError} from './problem.ts';

/** What one caller may ask in a minute: no person comes near it, and a program in a loop leaves the node to others. */
const REQUESTS_MAX = 6_000;
const WINDOW_MS = 60_000;
/** Callers that are counted. */
const CALLERS_MAX = 10_000;

/** One caller is one token: it is counted once it is known to be good. Wrong ones have a limit of their own, in `login-limit.ts`. */
export async function limitRates(v1: FastifyInstance, authenticate: Authenticate): Promise<void> {
  await v1.register(rateLimit, {
    max: REQUESTS_MAX, timeWindow: WINDOW_MS, cache: CALLERS_MAX, hook: 'preHandler',
    keyGenerator: (request) => {
      const {user, token = ''} = whoAsks(request, authenticate);
      return `${user} ${token}`;
    },
    errorResponseBuilder: () => new ApiError(429, `more than ${REQUESTS_MAX} requests came with your token within a minute: try again later`),
    addHeadersOnExceeding: {'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false},
    addHeaders: {'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false, 'retry-after': true},
  });
}
