import {RELEASE} from '../../schemas/app.ts';
import {detail, step, warning} from '../build/output.ts';
import {git} from '../adapters/git.ts';
import type {OpenBuild} from '../builds/open-build.ts';
import type {DeployOutcome} from '../node.ts';
import {CONVERGED_MARGIN_MS, convergedInTime} from '../release/converged.ts';
import {published} from '../release/publish.ts';
import {ReleaseRefused} from '../release/refused.ts';
import {firstRelease} from './app-json.ts';
import {workOf} from './build-commit.ts';
import {buildInputs, type BuildInputs} from './build-inputs.ts';
import {DEPLOYED_REF} from './kept-sources.ts';
import {refsOf} from './deploy-branch.ts';
import type {DeployDeps, DeployOrder} from './deploys.ts';
import {postdeploy} from './postdeploy.ts';
import {propose, release, takeBack} from './release.ts';

/** Lines of the failed container's log that the pusher sees. */
const LOG_LINES_MAX = 30;

export interface CommitDeploy {
  readonly order: DeployOrder;
  /** Its own build. */
  readonly build: OpenBuild;
  readonly deps: DeployDeps;
}

/** What serves in the end. */
export interface Deployed {
  readonly release: number;
  readonly urls: readonly string[];
  /** It waits for others: the release is only proposed, and its number may become another one. */
  readonly proposal?: number;
}

/**
 * Builds a commit, commits the release, and waits until it serves. Whatever else happens, git says in the end what runs: a release that
 * failed, or whose pusher went away before it was healthy, is taken back by a commit.
 *
 * @throws {ReleaseRefused} with the reason; the signal's reason when it was aborted
 */
export async function deploy(going: CommitDeploy, signal: AbortSignal): Promise<Deployed> {
  const {order, build} = going;
  build.print('Building source:');
  build.print('');
  const known = await inputsOf(going, signal);
  const {current} = known;
  const found = current?.sourceCommit === order.commit && current.folder === order.folder ? await unlessDeployed(going, {...known, current}, signal) : {inputs: known};
  if ('deployed' in found) return found.deployed;
  const first = await firstRelease({app: order.app, source: order, snapshot: await going.deps.repo.snapshot(signal), print: (line) => build.print(line)}, found.inputs, signal);
  const {inputs} = first ?? found;
  const image = await build.build(await workOf(order, inputs, signal));
  const registered = await published(going.deps.registry, {app: order.app, image: image.image, print: (line) => build.print(line)}, signal);
  if (inputs.isReviewed || order.isProposed === true) return proposed(going, {image, inputs, registered, ...(first && {first})}, signal);
  build.print(step('Launching...'));
  if (inputs.hasReleaseCommand || Object.hasOwn(image.commands, RELEASE)) build.print(warning('Release command declared: this new release will not be available until the command succeeds.'));
  const released = await release(going, {image, inputs, registered, ...(first && {first})}, signal);
  build.released(released.number);
  build.print(detail(`Released v${released.number}`));
  let outcome: DeployOutcome;
  let deployed: Deployed;
  try {
    signal.throwIfAborted();
    outcome = await converged(going, inputs, signal);
    deployed = finish(going, released.number, outcome);
  } catch (error) {
    await takeBack(going, released, signal.aborted ? 'the push was cancelled' : firstLine(error));
    throw error;
  }
  await afterwards(going, {createdAt: released.createdAt, outcome}, signal);
  return deployed;
}

/** It ends well: what was asked for is done, and others decide. */
async function proposed(going: CommitDeploy, built: Parameters<typeof propose>[1], signal: AbortSignal): Promise<Deployed> {
  const {order, build} = going;
  build.print(step('Proposing...'));
  const {number, proposal} = await propose(going, built, signal);
  order.settle();
  build.print(detail(`Release v${number} is proposed: #${proposal.number}; it deploys when it is merged`));
  for (const line of proposal.plan.lines) build.print(detail(`  ${line}`));
  if (proposal.missing.length > 0) build.print(detail('Before it can be merged it takes:'));
  for (const line of proposal.missing) build.print(detail(`  ${line}`));
  build.print(detail(proposal.url === undefined ? `Look at it with: flynn review show ${proposal.number}` : `Others look at it at: ${proposal.url}`));
  return {release: number, urls: [], proposal: proposal.number};
}

async function inputsOf({order: {app}, deps}: CommitDeploy, signal: AbortSignal): Promise<BuildInputs> {
  return buildInputs(app, await deps.repo.snapshot(signal), signal);
}

/**
 * The current release is of this commit: waits for it, and nothing is built. A release that failed, and whose push never ended (we were
 * killed), is taken back as it would have been then, and built again.
 */
async function unlessDeployed(going: CommitDeploy, known: BuildInputs & Required<Pick<BuildInputs, 'current'>>, signal: AbortSignal): Promise<{readonly deployed: Deployed} | {readonly inputs: BuildInputs}> {
  const {order: {commit}, build} = going;
  const {number} = known.current;
  build.print(warning(`${commit.slice(0, 8)} is already deployed as v${number}: nothing is built.`));
  const outcome = await converged(going, known, signal);
  if (outcome.result !== 'failed' || await wasAccepted(going, known, signal)) {
    const deployed = finish(going, number, outcome);
    await afterwards(going, {createdAt: known.current.createdAt, outcome}, signal);
    return {deployed};
  }
  build.print(warning(`Release v${number} failed: ${outcome.cause}. It is taken back, and built again.`));
  await takeBack(going, known.current, `release v${number} failed: ${outcome.cause}`);
  return {inputs: await inputsOf(going, signal)};
}

/** What is left to be run of a first release, which may be of a push that was killed. */
async function afterwards({order: {app}, build, deps}: CommitDeploy, {createdAt, outcome}: {createdAt: string; outcome: DeployOutcome}, signal: AbortSignal): Promise<void> {
  if (outcome.result === 'healthy') await postdeploy({notes: deps.postdeploys, node: deps.node}, {app, createdAt, print: (line) => build.print(line)}, signal);
  else await deps.postdeploys.remove({app, createdAt});
}

/** Branches move only to what was healthy: such a release fails because of something else, and is not taken back for it. */
async function wasAccepted({order: {commit, gitdir, env}}: CommitDeploy, {deployBranch}: BuildInputs, signal: AbortSignal): Promise<boolean> {
  return await git(['for-each-ref', `--contains=${commit}`, '--format=%(refname)', '--', ...refsOf(deployBranch), DEPLOYED_REF], {gitdir, env}, signal) !== '';
}

function converged({order: {app}, build, deps}: CommitDeploy, {deployTimeoutMs}: BuildInputs, signal: AbortSignal): Promise<DeployOutcome> {
  return convergedInTime({app, node: deps.node, limitMs: deployTimeoutMs + CONVERGED_MARGIN_MS, print: (line) => build.print(detail(line))}, signal);
}

/** @throws {ReleaseRefused} unless this release, or a later one, serves */
function finish({order, build}: CommitDeploy, number: number, outcome: DeployOutcome): Deployed {
  const {app} = order;
  const print = (line: string) => build.print(line);
  switch (outcome.result) {
    case 'removed': throw new ReleaseRefused(`the app "${app}" was removed from the cluster repository meanwhile`);
    case 'failed': throw new ReleaseRefused(
      `release v${number} failed: ${outcome.cause}`,
      outcome.log.length === 0 ? [] : ['', `=====> Last lines of ${app} v${number}`, ...outcome.log.slice(-LOG_LINES_MAX).map(detail), `=====> End of ${app} v${number}`, ''],
    );
    case 'suspended': {
      const kept = outcome.release ?? number;
      order.settle();
      print(warning(`${app} is suspended: v${kept} is kept, and is not started before: flynn resume -a ${app}`));
      return {release: kept, urls: []};
    }
    case 'healthy': {
      const serving = outcome.release ?? number;
      if (serving < number) throw new ReleaseRefused(`somebody took release v${number} back meanwhile: v${serving} serves`);
      order.settle();
      if (serving > number) print(warning(`v${serving} has taken over from v${number} meanwhile`));
      for (const url of outcome.urls) print(detail(`${url} deployed`));
      if (outcome.urls.length === 0) print(detail(`${app} deployed, it has no routes`));
      print('');
      print('Verifying deploy... done.');
      return {release: serving, urls: outcome.urls};
    }
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
