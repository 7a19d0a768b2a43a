import type {AppName, CommitId} from '../../schemas/ids.ts';
import type {DeployOutcome, NodeView} from '../node.ts';
import type {ToldOutcome} from './answers.ts';

/** `of`: the commit that was waited for. What others have made of it meanwhile is told beside how that ended. */
export async function withOvertaking(outcome: DeployOutcome, {app, view, of}: {readonly app: AppName; readonly view: Pick<NodeView, 'releases'>; readonly of: CommitId | undefined}, signal: AbortSignal): Promise<ToldOutcome> {
  if (of === undefined || outcome.result === 'removed') return outcome;
  const overtaken = await view.releases.overtaken(app, {commit: of, at: outcome.commit}, signal);
  return overtaken === undefined ? outcome : {...outcome, overtaken};
}
