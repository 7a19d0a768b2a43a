import {RELEASE} from '../../schemas/app.ts';
import type {AppName, CommitId} from '../../schemas/ids.ts';
import {detail, step, warning} from '../build/output.ts';
import type {BuiltImage} from '../build/build.ts';
import {git} from '../adapters/git.ts';
import type {DeployOutcome} from '../node.ts';
import {CONVERGED_MARGIN_MS, convergedInTime} from '../release/converged.ts';
import {buildInputs, type BuildInputs} from './build-inputs.ts';
import type {GitDeps} from './deps.ts';
import {PushRejected, type Push} from './push.ts';
import {rejecting, release, takeBack} from './release.ts';
import {archive} from './source.ts';
import type {Turns} from './turns.ts';

/** Branches whose push is a deploy, as on Heroku. */
export const DEPLOYED: readonly string[] = ['refs/heads/main', 'refs/heads/master'];
/** Lines of the failed container's log that the pusher sees. */
const LOG_LINES_MAX = 30;

export interface DeployPush {
  readonly app: AppName;
  readonly commit: CommitId;
  readonly push: Push;
  readonly deps: GitDeps;
  /** Builds of all apps. */
  readonly builds: Turns;
}

/**
 * Builds a pushed commit, commits the release, and waits until it serves. Whatever else happens, git says in the end what runs: a
 * release that failed, or whose pusher went away before it was healthy, is taken back by a commit.
 *
 * @throws {PushRejected} with the reason last; the signal's reason when it was aborted
 */
export async function deploy(pushed: DeployPush, signal: AbortSignal): Promise<void> {
  const {commit, push} = pushed;
  push.print('Building source:');
  push.print('');
  const known = await inputsOf(pushed, signal);
  const inputs = known.current?.sourceCommit === commit ? await unlessDeployed(pushed, {...known, current: known.current}, signal) : known;
  if (inputs === undefined) return;
  const image = await build(pushed, inputs, signal);
  push.print(step('Launching...'));
  if (inputs.hasReleaseCommand || Object.hasOwn(image.commands, RELEASE)) push.print(warning('Release command declared: this new release will not be available until the command succeeds.'));
  const released = await release(pushed, {image, inputs}, signal);
  push.print(detail(`Released v${released.number}`));
  try {
    signal.throwIfAborted();
    finish(pushed, released.number, await converged(pushed, inputs, signal));
  } catch (error) {
    await takeBack(pushed, released, signal.aborted ? 'the push was cancelled' : firstLine(error));
    throw error;
  }
}

async function inputsOf({app, deps}: DeployPush, signal: AbortSignal): Promise<BuildInputs> {
  return buildInputs(app, await deps.repo.snapshot(signal), signal);
}

/**
 * The current release is of this commit: waits for it. Undefined: there is nothing to build. A release that failed, and whose push
 * never ended (we were killed), is taken back as it would have been then, and built again.
 */
async function unlessDeployed(pushed: DeployPush, known: BuildInputs & Required<Pick<BuildInputs, 'current'>>, signal: AbortSignal): Promise<BuildInputs | undefined> {
  const {commit, push} = pushed;
  const {number} = known.current;
  push.print(warning(`${commit.slice(0, 8)} is already deployed as v${number}: nothing is built.`));
  const outcome = await converged(pushed, known, signal);
  if (outcome.result !== 'failed' || await wasAccepted(pushed, signal)) {
    finish(pushed, number, outcome);
    return undefined;
  }
  push.print(warning(`Release v${number} failed: ${outcome.cause}. It is taken back, and built again.`));
  await takeBack(pushed, known.current, `release v${number} failed: ${outcome.cause}`);
  return inputsOf(pushed, signal);
}

/** Branches move only to what was healthy: such a release fails because of something else, and is not taken back for it. */
async function wasAccepted({commit, push: {gitdir, env}}: DeployPush, signal: AbortSignal): Promise<boolean> {
  return await git(['for-each-ref', `--contains=${commit}`, '--format=%(refname)', '--', ...DEPLOYED], {gitdir, env}, signal) !== '';
}

async function build({app, commit, push, deps, builds}: DeployPush, {env, limits, buildsAtOnce}: BuildInputs, signal: AbortSignal): Promise<BuiltImage> {
  const giveBack = await builds.take({
    doing: `${push.author.name} builds ${app}`,
    atOnce: buildsAtOnce,
    onWait: (holders) => push.print(warning(`Waiting for a build to end: ${holders.map(({doing}) => doing).join(', ')}`)),
  }, signal);
  let lastLine = '';
  try {
    const built = await deps.build({
      app,
      sourceCommit: commit,
      source: (sourceSignal) => archive({gitdir: push.gitdir, commit, env: push.env}, sourceSignal),
      env,
      limits,
      print: (line) => {
        lastLine = line;
        push.print(line);
      },
    }, signal);
    if (built.ok) return built.value;
    // A builder says it itself where that belongs into its log.
    throw new PushRejected(...(lastLine.includes('Push rejected') ? [] : [warning(`Push rejected, ${built.problem.reason}`)]));
  } finally {
    giveBack();
  }
}

function converged({app, push, deps}: DeployPush, {deployTimeoutMs}: BuildInputs, signal: AbortSignal): Promise<DeployOutcome> {
  return rejecting(convergedInTime({app, node: deps.node, limitMs: deployTimeoutMs + CONVERGED_MARGIN_MS, print: (line) => push.print(detail(line))}, signal));
}

/** @throws {PushRejected} unless this release, or a later one, serves */
function finish({app, push}: DeployPush, number: number, outcome: DeployOutcome): void {
  switch (outcome.result) {
    case 'removed': throw new PushRejected(warning(`Push rejected, the app "${app}" was removed from the cluster repository meanwhile`));
    case 'failed': throw new PushRejected(
      ...outcome.log.length === 0 ? [] : ['', `=====> Last lines of ${app} v${number}`, ...outcome.log.slice(-LOG_LINES_MAX).map(detail), `=====> End of ${app} v${number}`, ''],
      warning(`Push rejected, release v${number} failed: ${outcome.cause}`),
    );
    case 'suspended':
      push.settle();
      push.print(warning(`${app} is suspended: v${outcome.release ?? number} is kept, and is not started before: flynn resume -a ${app}`));
      return;
    case 'healthy': {
      const serving = outcome.release ?? number;
      if (serving < number) throw new PushRejected(warning(`Push rejected, somebody took release v${number} back meanwhile: v${serving} serves`));
      push.settle();
      if (serving > number) push.print(warning(`v${serving} has taken over from v${number} meanwhile`));
      for (const url of outcome.urls) push.print(detail(`${url} deployed`));
      if (outcome.urls.length === 0) push.print(detail(`${app} deployed, it has no routes`));
      push.print('');
      push.print('Verifying deploy... done.');
    }
  }
}

function firstLine(error: unknown): string {
  const lines = error instanceof PushRejected ? error.lines.slice(-1) : [error instanceof Error ? error.message : String(error)];
  return (lines[0] ?? '').replace(/^ !\s+Push rejected, /, '').split('\n')[0] ?? '';
}
