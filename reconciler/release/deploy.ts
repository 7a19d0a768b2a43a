import {detail, step, warning} from '../build/output.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {releaseFile} from '../commits/edits.ts';
import type {DeployOutcome, NodeView} from '../node.ts';
import {appNow} from './app-now.ts';
import {CONVERGED_MARGIN_MS, convergedInTime} from './converged.ts';
import {makeRelease, takeBackRelease, type Making, type ReleaseDeps, type Released} from './make.ts';
import type {Makings} from './makings.ts';
import {ReleaseRefused} from './refused.ts';
import type {ReleaseOutcome} from './releases.ts';

export interface DeployDeps extends ReleaseDeps {
  readonly repo: FollowedRepo;
  readonly makings: Pick<Makings, 'add' | 'remove' | 'all'>;
  readonly node: Pick<NodeView, 'wake' | 'converged'>;
}

export interface Deploying {
  readonly making: Making;
  readonly deployTimeoutMs: number;
  print(line: string): void;
}

/**
 * Makes a release and waits until it serves. One that does not is taken back, so that git says again what runs. Once the commit is
 * made, the signal ends the wait only: the release is in git, and goes on.
 */
export async function deployRelease(deps: DeployDeps, deploying: Deploying, signal: AbortSignal): Promise<ReleaseOutcome> {
  const {app, release: {createdAt}} = deploying.making;
  await deps.makings.add({app, createdAt});
  try {
    return await make(deps, deploying, signal);
  } finally {
    // The next start has to look after what this one can't any more.
    if (!signal.aborted) await deps.makings.remove({app, createdAt});
  }
}

async function make(deps: DeployDeps, {making, deployTimeoutMs, print}: Deploying, signal: AbortSignal): Promise<ReleaseOutcome> {
  const {app} = making;
  print(step('Launching...'));
  const released = await makeRelease(deps, making, signal);
  const {number: release} = released;
  print(detail(`Released v${release}`));
  const outcome = await outcomeOf(deps, {making, deployTimeoutMs, print}, signal);
  switch (outcome.result) {
    case 'removed': return {result: 'removed', release};
    case 'suspended':
      print(warning(`${app} is suspended: v${outcome.release ?? release} is kept, and is not started before: flynn resume -a ${app}`));
      return {result: 'healthy', release, urls: []};
    case 'healthy': {
      const serving = outcome.release ?? release;
      if (serving > release) return {result: 'superseded', release, by: serving};
      if (serving < release) return {result: 'failed', release, cause: `somebody took release v${release} back meanwhile: v${serving} serves`, log: [], isTakenBack: true};
      for (const url of outcome.urls) print(detail(`${url} deployed`));
      return {result: 'healthy', release, urls: outcome.urls};
    }
    case 'failed': {
      // What failed may be somebody else's, who came later.
      const current = (await appNow(app, deps.repo, signal)).current ?? 0;
      if (current > release) return {result: 'superseded', release, by: current};
      return failed(deps, {making, released, outcome, print});
    }
  }
}

async function outcomeOf(deps: DeployDeps, {making: {app}, deployTimeoutMs, print}: Deploying, signal: AbortSignal): Promise<DeployOutcome | {readonly result: 'failed'; readonly cause: string; readonly log: readonly string[]}> {
  try {
    return await convergedInTime({app, node: deps.node, limitMs: deployTimeoutMs + CONVERGED_MARGIN_MS, print: (line) => print(detail(line))}, signal);
  } catch (error) {
    if (!(error instanceof ReleaseRefused)) throw error;
    return {result: 'failed', cause: error.message, log: []};
  }
}

interface Failed extends Pick<Deploying, 'making' | 'print'> {
  readonly released: Released;
  readonly outcome: {readonly cause: string; readonly log: readonly string[]};
}

async function failed(deps: DeployDeps, {making, released, outcome: {cause, log}, print}: Failed): Promise<ReleaseOutcome> {
  const {app} = making;
  const {number: release} = released;
  const isTakenBack = await takeBackRelease(deps, {...making, released, cause: `release v${release} failed: ${cause}`});
  print(warning(isTakenBack ? `Release v${release} is taken back: what was there before it serves on` : `Release v${release} could not be taken back: remove ${releaseFile(app, release)} from the cluster repository`));
  return {result: 'failed', release, cause, log, isTakenBack};
}
