import type {ReleaseManifest} from '../../schemas/release.ts';
import type {BuiltImage} from '../build/build.ts';
import {warning} from '../build/output.ts';
import {releaseFile} from '../commits/edits.ts';
import {makeRelease, takeBackRelease, type Released} from '../release/make.ts';
import type {FirstRelease} from './app-json.ts';
import type {BuildInputs} from './build-inputs.ts';
import type {CommitDeploy} from './deploy.ts';
import {forgetSource, keepSource} from './kept-sources.ts';

/** How long letting go of the source of a release may take when the pusher is gone, in milliseconds. */
const FORGET_MS_MAX = 30_000;

/** @throws {ReleaseRefused} when the release can't be made. After any failure git does not name it. */
export async function release({order: {app, commit, folder, by, gitdir, env}, deps}: CommitDeploy, {image, inputs, registered, first}: {image: BuiltImage; inputs: BuildInputs; registered: Pick<ReleaseManifest, 'registry'>; first?: FirstRelease}, signal: AbortSignal): Promise<Released> {
  const createdAt = new Date().toISOString();
  return makeRelease(deps, {
    app,
    release: {
      image: image.image,
      ...registered,
      source: {commit, ...(folder !== undefined && {path: folder}), builder: image.builder, ...(image.buildpacks !== undefined && {buildpacks: image.buildpacks})},
      services: Object.fromEntries(Object.entries(image.commands).map(([service, command]) => [service, {command}])),
      pushedBy: by.name,
      createdAt,
    },
    keep: inputs.keepReleases,
    author: by,
    subject: commit.slice(0, 8),
    trailers: [`Flynn-Source: ${commit}`],
    // What it wrote is kept should the release fail: it is not written again, and secrets stay what they were.
    ...(first && {alongside: {edit: first.edit(Object.keys(image.commands)), undo: () => ({})}}),
    // Before the commit: a release whose source is lost could never be built again, and what is to be run after it would never be.
    prepare: async (number, until) => {
      await keepSource({gitdir, env, commit, number, keep: inputs.keepReleases}, until);
      if (first?.postdeploy !== undefined) await deps.postdeploys.add({app, createdAt, script: first.postdeploy, by});
    },
  }, signal);
}

/** After this git says again what runs. */
export async function takeBack({order: {app, gitdir}, build, deps}: CommitDeploy, released: Released, cause: string): Promise<void> {
  const {number} = released;
  if (!await takeBackRelease(deps, {app, released, cause})) {
    build.print(warning(`Release v${number} could not be taken back: remove ${releaseFile(app, number)} from the cluster repository`));
    return;
  }
  await deps.postdeploys.remove({app, createdAt: released.createdAt});
  await forgetSource(gitdir, number, AbortSignal.timeout(FORGET_MS_MAX)).catch((error: unknown) => deps.log(`the source of release v${number} of ${app} is kept`, error));
}
