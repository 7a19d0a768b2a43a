import type {ReleaseManifest} from '../../schemas/release.ts';
import type {BuiltImage} from '../build/build.ts';
import {warning} from '../build/output.ts';
import {releaseFile} from '../commits/edits.ts';
import type {ProposalDetails} from '../proposals/proposals.ts';
import {makeRelease, proposeRelease, takeBackRelease, type Making, type Released} from '../release/make.ts';
import type {FirstRelease} from './app-json.ts';
import type {BuildInputs} from './build-inputs.ts';
import type {CommitDeploy} from './deploy.ts';
import {forgetSource, keepProposed, keepSource} from './kept-sources.ts';

/** How long letting go of the source of a release may take when the pusher is gone, in milliseconds. */
const FORGET_MS_MAX = 30_000;

interface Built {
  readonly image: BuiltImage;
  readonly inputs: BuildInputs;
  readonly registered: Pick<ReleaseManifest, 'registry'>;
  readonly first?: FirstRelease;
}

/** @throws {ReleaseRefused} when the release can't be made. After any failure git does not name it. */
export async function release(going: CommitDeploy, built: Built, signal: AbortSignal): Promise<Released> {
  const {order: {app, commit, by, gitdir, env}, deps} = going;
  const making = makingOf(going, built);
  const {release: {createdAt}} = making;
  return makeRelease(deps, {
    ...making,
    // Before the commit: a release whose source is lost could never be built again, and what is to be run after it would never be.
    prepare: async (number, until) => {
      await keepSource({gitdir, env, commit, number, keep: built.inputs.keepReleases}, until);
      if (built.first?.postdeploy !== undefined) await deps.postdeploys.add({app, createdAt, script: built.first.postdeploy, by});
    },
  }, signal);
}

/** Instead of making it: it is deployed when others have approved and merged it. @throws {ReleaseRefused} when it can't be made */
export async function propose(going: CommitDeploy, built: Built, signal: AbortSignal): Promise<{readonly number: number; readonly proposal: ProposalDetails}> {
  const {order: {by, user = '', gitdir, env, commit}, deps} = going;
  const postdeploy = built.first?.postdeploy;
  await keepProposed({gitdir, env, commit}, signal);
  return proposeRelease(deps, makingOf(going, built), {who: {user, name: by.name, email: by.email}, ...(postdeploy !== undefined && {postdeploy})}, signal);
}

function makingOf({order: {app, commit, folder, by}}: CommitDeploy, {image, inputs, registered, first}: Built): Making {
  return {
    app,
    release: {
      image: image.image,
      ...registered,
      source: {commit, ...(folder !== undefined && {path: folder}), builder: image.builder, ...(image.buildpacks !== undefined && {buildpacks: image.buildpacks})},
      services: Object.fromEntries(Object.entries(image.commands).map(([service, command]) => [service, {command}])),
      pushedBy: by.name,
      createdAt: new Date().toISOString(),
    },
    keep: inputs.keepReleases,
    author: by,
    subject: commit.slice(0, 8),
    trailers: [`Flynn-Source: ${commit}`],
    // What it wrote is kept should the release fail: it is not written again, and secrets stay what they were.
    ...(first && {alongside: {edit: first.edit(Object.keys(image.commands)), undo: () => ({})}}),
  };
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
