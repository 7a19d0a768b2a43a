import {OPERATION_TRAILER} from '../../schemas/commit-trailers.ts';
import type {AppName} from '../../schemas/ids.ts';
import {detail} from '../build/output.ts';
import {appNow} from './app-now.ts';
import {CONVERGED_MARGIN_MS, convergedInTime} from './converged.ts';
import type {DeployDeps} from './deploy.ts';
import {pastReleases} from './past.ts';
import type {ReleaseOutcome} from './releases.ts';

export interface MadeBefore {
  readonly app: AppName;
  /** What it was asked for with. */
  readonly operationId: string;
  print(line: string): void;
}

/**
 * What became, or becomes, of a release that was asked for before by the same id, when the process that made it is gone: git has the id. Undefined: it was
 * not. One that fails is taken back by `resumeMakings`.
 */
export async function madeBefore({repo, node}: Pick<DeployDeps, 'repo' | 'node'>, {app, operationId, print}: MadeBefore, signal: AbortSignal): Promise<ReleaseOutcome | undefined> {
  const history = await repo.history(app, signal);
  const made = history.find(({message}) => message.split('\n').includes(`${OPERATION_TRAILER}: ${operationId}`));
  const past = made && pastReleases(app, history).find(({commit}) => commit === made.commit);
  if (past === undefined) return undefined;
  const {number: release, fate} = past;
  print(detail(`Released v${release}`));
  switch (fate.kind) {
    case 'failed': return {result: 'failed', release, cause: fate.cause, log: [], isTakenBack: true};
    case 'reverted': return {result: 'failed', release, cause: `${fate.by.name} took release v${release} back`, log: [], isTakenBack: true};
    case 'kept':
    case 'old': return {result: 'superseded', release, by: history[0]?.current ?? release};
    case 'current': return becoming(release);
  }

  async function becoming(number: number): Promise<ReleaseOutcome> {
    const {deployTimeoutMs} = await appNow(app, repo, signal);
    const outcome = await convergedInTime({app, node, limitMs: deployTimeoutMs + CONVERGED_MARGIN_MS, print: (line) => print(detail(line))}, signal);
    switch (outcome.result) {
      case 'healthy': return {result: 'healthy', release: number, urls: outcome.urls};
      case 'suspended': return {result: 'healthy', release: number, urls: []};
      case 'removed': return {result: 'removed', release: number};
      case 'failed': return {result: 'failed', release: number, cause: outcome.cause, log: outcome.log, isTakenBack: true};
    }
  }
}
