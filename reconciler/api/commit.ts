import {randomUUID} from 'node:crypto';
import type {FastifyRequest} from 'fastify';
import type {Change} from '../checkout/snapshot.ts';
import type {NodeView} from '../node.ts';
import type {Written} from './answers.ts';
import type {AppName} from '../../schemas/ids.ts';
import {actorOf} from './audit.ts';
import type {Authenticate} from './authenticate.ts';
import type {RouteParts} from './node-routes.ts';
import {whoAsks} from './permit.ts';
import {explaining} from './problem.ts';
import {readOperationId} from './read.ts';

/** With some tries against other writers; the remote repository may be slow. */
const COMMIT_MS_MAX = 60_000;

/** Makes the change that a request asks for a commit of its author, and wakes the pass. A repeated request finds the first one's commit. */
export type Commit = (request: FastifyRequest, change: Pick<Change, 'edit' | 'message' | 'isUnchecked'>) => Promise<Written>;

export function committer({view, authenticate, closing, log}: {readonly view: NodeView; readonly authenticate: Authenticate; readonly closing: AbortSignal; readonly log: RouteParts['log']}): Commit {
  return async (request, {edit, message, ...how}) => {
    const principal = whoAsks(request, authenticate);
    const {name, email} = principal;
    const change: Change = {...how, edit, message, author: {name, email}, operationId: readOperationId(request.headers['idempotency-key']) ?? randomUUID()};
    // Not ended by the client's going: what was asked for is done, and a repeated request finds it.
    const deadline = AbortSignal.any([closing, AbortSignal.timeout(COMMIT_MS_MAX)]);
    const {commit: id, isNew} = await explaining("can't commit to the cluster repository", view.repo.commit(change, deadline));
    view.wake(message);
    const app = (request.params as {app?: string} | undefined)?.app;
    // It is done, and in git with its author: that it can't be written down here as well does not undo it.
    await view.audit.add({...actorOf(principal, request), action: 'commit', ...(app !== undefined && {app: app as AppName}), subject: message, commit: id}).catch((error: unknown) => log('a commit is not in the audit log', error));
    return {commit: id, isNew, message};
  };
}
