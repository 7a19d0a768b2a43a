import type {CommitId} from '../../schemas/ids.ts';
import type {BuiltImage} from '../build/build.ts';
import type {BuildOrder, BuildService} from '../builds/service.ts';
import type {BuildWork} from '../builds/open-build.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {buildInputs, rebuildInputs, type BuildInputs} from './build-inputs.ts';
import {archive} from './source.ts';
import {submodulesOf} from './submodules.ts';
import {hasLfsFromAbove, PROJECT_PATH, subtreeCommit} from './subtree.ts';

/** Where the source of a commit is. */
export interface SourceOf {
  readonly commit: CommitId;
  /** Of the repository: the folder that is the app. Absent: all of it. */
  readonly folder?: string;
  readonly gitdir: string;
  /** Where git finds the objects of a push that is not accepted yet. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Builds a commit that is in a repository on this disk, as the cluster repository says today, and releases nothing. It is written down,
 * waits for its turn, and can be cancelled, as every build.
 *
 * @throws {ReleaseRefused} when there is no image, with the reason; the signal's reason when it was aborted
 */
export async function buildCommit({repo, builds}: {repo: Pick<FollowedRepo, 'snapshot'>; builds: BuildService}, order: BuildOrder & Pick<SourceOf, 'gitdir' | 'folder'>, signal: AbortSignal): Promise<BuiltImage> {
  return builds.conduct(order, async (build) => {
    const snapshot = await repo.snapshot(build.signal);
    const inputs = await (order.origin === 'rebuild' ? rebuildInputs(order, snapshot, build.signal) : buildInputs(order.app, snapshot, build.signal));
    return build.build(await workOf({...order, env: {}}, inputs, build.signal));
  }, signal);
}

/** Whose files are the app's. @throws {ReleaseRefused} when it is to be built from a folder that the commit does not have */
export async function sourceCommit(source: SourceOf, {env, buildpacks = []}: Pick<BuildInputs, 'env' | 'buildpacks'>, signal: AbortSignal): Promise<string> {
  const project = projectPath({env, buildpacks});
  const commit = source.folder === undefined ? source.commit : await subtreeCommit(source, {name: 'source.path', folder: source.folder}, signal);
  return project === undefined ? commit : subtreeCommit({...source, commit}, {name: PROJECT_PATH, folder: project}, signal);
}

function projectPath({env, buildpacks = []}: Pick<BuildInputs, 'env' | 'buildpacks'>): string | undefined {
  // Buildpacks that do it (timanovsky/subdir-heroku-buildpack, and what was made of it) look for the folder themselves.
  const isLeftToBuildpack = [...buildpacks, env['BUILDPACK_URL'] ?? ''].some((name) => /subdir/i.test(name));
  return isLeftToBuildpack ? undefined : env[PROJECT_PATH];
}

/** @throws {ReleaseRefused} when the app is to be built from a folder that the commit does not have */
export async function workOf(source: SourceOf, {build, buildpacks, env, limits, buildsAtOnce}: BuildInputs, signal: AbortSignal): Promise<BuildWork> {
  const said = {env, ...(buildpacks !== undefined && {buildpacks})};
  const commit = await sourceCommit(source, said, signal);
  const hasLfs = await hasLfsFromAbove(source, `${source.folder ?? ''}/${projectPath(said) ?? ''}`, signal);
  const submodules = await submodulesOf({...source, commit, root: source.commit}, signal);
  return {...(build !== undefined && {build}), ...(buildpacks !== undefined && {buildpacks}), env, limits, atOnce: buildsAtOnce, ...(hasLfs && {hasLfs}), ...(submodules !== undefined && {submodules}), source: (until) => archive({gitdir: source.gitdir, commit, env: source.env}, until)};
}

