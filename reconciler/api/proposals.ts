import type {FastifyInstance, FastifyRequest} from 'fastify';
import {anySignal} from '../any-signal.ts';
import type {Merged, ProposalDetails, ProposalSummary} from '../proposals/proposals.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import {noted} from './audit.ts';
import type {RouteParts} from './node-routes.ts';
import {whoAsks} from './permit.ts';
import {ApiError, explaining} from './problem.ts';
import {entriesFor} from './openapi/pages.ts';

/** A merge of a large repository takes seconds; the check of it, too. */
const WORK_MS_MAX = 60_000;
/** Of a list that is asked for without a limit. */
const LIST_MAX = 100;

type Numbered = FastifyRequest<{Params: {number: string}; Body: unknown}>;

/** Changes that wait for others to look at them. They are made by `X-Flynn-Propose` with any change, or by `git push`. */
export function registerProposalRoutes(v1: FastifyInstance, {view, authenticate, closing}: RouteParts): void {
  const {proposals} = view;
  const deadline = () => anySignal([closing, AbortSignal.timeout(WORK_MS_MAX)]);
  const told = <Answer>(answer: Promise<Answer>) => explaining("can't read the cluster repository", answer);

  /** What somebody was kept from is in the audit log. */
  const decided = async <Answer>(request: Numbered, answer: Promise<Answer>): Promise<Answer> => {
    try {
      return await told(answer);
    } catch (error) {
      if (error instanceof EditRefused) await noted(request, {view, authenticate}, {action: 'refused', subject: `#${request.params.number}: ${error.message.split('\n')[0]}`});
      throw error;
    }
  };

  v1.get<{Querystring: Record<string, string>}>('/proposals', async ({query}): Promise<readonly ProposalSummary[]> => {
    const state = query['state'] ?? 'open';
    return told(proposals.list(state === 'all' ? 'all' : 'open', entriesFor(query, LIST_MAX), deadline()));
  });

  v1.get('/proposals/:number', async ({params}: Numbered): Promise<ProposalDetails> => told(proposals.show(readNumber(params.number), deadline())));

  v1.post('/proposals/:number/approve', async (request: Numbered): Promise<ProposalDetails> => {
    const [number, wish] = [readNumber(request.params.number), readWish(request.body)];
    const proposal = await decided(request, proposals.approve(number, wish, whoAsks(request, authenticate), deadline()));
    await noted(request, {view, authenticate}, {action: 'approve', subject: `#${number} ${proposal.title}`, ...(proposal.tip !== undefined && {commit: proposal.tip})});
    return proposal;
  });

  v1.post('/proposals/:number/comments', async (request: Numbered): Promise<ProposalDetails> => {
    const [number, {comment}] = [readNumber(request.params.number), readWish(request.body)];
    if (comment === undefined) throw new ApiError(400, 'comment has to be a text that is not empty');
    const proposal = await decided(request, proposals.comment(number, comment, whoAsks(request, authenticate), deadline()));
    await noted(request, {view, authenticate}, {action: 'comment', subject: `#${number} ${proposal.title}`});
    return proposal;
  });

  v1.post('/proposals/:number/close', async (request: Numbered): Promise<ProposalSummary> => {
    const number = readNumber(request.params.number);
    const {comment} = readWish(request.body);
    const proposal = await decided(request, proposals.close(number, comment === undefined ? {} : {comment}, whoAsks(request, authenticate), deadline()));
    await noted(request, {view, authenticate}, {action: 'close', subject: `#${number} ${proposal.title}`});
    return proposal;
  });

  v1.post('/proposals/:number/merge', async (request: Numbered): Promise<Merged> => {
    const [number, {seen}] = [readNumber(request.params.number), readWish(request.body)];
    const merged = await decided(request, proposals.merge(number, seen === undefined ? {} : {seen}, whoAsks(request, authenticate), deadline()));
    await noted(request, {view, authenticate}, {action: 'merge', subject: merged.message, commit: merged.commit});
    return merged;
  });
}

function readNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new ApiError(400, `"${text}" is no number of a proposal`);
  return Number(text);
}

/** What it may be is in the API's document, which has been checked. */
function readWish(body: unknown): {readonly comment?: string; readonly seen?: string} {
  const {comment = '', seen} = (body ?? {}) as {readonly comment?: string; readonly seen?: string};
  const said = comment.replaceAll(/[^\P{C}\n]/gu, ' ').trim();
  return {...(said !== '' && {comment: said}), ...(seen !== undefined && {seen})};
}
