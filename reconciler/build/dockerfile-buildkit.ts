import path from 'node:path';
import {buildWithBuildkit} from '../adapters/buildkit.ts';
import {makeControlGroup, type ControlGroup} from '../adapters/cgroup.ts';
import {BuildStepFailed} from '../adapters/docker-build.ts';
import {rememberRecords} from './buildkit-cache.ts';
import type {BuildContext} from './context.ts';
import {refusal, isOutOfReach, type Asked} from './dockerfile-refusal.ts';
import {frontendOf} from './dockerfile-features.ts';
import {abortable, LimitExceeded, PROCESSES_MAX, watchDisk} from './limits.ts';
import {detail, formatLimit, warning} from './output.ts';
import {BuildRefused} from './refused.ts';

/** After a build, milliseconds: also after one that was stopped. */
const REMEMBER_MS_MAX = 10_000;

/**
 * Builds a Dockerfile by BuildKit, in a control group of ours: the engine limits nothing here. Only where it is needed, because what the
 * classic builder makes on the way can be told from what others make.
 */
export async function buildkitBuild(context: BuildContext, {text, reason, ...asked}: Asked & {readonly text: string; readonly reason: string}, signal: AbortSignal): Promise<string> {
  const {app, print, limits, settings: {docker, instance, logs}} = context;
  if (!limits.isBuildkitAllowed) throw new BuildRefused(`the Dockerfile needs BuildKit for ${reason}, and builds.buildkit in cluster.yaml forbids it`);
  print(detail(`BuildKit builds it, which ${reason} needs`));
  await using group = await controlGroup(context);
  using watch = abortable(signal);
  if (group !== undefined) void watchDisk({measure: (inner) => group.writtenBytes(inner), diskBytes: limits.diskBytes, exceed: context.exceed}, watch.signal);
  const sinceMs = Date.now();
  const only = {cacheNamespace: `${instance}/${app}`, ...(group !== undefined && {controlGroup: group.path})};
  try {
    return await buildWithBuildkit(docker, {...asked, ...only, onLine: (line) => print(detail(line))}, signal);
  } catch (error) {
    if (!(error instanceof BuildStepFailed) || signal.aborted) throw error;
    // The kernel's answer to a group that is full. What ends a build otherwise has aborted the signal.
    if (group !== undefined && /exit code: 137\b/.test(error.message)) throw new LimitExceeded(`a step of the Dockerfile used more than ${formatLimit(limits.memoryBytes)} of memory`);
    const frontend = frontendOf(text);
    if (frontend !== undefined && error.message.includes(frontend.replace(/[:@].*$/, '')) && isOutOfReach(error)) throw frontendGone(context, error, frontend);
    throw refusal(context, error);
  } finally {
    // What could not be noted stays in the engine's cache, as if somebody else had built it.
    await rememberRecords(docker, {folder: path.join(logs, app), sinceMs, cacheBytes: limits.cacheBytes}, AbortSignal.timeout(REMEMBER_MS_MAX)).catch(() => {});
  }
}

/** Undefined, and said so, where this machine has none for us: better a build without limits than none. */
async function controlGroup({app, limits, print, settings: {instance}}: BuildContext): Promise<ControlGroup | undefined> {
  try {
    // The same for each build of an app: BuildKit does not take a step from its cache that ran in another group.
    return await makeControlGroup(`${instance}.${app}`, {memoryBytes: limits.memoryBytes, cpus: limits.cpus, processesMax: PROCESSES_MAX});
  } catch (error) {
    print(warning(`Memory and cores of this build are not limited: ${(error as Error).message}`));
    return undefined;
  }
}

function frontendGone({print}: BuildContext, error: BuildStepFailed, frontend: string): Error {
  print(warning(error.message));
  print(warning(`The line "# syntax=${frontend}" has BuildKit fetch that image first, from its registry, and it is out of reach.`));
  print(warning('Without the line the engine\'s own BuildKit reads the Dockerfile: heredocs and --mount=type=cache work all the same.'));
  return new BuildRefused(`the image "${frontend}" of the Dockerfile's syntax line is out of reach`);
}
