import {createHash} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';
import type {FastifyInstance} from 'fastify';
import {anySignal} from '../any-signal.ts';
import type {NodeView} from '../node.ts';
import {commitStatus, isSettled, type CommitStatus} from '../status/commit-status.ts';
import type {RouteParts} from './node-routes.ts';
import {seenBy, whoAsks} from './permit.ts';
import {ApiError, explaining} from './problem.ts';
import {readCommit} from './read.ts';
import {sendEvents, wantsEvents, type ServerEvent} from './sse.ts';

/** The remote repository may be slow. */
const READ_MS_MAX = 60_000;
/** Passes end by the second: nothing new is missed for long. */
const LOOK_MS = 500;
/** Longer than any deploy's own limit. */
const FOLLOW_MS_MAX = 60 * 60_000;

interface OfCommit {
  Params: {sha: string};
}

/** What became of a commit. As events (`Accept: text/event-stream`): one for each change of it, until it is healthy or has failed. */
export function registerCommitRoutes(v1: FastifyInstance, {view, authenticate, closing}: RouteParts): void {
  v1.get<OfCommit>('/commits/:sha/status', async (request, reply) => {
    const name = readCommit(request.params.sha);
    const isSeen = seenBy(whoAsks(request, authenticate));
    const seen = (status: CommitStatus): CommitStatus => ({...status, apps: status.apps.filter(isSeen)});
    const signal = anySignal([closing, AbortSignal.timeout(READ_MS_MAX)]);
    const first = await explaining("can't read the cluster repository", statusOf(name, view, signal));
    if (first === undefined) throw new ApiError(404, `there is no commit "${name}" in the cluster repository`);
    if (!wantsEvents(request)) return seen(first);
    return sendEvents(reply, (until) => follow(name, {view, seen, lastId: lastIdOf(request.headers['last-event-id'])}, anySignal([until, AbortSignal.timeout(FOLLOW_MS_MAX)])), closing);
  });
}

async function statusOf(name: string, view: NodeView, signal: AbortSignal): Promise<CommitStatus | undefined> {
  const status = view.status();
  const facts = await view.repo.facts(name, status.commit, signal);
  return facts && commitStatus(facts, status);
}

/** Who comes again with the id of what he has heard last is not told the same once more. */
async function* follow(name: string, {view, seen, lastId}: {readonly view: NodeView; seen(status: CommitStatus): CommitStatus; readonly lastId: string | undefined}, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  for (let told = lastId; !signal.aborted;) {
    const status = await explaining("can't read the cluster repository", statusOf(name, view, signal));
    if (status === undefined) return;
    const text = JSON.stringify(seen(status));
    const id = createHash('sha256').update(text).digest('hex').slice(0, 16);
    if (id !== told) yield {id, event: 'status', data: text};
    told = id;
    if (isSettled(status)) return;
    await sleep(LOOK_MS, undefined, {signal}).catch(() => {});
  }
}

function lastIdOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}
