import type {FastifyInstance, FastifyRequest} from 'fastify';
import {anySignal} from '../any-signal.ts';
import type {Change} from '../checkout/snapshot.ts';
import type {NodeView} from '../node.ts';
import {operationOf} from './openapi/check.ts';
import {ApiError} from './problem.ts';

/** Without an answer in this time, what was seen is told. */
const LOOK_MS_MAX = 5_000;
/** A pass looks at the engine and begins what is to be done, and waits for none of it. */
const PASS_MS_MAX = 5_000;
const COMMITS_MAX = 10;

/**
 * Whoever has just changed something sees it: what a pass saw is as new as git, or a pass that begins now is waited for. Answers say which commit they are
 * at least as new as, for `If-Match`. It is taken before the answer is made: what is changed between the two makes a later `If-Match` fail that could
 * have gone through, and never the other way round.
 */
export function serveVersions(v1: FastifyInstance, {view, closing}: {readonly view: NodeView; readonly closing: AbortSignal}): void {
  v1.addHook('preHandler', async (request, reply) => {
    const operation = operationOf(request);
    if (operation?.hasEtag !== true) return;
    // What can't be read now is no reason not to tell what was seen.
    const snapshot = await view.repo.snapshot(anySignal([closing, AbortSignal.timeout(LOOK_MS_MAX)])).catch(() => undefined);
    if (snapshot === undefined) return;
    reply.header('etag', `"${snapshot.commit}"`);
    const {commit, conditions} = view.status();
    // One that is held back is not taken over by another pass.
    const isHeld = conditions.some(({type, status}) => type === 'Stalled' && status);
    if (operation.isOfPass === true && commit !== undefined && commit !== snapshot.commit && !isHeld) await view.plan(anySignal([closing, AbortSignal.timeout(PASS_MS_MAX)])).catch(() => {});
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
