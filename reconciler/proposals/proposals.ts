import type {AppName, CommitId, ImageDigest} from '../../schemas/ids.ts';
import type {Principal} from '../api/authenticate.ts';
import type {Change} from '../checkout/snapshot.ts';
import type {Difference} from '../desired/difference.ts';

/** Changes that wait for others to look at them: branches of our own cluster repository. What it answers is JSON, as the API sends it. */
export interface Proposals {
  /** Newest first. */
  list(which: 'open' | 'all', limit: number, signal: AbortSignal): Promise<readonly ProposalSummary[]>;
  /** With what it would change today. @throws {EditRefused} when there is no such proposal */
  show(number: number, signal: AbortSignal): Promise<ProposalDetails>;
  /** Puts a change on a branch of its own instead of main. The same operation finds its own. @throws {EditRefused} when it can't be made, or changes nothing */
  propose(change: Change, who: Principal, signal: AbortSignal): Promise<Proposed>;
  /** @throws {EditRefused} when it is one's own, or none of it is his to approve */
  approve(number: number, wish: ReviewWish, who: Principal, signal: AbortSignal): Promise<ProposalDetails>;
  /** A word that decides nothing, also beside one that is over. @throws {EditRefused} */
  comment(number: number, text: string, who: Principal, signal: AbortSignal): Promise<ProposalDetails>;
  /** Without merging it. @throws {EditRefused} */
  close(number: number, wish: Pick<ReviewWish, 'comment'>, who: Principal, signal: AbortSignal): Promise<ProposalSummary>;
  /** Makes it a commit of main. @throws {EditRefused} when something is missing, or it conflicts with what main is by now */
  merge(number: number, wish: Pick<ReviewWish, 'seen'>, who: Principal, signal: AbortSignal): Promise<Merged>;
  /** Of proposed releases: they are kept until it is decided. Undefined: it can't be known at present. */
  proposedImages(): ReadonlyMap<AppName, readonly ImageDigest[]> | undefined;
}

export interface ReviewWish {
  readonly comment?: string;
  /** What the wish was made on, `ProposalDetails.seen`: refused when it would be something else by now. */
  readonly seen?: string;
}

export interface ProposalSummary {
  readonly number: number;
  readonly title: string;
  readonly state: 'open' | 'merged' | 'closed';
  readonly branch: string;
  /** Of the pull request, where the repository lives at a forge. Absent: it is here. */
  readonly url?: string;
  /** Who opened it. */
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Newest commit of the branch; of one that is not open any more what it was then. */
  readonly tip?: CommitId;
  /** Of a proposed release: the app. */
  readonly app?: AppName;
  /** How many count of those that it needs. Absent: it is not open. */
  readonly approvals?: {readonly has: number; readonly needs: number};
  /** By whom, and when. */
  readonly ended?: {readonly by: string; readonly at: string; readonly commit?: CommitId; readonly comment?: string};
}

export interface ProposalDetails extends ProposalSummary {
  /** Of main, which it was compared with. */
  readonly onto: CommitId;
  readonly commits: readonly {readonly commit: CommitId; readonly by: string; readonly subject: string}[];
  readonly files: readonly {readonly path: string; readonly change: 'added' | 'changed' | 'removed'; readonly isProtected: boolean}[];
  /** Files that main has changed too, in another way. */
  readonly conflicts: readonly string[];
  /** What is wrong with the manifests, as a push would be told. */
  readonly problems: readonly string[];
  readonly plan: PlanInWords;
  readonly reviews: readonly {readonly by: string; readonly at: string; readonly comment?: string; /** Why it does not count (any more). */ readonly stale?: string}[];
  /** Oldest first. */
  readonly comments: readonly {readonly by: string; readonly at: string; readonly text: string}[];
  /** What has to come before it can be merged by somebody who has no rights of his own. Empty: nothing. */
  readonly missing: readonly string[];
  /** Names what is shown here: the same as long as neither the proposal nor what becomes of it on main has changed. */
  readonly seen: string;
}

export interface PlanInWords {
  /** As `flynn diff` has it. */
  readonly difference: Difference;
  /** The same for people, without colours. */
  readonly lines: readonly string[];
}

export interface Proposed {
  readonly proposal: ProposalDetails;
  /** False: it had been made before. */
  readonly isNew: boolean;
}

export interface Merged {
  readonly commit: CommitId;
  readonly isNew: boolean;
  readonly message: string;
  readonly number: number;
  /** Apps that it changes. */
  readonly apps: readonly AppName[];
  readonly release?: {readonly app: AppName; readonly number: number};
}
