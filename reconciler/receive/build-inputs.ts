import {pinnedBuildpack} from '../../schemas/buildpacks.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {BuildManifest} from '../../schemas/build.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {releaseNumberOf, type ReleaseManifest} from '../../schemas/release.ts';
import {areReleasesReviewed} from '../access/protected.ts';
import type {BuildLimits} from '../build/build.ts';
import type {ManifestFile, Snapshot} from '../checkout/snapshot.ts';
import {deployTimeoutMs} from '../desired/app.ts';
import {buildLimits, resolveCluster} from '../desired/cluster.ts';
import {ReleaseRefused} from '../release/refused.ts';

/** What the cluster repository says about building and releasing an app. */
export interface BuildInputs {
  /** Absent: app.yaml says nothing. */
  readonly buildpacks?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly limits: BuildLimits;
  /** What app.yaml says of its Dockerfile. */
  readonly build?: BuildManifest;
  readonly buildsAtOnce: number;
  readonly keepReleases: number;
  /** Limit for a whole deploy. */
  readonly deployTimeoutMs: number;
  /** In app.yaml; the Procfile may have another. */
  readonly hasReleaseCommand: boolean;
  /** Absent: main and master. */
  readonly deployBranch?: string;
  /** A release is proposed, and not made. */
  readonly isReviewed: boolean;
  /** Git has no release of it. */
  readonly isFirst: boolean;
  /** Absent: nothing was released yet. */
  readonly current?: {readonly number: number; /** Absent: it was not built here. */ readonly sourceCommit?: string; readonly folder?: string; readonly createdAt: string};
}

/** @throws {ReleaseRefused} when the manifests are wrong: a release could not be made to run */
export async function buildInputs(app: AppName, snapshot: Snapshot, signal: AbortSignal): Promise<BuildInputs> {
  const piece = snapshot.apps.find(({name}) => name === app);
  if (piece === undefined) throw new ReleaseRefused(`there is no app "${app}" in the cluster repository. Make it with: flynn create ${app}`);
  const files = await piece.files(signal);
  const shared = await snapshot.shared.files(signal);
  const cluster = resolveCluster(shared);
  const manifest = loadManifest('App', `apps/${app}/app.yaml`, textOf(files, `apps/${app}/app.yaml`));
  const problems = [...(cluster.ok ? [] : cluster.problem), ...(manifest.ok ? [] : manifest.problem)];
  if (!cluster.ok || !manifest.ok) throw new ReleaseRefused('the manifests have to be put right first', problems.map(formatDiagnostic));
  const current = currentRelease(app, files);
  const {buildpacks} = manifest.value;
  return {
    ...(buildpacks !== undefined && {buildpacks}),
    env: manifest.value.env ?? {},
    limits: buildLimits(cluster.value),
    buildsAtOnce: cluster.value.builds.concurrent,
    keepReleases: cluster.value.keep.releases,
    deployTimeoutMs: deployTimeoutMs(manifest.value),
    hasReleaseCommand: manifest.value.release !== undefined,
    ...(manifest.value.build === undefined ? {} : {build: manifest.value.build}),
    ...(manifest.value.deployBranch === undefined ? {} : {deployBranch: manifest.value.deployBranch}),
    isReviewed: areReleasesReviewed(app, (path) => [...files, ...shared].flatMap((file) => (file.path === path && file.kind === 'text' ? [file.text] : []))[0]),
    isFirst: releasesOf(app, files).length === 0,
    ...(current === undefined ? {} : {current}),
  };
}

/** As `buildInputs`, but with exactly those buildpacks that a release of this commit was built with, whatever is said today. */
export async function rebuildInputs({app, commit}: {readonly app: AppName; readonly commit: string}, snapshot: Snapshot, signal: AbortSignal): Promise<BuildInputs> {
  const inputs = await buildInputs(app, snapshot, signal);
  const files = await snapshot.apps.find(({name}) => name === app)?.files(signal) ?? [];
  const made = releasesOf(app, files).find(({release}) => release?.source.commit === commit);
  const buildpacks = made?.release?.source.buildpacks?.map(pinnedBuildpack);
  return buildpacks === undefined ? inputs : {...inputs, buildpacks};
}

/** Undefined also when it can't be read: then the push replaces it. */
function currentRelease(app: AppName, files: readonly ManifestFile[]): BuildInputs['current'] {
  const {number, release} = releasesOf(app, files)[0] ?? {};
  if (number === undefined || release === undefined) return undefined;
  const {source: {commit, path}, createdAt} = release;
  return {number, createdAt, ...(path === undefined ? {} : {folder: path}), ...(commit === undefined ? {} : {sourceCommit: commit})};
}

/** The newest first; without a manifest where it can't be read. */
function releasesOf(app: AppName, files: readonly ManifestFile[]): readonly {readonly number: number; readonly release: ReleaseManifest | undefined}[] {
  const folder = `apps/${app}/releases/`;
  return files.flatMap(({path}) => {
    const number = path.startsWith(folder) ? releaseNumberOf(path.slice(folder.length)) : undefined;
    if (number === undefined) return [];
    const loaded = loadManifest('Release', path, textOf(files, path));
    return [{number, release: loaded.ok ? loaded.value : undefined}];
  }).toSorted((one, other) => other.number - one.number);
}

function textOf(files: readonly ManifestFile[], path: string): string {
  const file = files.find((one) => one.path === path);
  return file?.kind === 'text' ? file.text : '';
}
