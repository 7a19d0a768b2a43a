import os from 'node:os';
import {ok, fail, type Result} from '../../schemas/result.ts';
import type {AppName} from '../../schemas/ids.ts';
import {LABEL_APP, LABEL_INSTANCE} from '../labels.ts';
import type {Build, BuildFailure, BuildRequest, BuiltImage} from './build.ts';
import {buildWithBuildpacks} from './buildpack.ts';
import {checkPointers, emptySubmodules, unnamedSubmodules} from './check-source.ts';
import {chooseBuilder} from './choose.ts';
import type {BuildContext, BuilderSettings} from './context.ts';
import {buildWithDockerfile} from './dockerfile.ts';
import {BuildRefused} from './refused.ts';
import {checkFreeDisk, watchFreeDisk} from './free-disk.ts';
import {abortable, LimitExceeded, limitedPrint, limitSignal} from './limits.ts';
import {step, warning} from './output.ts';
import {rememberedNpmrc} from './npm-settings.ts';
import {PackageImages} from './packages.ts';
import {keepSource} from './source.ts';

/**
 * Builds apps in containers. What the pusher sees is printed, but for the reason of a failure: that is the answer. Builds of one app must
 * not run at the same time.
 */
export function createBuilder(given: BuilderSettings): Build {
  const settings = {...given, npmrc: given.npmrc ?? rememberedNpmrc()};
  const packageImages = given.packageImages ?? new PackageImages(settings);
  return (request, signal) => build({settings, packageImages}, request, signal);
}

async function build({settings, packageImages}: Pick<BuildContext, 'settings' | 'packageImages'>, request: BuildRequest, outer: AbortSignal): Promise<Result<BuiltImage, BuildFailure>> {
  using limits = limitSignal(request.limits, outer);
  const {signal} = limits;
  try {
    const disk = {minFreeBytes: request.limits.minFreeBytes, folder: settings.logs};
    await checkFreeDisk(settings.docker, disk, signal);
    using watch = abortable(signal);
    void watchFreeDisk(settings.docker, {...disk, exceed: limits.exceed}, watch.signal);
    request.print(step('Building on the Flynn stack'));
    await using source = await keepSource(() => request.source(signal), {diskBytes: request.limits.diskBytes, scratch: settings.scratch ?? os.tmpdir()}, signal);
    await checkPointers(source, request);
    const context: BuildContext = {
      ...request,
      print: limitedPrint(request.print, limits.exceed),
      settings,
      packageImages,
      files: source,
      labels: {[LABEL_INSTANCE]: settings.instance, [LABEL_APP]: request.app},
      tag: imageTag(settings.instance, request.app, request.sourceCommit),
      exceed: limits.exceed,
    };
    const chosen = await chooseBuilder(source, request);
    // A Dockerfile's context is what git brought.
    const empty = chosen.kind === 'dockerfile' ? [...(await emptySubmodules(source)).map(({path}) => path), ...await unnamedSubmodules(source, request.submodules)] : [];
    for (const path of empty) request.print(warning(`${path} is empty: it is a submodule, which builds with a Dockerfile don't fetch`));
    return ok(chosen.kind === 'dockerfile' ? await buildWithDockerfile(context, signal) : await buildWithBuildpacks(context, chosen, signal));
  } catch (error) {
    outer.throwIfAborted();
    const cause: unknown = signal.aborted ? signal.reason : error;
    if (!(cause instanceof BuildRefused || cause instanceof LimitExceeded)) throw cause;
    return fail({reason: cause.message});
  }
}

export function imageTag(instance: string, app: AppName, sourceCommit: string): string {
  return `${instance}/${app}:${sourceCommit.slice(0, 12)}`;
}
