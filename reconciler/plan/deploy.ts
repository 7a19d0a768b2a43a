import type {DesiredApp, ResolvedApp} from '../desired/state.ts';
import type {Deploy, KeptSpec, ObservedContainer, ObservedState} from '../observed/state.ts';
import type {Action, Plan} from './action.ts';
import {isBusy} from './busy.ts';
import {canariesOf, stepCanary} from './canary.ts';
import {DEPLOY_FAILURES_MAX} from './limits.ts';
import {fateOfImage, imageAwaited} from './images.ts';
import {isRestart, type Phase} from './phase.ts';
import {nextReleaseJob, stepReleaseJob} from './release-job.ts';
import {replicasAwaited, roomInWords} from './room.ts';
import {howItEnded} from './health.ts';
import {type SlotPlan} from './slots.ts';

const nothing: Plan = {actions: [], waiting: []};

/** Moves an app's deploy on: begun, healthy, or failed with its cause. What it says is written to disk before anything follows from it. */
export function planDeploy(app: DesiredApp, phase: Phase, slots: readonly SlotPlan[], observed: ObservedState): Plan {
  if (app.state === 'invalid') return nothing;
  const write = (deploy: Deploy, reason: string, lastGood = deploy.state === 'healthy' ? app : undefined): Plan => {
    // Not nothing: until it is written nothing follows from it, and who looks now must not take that for the end.
    if (observed.operations.has(`journal ${app.name}`)) return {actions: [], waiting: [{app: app.name, subject: what, on: 'its state to be written down'}]};
    const action: Action = {kind: 'write-deploy', app: app.name, deploy, reason, ...(lastGood && {lastGood})};
    return {actions: [action], waiting: []};
  };
  const before = observed.journal.get(app.name)?.deploy;
  const releaseJob = phase.kind === 'new' ? nextReleaseJob(phase, before, observed) : before?.releaseJob;
  const base = {treeId: app.treeId, specKey: app.specKey, ...(app.release === undefined ? {} : {release: app.release}), ...(releaseJob && {releaseJob})};
  const whole = app.release === undefined ? 'configuration' : `release v${app.release}`;
  const what = phase.kind !== 'suspended' && isRestart(app, phase.serving) ? `a restart of ${whole}` : whole;

  switch (phase.kind) {
    case 'new':
      // Its time begins when it can.
      if (imageAwaited(app, {app, observed}) !== undefined) return nothing;
      return write({...base, startedAtMs: observed.nowMs, state: 'deploying'}, `${what} is new`);
    case 'steady':
      if (phase.isRecorded) return nothing;
      return write({...base, startedAtMs: observed.nowMs, state: 'healthy', endedAtMs: observed.nowMs, ...keeping(phase.kept)}, 'scale or routes changed');
    case 'deploying': {
      const {startedAtMs} = phase.deploy;
      if (releaseJob !== undefined && releaseJob.state !== 'done') {
        const step = stepReleaseJob(app, {...phase.deploy, releaseJob}, observed);
        switch (step.result) {
          case 'waits': return step.plan;
          case 'moved': return write({...base, releaseJob: {...releaseJob, state: step.state}, startedAtMs, state: 'deploying'}, `${what}: ${step.reason}`);
          case 'failed': return write({...base, startedAtMs, state: 'failed', endedAtMs: observed.nowMs, cause: step.cause, ...(step.job && {container: step.job.id})}, `${what} failed: ${step.cause}`);
        }
      }
      const wish = phase.deploy.canary && observed.canaries?.get(app.name)?.wish;
      if (wish?.kind === 'abort') return write({...base, startedAtMs, state: 'failed', endedAtMs: observed.nowMs, cause: `aborted by ${wish.by}`}, `${what} was aborted by ${wish.by}`);
      const candidates = slots.filter(({want}) => want.isCandidate);
      const failure = failureOf(app, candidates, startedAtMs, observed);
      if (failure !== undefined) {
        const {cause, container} = failure;
        return write({...base, startedAtMs, state: 'failed', endedAtMs: observed.nowMs, cause, ...(container && {container: container.id})}, `${what} failed: ${cause}`);
      }
      const missing = candidates.filter(({healthy, want}) => healthy < replicasAwaited(want.service));
      if (missing.length === 0) {
        const canaries = canariesOf(app, phase.serving);
        const step = canaries.length === 0 ? {result: 'done', reason: 'healthy'} as const : stepCanary(app, canaries, phase.deploy.canary, observed);
        switch (step.result) {
          case 'watches': return {actions: [], waiting: [{app: app.name, subject: what, on: step.on, untilMs: step.untilMs}]};
          case 'steps': return write({...base, startedAtMs, state: 'deploying', canary: step.progress}, `${what} is healthy and gets ${step.reason}`);
          case 'failed': return write({...base, startedAtMs, state: 'failed', endedAtMs: observed.nowMs, cause: step.cause}, `${what} failed: ${step.cause}`);
          case 'done': return write({...base, startedAtMs, state: 'healthy', endedAtMs: observed.nowMs, ...keeping(replacedBy(app, phase.serving, observed.nowMs))}, `${what} is ${step.reason}`);
        }
      }
      const on = missing.map(({healthy, want}) => `${want.service.name} [${healthy}/${replicasAwaited(want.service)}]`).join(', ');
      return {actions: [], waiting: [{app: app.name, subject: what, on: `healthy replicas: ${on}`, untilMs: startedAtMs + app.deployTimeoutMs}]};
    }
    case 'failed': return phase.isRecorded ? nothing : write(phase.deploy, `${what} failed, what serves is scaled`, phase.serving);
    case 'suspended': {
      const deploy = observed.journal.get(app.name)?.deploy;
      return phase.isRecorded || phase.serving === undefined || deploy === undefined ? nothing : write(deploy, 'the app is suspended', {...phase.serving, isSuspended: true});
    }
    case 'invalid': return nothing;
  }
}

function keeping(kept: readonly KeptSpec[]): {readonly kept?: readonly KeptSpec[]} {
  return kept.length === 0 ? {} : {kept};
}

/** What blue-green leaves running for a while. */
function replacedBy(app: ResolvedApp, serving: ResolvedApp | undefined, nowMs: number): readonly KeptSpec[] {
  return app.services.flatMap(({name, specHash, strategy}): KeptSpec[] => {
    const before = serving?.services.find((service) => service.name === name);
    if (before === undefined || before.specHash === specHash || strategy.kind !== 'blue-green') return [];
    return [{specHash: before.specHash, untilMs: nowMs + strategy.keepOldMs}];
  });
}

interface Failure {
  readonly cause: string;
  readonly container?: ObservedContainer;
}

function failureOf(app: DesiredApp, candidates: readonly SlotPlan[], startedAtMs: number, observed: ObservedState): Failure | undefined {
  if (app.state === 'invalid') return undefined;
  for (const {newest, want} of candidates) {
    const {image} = want.service.container;
    const fate = fateOfImage(app, image, {app, observed});
    if (want.service.replicas > newest.length && fate.state === 'gone') return {cause: fate.cause};
    for (const container of newest.filter(({createdAtMs}) => createdAtMs >= startedAtMs)) {
      const subject = `${container.service}.${container.slot}`;
      // While it is still being started the engine's error is not the last word: the start is repeated when only its network was missing.
      if (container.state === 'created' && container.error !== undefined && !isBusy(container, observed)) return {cause: `${subject} could not start: ${container.error}`, container};
      if (container.state === 'exited' && container.failures + 1 >= DEPLOY_FAILURES_MAX) return {cause: `${subject} ${howItEnded(container)}, ${DEPLOY_FAILURES_MAX} times in a row`, container};
      // What somebody changed by hand says nothing of the release; it is replaced.
      if (container.state === 'running' && container.drift === undefined && container.health.state === 'unhealthy') return {cause: `${subject} health check failed: ${container.health.detail}`, container};
    }
  }
  if (observed.nowMs < startedAtMs + app.deployTimeoutMs) return undefined;
  const late = candidates.find(({healthy, want}) => healthy < replicasAwaited(want.service));
  if (late === undefined) return undefined;
  const worst = late.newest.find((container) => container.state !== 'running' || container.health.state !== 'healthy');
  const counts = `${late.want.service.name} [${late.healthy}/${replicasAwaited(late.want.service)}] healthy${roomInWords(app.services)}`;
  return {cause: `not healthy within ${app.deployTimeoutMs / 1000} s: ${counts}${worst === undefined ? '' : `; ${worst.service}.${worst.slot} ${stateInWords(worst)}`}`, ...(worst && {container: worst})};
}

function stateInWords(container: ObservedContainer): string {
  if (container.state !== 'running') return howItEnded(container);
  const {health} = container;
  return 'detail' in health && health.detail !== undefined ? `is ${health.state}: ${health.detail}` : `is ${health.state}`;
}
