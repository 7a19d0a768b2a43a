import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {CommitFacts} from '../checkout/snapshot.ts';
import type {AppStatus, NodeStatus} from './status.ts';

/**
 * How far a commit has come. `unmerged`: it is not in main. `waiting`: the node has not taken it over yet. `held`: it does not, and says why. Then it is
 * what its apps are: `converging`, `healthy`, or `failed`.
 */
export interface CommitStatus {
  readonly commit: CommitId;
  readonly state: 'unmerged' | 'waiting' | 'held' | 'converging' | 'healthy' | 'failed';
  /** For people: `web [1/3]`, or why it failed. */
  readonly detail: string;
  /** What became of each app that it changed. A newer commit may have changed it again: then this is of the newer one. */
  readonly apps: readonly AppOfCommit[];
}

export interface AppOfCommit {
  readonly app: AppName;
  /** `idle`: nothing was pushed yet. */
  readonly state: 'converging' | 'healthy' | 'failed' | 'suspended' | 'removed' | 'idle';
  readonly detail: string;
}

export function commitStatus({commit, apps: changed, isMerged, isApplied}: CommitFacts, status: Pick<NodeStatus, 'apps' | 'conditions'>): CommitStatus {
  if (!isMerged) return {commit, state: 'unmerged', detail: 'it is not in main', apps: []};
  if (!isApplied) {
    const held = status.conditions.find(({type, status: isSo, reason}) => type === 'Stalled' && isSo && reason !== 'DiskNearlyFull');
    return {commit, state: held === undefined ? 'waiting' : 'held', detail: held?.message ?? 'the node has not taken it over yet', apps: []};
  }
  const apps = changed.map((name) => appOf(name, status.apps.find((one) => one.name === name)));
  const worst = apps.find(({state}) => state === 'failed') ?? apps.find(({state}) => state === 'converging');
  const state = worst === undefined ? 'healthy' : worst.state === 'failed' ? 'failed' : 'converging';
  return {commit, state, detail: worst === undefined ? 'what it says is what runs' : `${worst.app}: ${worst.detail}`, apps};
}

export function isSettled({state}: CommitStatus): boolean {
  return state === 'healthy' || state === 'failed';
}

function appOf(app: AppName, status: AppStatus | undefined): AppOfCommit {
  if (status === undefined) return {app, state: 'removed', detail: 'it is gone'};
  const {conditions, waiting} = status;
  const stalled = conditions.find(({type, status: isSo}) => type === 'Stalled' && isSo);
  if (stalled !== undefined) return {app, state: 'failed', detail: stalled.message};
  const reconciling = conditions.find(({type, status: isSo}) => type === 'Reconciling' && isSo);
  const ready = conditions.find(({type}) => type === 'Ready');
  if (ready?.reason === 'Suspended') return {app, state: 'suspended', detail: ready.message};
  if (reconciling !== undefined || ready?.status !== true || waiting.length > 0) return {app, state: 'converging', detail: reconciling?.message ?? waiting[0] ?? ready?.message ?? 'nothing was seen of it yet'};
  return {app, state: ready.reason === 'NoRelease' ? 'idle' : 'healthy', detail: ready.message};
}
