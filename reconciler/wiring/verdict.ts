import type {AppName, CommitId, ContainerId} from '../../schemas/ids.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {DesiredSystem} from '../desired/state.ts';
import type {PassReport} from '../loop.ts';
import type {DeployOutcome} from '../node.ts';
import type {ObservedJob, ObservedState} from '../observed/state.ts';
import type {Action, Plan} from '../plan/action.ts';
import {IMAGE_SUBJECT} from '../plan/images.ts';
import {phaseOf} from '../plan/phase.ts';
import {isHeldByReleaseJob} from '../plan/release-job.ts';
import {replicasAwaited} from '../plan/room.ts';
import {deriveApp, hostsOf} from '../status/derive.ts';

/** What became of an app that somebody waits for. */
export type Verdict =
  | Extract<DeployOutcome, {result: 'removed' | 'suspended'}>
  | {readonly result: 'failed'; readonly commit: CommitId; readonly cause: string; readonly container?: ContainerId}
  | {readonly result: 'healthy'; readonly commit: CommitId; readonly release?: number; readonly hosts: readonly string[]};

/** The release command of a deploy in progress, once it has a container. */
export function runningReleaseJob(name: AppName, {seen}: PassReport): ObservedJob | undefined {
  const deploy = seen?.observed.journal.get(name)?.deploy;
  if (deploy?.state !== 'deploying' || deploy.releaseJob === undefined || deploy.releaseJob.state === 'done') return undefined;
  return seen?.observed.jobs.find(({app, job}) => app === name && job.kind === 'release' && job.run === deploy.releaseJob?.run);
}

/** What one pass says of an app that somebody waits for. */
export function judge(name: AppName, {held, seen}: PassReport, waitingSinceMs: number): Verdict | {readonly progress: string} {
  if (held !== undefined || seen === undefined) return {progress: held?.message ?? 'starting'};
  const {desired, observed, plan} = seen;
  const {commit} = desired;
  const app = desired.apps.find((candidate) => candidate.name === name);
  const containers = observed.containers.filter((container) => container.app === name);
  if (app === undefined) return containers.some(({state}) => state === 'running') ? {progress: 'stopping'} : {result: 'removed', commit};
  if (app.state === 'invalid') return {result: 'failed', commit, cause: app.problems.map(formatDiagnostic).join('\n')};
  const phase = phaseOf(app, observed.journal.get(name));
  const image = plan.waiting.find((waiting) => waiting.app === name && waiting.subject === IMAGE_SUBJECT);
  if (image !== undefined) return {progress: `waiting on ${image.on}`};
  if (isHeldByReleaseJob(phase, observed.journal.get(name)?.deploy, observed)) return {progress: 'Running release command...'};
  if (phase.kind === 'failed') return {result: 'failed', commit, cause: phase.deploy.cause, ...(phase.deploy.container && {container: phase.deploy.container})};
  const {services} = deriveApp({app, record: observed.journal.get(name), containers, runs: [], waiting: [], busy: observed.operations, urlOf: (host) => host});
  const late = app.services.filter((service) => (services.find(({name: one}) => one === service.name)?.healthy ?? 0) < replicasAwaited(service));
  const progress = services.filter(({wanted}) => wanted > 0).map(({name: service, healthy, wanted, waitsFor}) => `${service} [${Math.min(healthy, wanted)}/${wanted}]${waitsFor === undefined ? '' : ` waiting: ${waitsFor}`}`).join(', ');
  const isRouted = isLive(observed, plan);
  if (phase.kind === 'suspended') return containers.some(({state}) => state === 'running') || !isRouted || !phase.isRecorded ? {progress: 'stopping'} : {result: 'suspended', commit, ...(app.release !== undefined && {release: app.release})};
  if (phase.kind === 'steady' && phase.isRecorded) {
    if (late.length === 0 && isRouted) return {result: 'healthy', commit, ...(app.release !== undefined && {release: app.release}), hosts: hostsOf(app.routes)};
    if (observed.nowMs - waitingSinceMs > app.deployTimeoutMs) return {result: 'failed', commit, cause: `not healthy within ${app.deployTimeoutMs / 1000} s: ${progress}`};
  }
  return {progress: progress === '' ? 'routing' : progress};
}

/** Before these are done somebody may be answered as before. */
const ROUTING: readonly Action['kind'][] = ['publish-names', 'hand-over', 'keep-shift', 'retire-shift', 'load-routes', 'load-tcp'];

const ROUTER: DesiredSystem['role'] = 'router';

/** Whoever asks now is answered by what is wanted. */
function isLive({router, operations}: ObservedState, plan: Plan): boolean {
  if (router.state !== 'ready' || ['names', 'routes', 'tcp'].some((key) => operations.has(key))) return false;
  // A hand-over that comes a moment later, because the last one has only just been.
  const isComing = plan.waiting.some(({subject, untilMs}) => subject === ROUTER && untilMs !== undefined);
  return !isComing && ![...router.leaving.values()].some(({closedAtMs}) => closedAtMs === undefined) && !plan.actions.some(({kind}) => ROUTING.includes(kind));
}
