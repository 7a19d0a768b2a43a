import type {ForgeKind} from '../../schemas/forge.ts';
import type {CommitId} from '../../schemas/ids.ts';
import type {HookOutcome, HookRequest} from '../source/status.ts';

/** The forge that the cluster repository is followed from, for people and for what they propose. */
export interface ForgeDesk {
  /** Undefined: cluster.yaml names none. */
  state(): ForgeState | undefined;
  /** Pull requests into main that were open when the forge was asked last, those that changed last first. */
  open(): readonly OpenPull[];
  /**
   * Brings a branch there and opens a pull request of it; one that is open gets the new commit, title and text.
   * @throws {EditRefused} when there is no forge, or why it did not take it
   */
  openChange(change: ProposedChange, signal: AbortSignal): Promise<ChangeOpened>;
  /** What a webhook says, of which nobody knows yet whether it is true. */
  hook(request: HookRequest): Promise<HookOutcome>;
}

/** JSON as it is: the API and `flynn forge --json` print it unchanged. */
export interface ForgeState {
  readonly kind: ForgeKind;
  readonly url: string;
  readonly repository: string;
  readonly hasHook: boolean;
  /** Open pull requests that have a plan. */
  readonly changes: number;
  /** When the forge was asked last, and answered: ISO 8601, UTC. Absent: not yet. */
  readonly lookedAt?: string;
  /** What keeps it from being told. */
  readonly problem?: string;
}

/** An open pull request. */
export interface OpenPull {
  /** As people know it: GitLab's `iid`. */
  readonly number: number;
  readonly title: string;
  readonly author: string;
  /** For people. */
  readonly url: string;
  /** ISO 8601. */
  readonly openedAt: string;
  readonly head: CommitId;
  readonly branch: string;
  /** The branch is one of another repository. */
  readonly isFromFork: boolean;
}

/** A commit that is on this node's copy of the repository, and is to be looked at before it gets into main. */
export interface ProposedChange {
  readonly branch: string;
  readonly commit: CommitId;
  readonly title: string;
  /** Markdown. */
  readonly body: string;
  /** Where the branch is, as we left it: what somebody else has put there since is not written over. Absent: it is a new one. */
  readonly replaces?: CommitId;
}

export interface ChangeOpened {
  readonly number: number;
  readonly url: string;
}
