import type {ResolvedApp} from '../desired/state.ts';
import type {Deploy, ObservedJob, ObservedState, ReleaseJob} from '../observed/state.ts';
import type {Action, Plan, Waiting} from './action.ts';
import {isBusy} from './busy.ts';
import {fateOfImage, IMAGE_SUBJECT} from './images.ts';
import {jobName, retireJob} from './job.ts';
import {keyByManifests, type Phase} from './phase.ts';
import {howItEnded} from './health.ts';

/** The gate of a deploy: no replica of a candidate starts before its release command has succeeded. */
export function isHeldByReleaseJob(phase: Phase, before: Deploy | undefined, observed: Seen): boolean {
  const job = phase.kind === 'new' ? nextReleaseJob(phase, before, observed) : phase.kind === 'deploying' ? phase.deploy.releaseJob : undefined;
  return job !== undefined && job.state !== 'done';
}

/**
 * The release command that a new deploy has to run. None when what it would be run for serves already: a failed release that is taken back
 * starts nothing, and neither does a restart. When only the scale or the routes changed in the middle of a deploy, the command of before counts.
 */
export function nextReleaseJob({candidate, serving}: Extract<Phase, {kind: 'new'}>, before: Deploy | undefined, observed: Seen): ReleaseJob | undefined {
  if (candidate.releaseJob === undefined || (serving !== undefined && keyByManifests(serving) === keyByManifests(candidate))) return undefined;
  if (before?.state === 'deploying' && before.specKey === candidate.specKey && before.releaseJob !== undefined && !isSpent(candidate, before.releaseJob, observed)) return before.releaseJob;
  return {run: `v${candidate.release}-${observed.nowMs.toString(36)}`, state: 'due'};
}

type Seen = Pick<ObservedState, 'nowMs' | 'jobs'>;

/** It ended without success, as when its app was suspended meanwhile: nothing comes of it any more. */
function isSpent(app: ResolvedApp, {run, state}: ReleaseJob, observed: Seen): boolean {
  const job = releaseJobs(app, observed).find((one) => one.job.run === run);
  return state !== 'done' && (job?.state === 'exited' ? job.exitCode !== 0 : state === 'running' && job === undefined);
}

export type ReleaseJobStep =
  | {readonly result: 'waits'; readonly plan: Plan}
  /** To be written down before anything follows from it. */
  | {readonly result: 'moved'; readonly state: 'running' | 'done'; readonly reason: string}
  | {readonly result: 'failed'; readonly cause: string; readonly job?: ObservedJob};

/** Moves the release command of a deploy in progress on. It runs at most once: whether it has is written down, and its container is evidence. */
export function stepReleaseJob(app: ResolvedApp, deploy: Deploy & {readonly releaseJob: ReleaseJob}, observed: ObservedState): ReleaseJobStep {
  const {releaseJob, startedAtMs} = deploy;
  const all = releaseJobs(app, observed);
  const job = all.find((one) => one.job.run === releaseJob.run);
  const failed = (cause: string): ReleaseJobStep => ({result: 'failed', cause, ...(job && {job})});
  const waits = (on: string, actions: readonly Action[] = []): ReleaseJobStep => {
    const waiting: Waiting = {app: app.name, subject: `release v${app.release}`, on, untilMs: startedAtMs + app.deployTimeoutMs};
    return {result: 'waits', plan: {actions, waiting: [waiting]}};
  };

  if (job?.state === 'exited') return job.exitCode === 0 ? {result: 'moved', state: 'done', reason: 'its release command succeeded'} : failed(`the release command ${howItEnded(job)}`);
  if (observed.nowMs >= startedAtMs + app.deployTimeoutMs) return failed(`the release command did not end within ${app.deployTimeoutMs / 1000} s`);
  if (job?.state === 'running') return releaseJob.state === 'due' ? {result: 'moved', state: 'running', reason: 'its release command runs'} : waits('its release command');
  if (releaseJob.state === 'running') return failed('the container of the release command was removed before it had ended');

  // While it is still being started the engine's error is not the last word: the start is repeated when only its network was missing.
  const name = jobName(app.name, {kind: 'release', run: releaseJob.run});
  if (isBusy({name}, observed)) return waits('its release command to start');
  if (job?.error !== undefined) return failed(`the release command ${howItEnded(job)}`);
  if (all.some((one) => one !== job)) return waits('the release command before it to end');
  const container = app.releaseJob;
  if (container === undefined) return {result: 'moved', state: 'done', reason: 'it has no release command any more'};
  const image = fateOfImage(app, container.image, {app, observed});
  if (image.state === 'gone') return failed(image.cause);
  if (image.state !== 'here') return waits(IMAGE_SUBJECT);
  const network = observed.networks.find((one) => one.app === app.name);
  if (network === undefined) return waits('its network');
  return waits('its release command to start', [{kind: 'run-job', app: app.name, name, job: {kind: 'release', run: releaseJob.run}, container, release: app.release ?? 0, subnet: network.subnet, reason: `release v${app.release} has a release command`}]);
}

/** Release commands that no deploy waits for. The last one's container stays for its log, until there is another. */
export function retireReleaseJobs(app: Pick<ResolvedApp, 'name'>, phase: Phase, observed: ObservedState): readonly Action[] {
  const deploy = observed.journal.get(app.name)?.deploy;
  return releaseJobs(app, observed).flatMap((job) => {
    if (job.job.run !== deploy?.releaseJob?.run) return retireJob(job, 'a newer deploy has taken its place', observed);
    if (job.state !== 'running') return [];
    if (phase.kind === 'suspended') return retireJob(job, 'the app is suspended', observed);
    return deploy.state === 'deploying' ? [] : retireJob(job, 'its deploy has ended', observed);
  });
}

function releaseJobs({name}: Pick<ResolvedApp, 'name'>, {jobs}: Pick<ObservedState, 'jobs'>): readonly ObservedJob[] {
  return jobs.filter(({app, job}) => app === name && job.kind === 'release');
}
