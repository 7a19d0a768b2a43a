import type {FastifyRequest} from 'fastify';
import {anySignal} from '../any-signal.ts';
import type {Change} from '../checkout/snapshot.ts';
import type {NodeView} from '../node.ts';
import type {WaitOutcome, Written} from './answers.ts';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import {reviewed} from '../access/protected.ts';
import {actorOf, noted} from './audit.ts';
import type {Authenticate} from './authenticate.ts';
import type {RouteParts} from './node-routes.ts';
import {operationIdOf} from './operation.ts';
import {withOvertaking} from './overtaking.ts';
import {whoAsks} from './permit.ts';
import {explaining} from './problem.ts';
import {proposalTitle, titled} from './propose.ts';
import type {UsedKeys} from './used-keys.ts';
import {readSeen} from './versions.ts';
import {WasProposed} from './was-proposed.ts';

/** With some tries against other writers; the remote repository may be slow. */
const COMMIT_MS_MAX = 60_000;
/** How long `?wait=true` waits: longer than a deploy may take unless its manifest says otherwise. */
const WAIT_MS_MAX = 5 * 60_000;

/** Makes the change that a request asks for a commit of its author, and wakes the pass. A repeated request finds the first one's commit. */
export type Commit = (request: FastifyRequest, change: Pick<Change, 'edit' | 'message' | 'subject' | 'isUnchecked'> & {/** Whose it is afterwards. Absent: the app of the request's path. */ readonly app?: AppName}) => Promise<Written>;

interface CommitterParts {
  readonly view: NodeView;
  readonly authenticate: Authenticate;
  readonly used: UsedKeys;
  readonly closing: AbortSignal;
  readonly log: RouteParts['log'];
}

export function committer({view, authenticate, used, closing, log}: CommitterParts): Commit {
  return async (request, {edit, message: wanted, subject, app: becomes, ...how}) => {
    const principal = whoAsks(request, authenticate);
    const {name, email} = principal;
    const operationId = operationIdOf(request, principal);
    if (request.headers['idempotency-key'] !== undefined) await used.mustFit(operationId, request);
    const title = proposalTitle(request);
    const change: Change = {...how, ...readSeen(request), edit: title === undefined ? reviewed(edit) : edit, message: titled(wanted, title), author: {name, email}, operationId};
    // Not ended by the client's going: what was asked for is done, and a repeated request finds it.
    const deadline = anySignal([closing, AbortSignal.timeout(COMMIT_MS_MAX)]);
    if (title !== undefined) {
      const {proposal, isNew} = await explaining("can't propose it", view.proposals.propose(change, principal, deadline));
      await noted(request, {view, authenticate}, {action: 'propose', subject: `#${proposal.number} ${proposal.title}`, ...(proposal.tip !== undefined && {commit: proposal.tip})});
      throw new WasProposed({proposal, isNew});
    }
    const {commit: id, isNew, subject: message = wanted} = await explaining("can't commit to the cluster repository", view.repo.commit({...change, ...(subject && {subject})}, deadline));
    view.wake(message);
    const app = (request.params as {app?: string} | undefined)?.app as AppName | undefined;
    // It is done, and in git with its author: that it can't be written down here as well does not undo it.
    await view.audit.add({...actorOf(principal, request), action: 'commit', ...(app !== undefined && {app}), subject: message, commit: id}).catch((error: unknown) => log('a commit is not in the audit log', error));
    const written: Written = {commit: id, isNew, message};
    const waited = (request.query as {wait?: string} | undefined)?.wait === 'true' ? becomes ?? app : undefined;
    return waited !== undefined ? {...written, outcome: await outcomeOf(waited, {commit: id, isNew, view, closing})} : written;
  };
}

/** The client may go meanwhile: the wait ends by itself, and nothing depends on it. */
async function outcomeOf(app: AppName, {commit, isNew, view, closing}: {readonly commit: CommitId; readonly isNew: boolean; readonly view: NodeView; readonly closing: AbortSignal}): Promise<WaitOutcome> {
  const late = AbortSignal.timeout(WAIT_MS_MAX);
  let progress = 'nothing was heard yet';
  try {
    const outcome = await view.converged(app, (line) => {
      progress = line;
    }, anySignal([closing, late]));
    return await withOvertaking(outcome, {app, view, of: isNew ? commit : undefined}, anySignal([closing, late]));
  } catch (error) {
    if (!late.aborted) throw error;
    return {result: 'converging', commit, detail: `after ${WAIT_MS_MAX / 1000} s: ${progress}`};
  }
}
