import type {FastifyInstance, FastifyRequest} from 'fastify';
import type {Change} from '../checkout/snapshot.ts';
import type {NodeView} from '../node.ts';
import {operationOf} from './openapi/check.ts';
import {ApiError} from './problem.ts';

/** For the header only: without an answer in this time it is left out. */
const LOOK_MS_MAX = 5_000;
const COMMITS_MAX = 10;

/**
 * Answers say which commit they are at least as new as, for `If-Match`. It is taken before the answer is made: what is changed between the two makes a
 * later `If-Match` fail that could have gone through, and never the other way round.
 */
export function serveVersions(v1: FastifyInstance, {repo}: Pick<NodeView, 'repo'>): void {
  v1.addHook('preHandler', async (request, reply) => {
    if (operationOf(request)?.hasEtag !== true) return;
    const snapshot = await repo.snapshot(AbortSignal.timeout(LOOK_MS_MAX)).catch(() => undefined);
    if (snapshot !== undefined) reply.header('etag', `"${snapshot.commit}"`);
  });
}

/** What the client has seen of what it changes: all of its app, its person, or the whole repository. Absent: it does not say. @throws {ApiError} */
export function readSeen({headers, params}: Pick<FastifyRequest, 'headers' | 'params'>): Pick<Change, 'seen'> {
  const header = headers['if-match'];
  if (header === undefined || header.trim() === '*') return {};
  const commits = header.split(',').map((one) => /^"([0-9a-f]{40})"$/.exec(one.trim())?.[1]);
  if (commits.length > COMMITS_MAX || !commits.every((one) => one !== undefined)) throw new ApiError(400, 'If-Match has to be the ETag of an answer: a commit in double quotes, all its 40 digits');
  const {app, user, team} = params as Readonly<Record<string, string | undefined>>;
  const path = app !== undefined ? `apps/${app}` : user !== undefined ? `people/${user}.yaml` : team !== undefined ? `teams/${team}.yaml` : '';
  return {seen: {commits, path}};
}
