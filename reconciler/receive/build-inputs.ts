import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {releaseNumberOf} from '../../schemas/release.ts';
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
  readonly buildsAtOnce: number;
  readonly keepReleases: number;
  /** Limit for a whole deploy. */
  readonly deployTimeoutMs: number;
  /** In app.yaml; the Procfile may have another. */
  readonly hasReleaseCommand: boolean;
  /** Absent: main and master. */
  readonly deployBranch?: string;
  /** Absent: nothing was released yet. */
  readonly current?: {readonly number: number; /** Absent: it was not built here. */ readonly sourceCommit?: string; readonly createdAt: string};
}

/** @throws {ReleaseRefused} when the manifests are wrong: a release could not be made to run */
export async function buildInputs(app: AppName, snapshot: Snapshot, signal: AbortSignal): Promise<BuildInputs> {
  const piece = snapshot.apps.find(({name}) => name === app);
  if (piece === undefined) throw new ReleaseRefused(`there is no app "${app}" in the cluster repository. Make it with: flynn create ${app}`);
  const files = await piece.files(signal);
  const cluster = resolveCluster(await snapshot.shared.files(signal));
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
    ...(manifest.value.deployBranch === undefined ? {} : {deployBranch: manifest.value.deployBranch}),
    ...(current === undefined ? {} : {current}),
  };
}

/** Undefined also when it can't be read: then the push replaces it. */
function currentRelease(app: AppName, files: readonly ManifestFile[]): BuildInputs['current'] {
  const folder = `apps/${app}/releases/`;
  const numbered = files.flatMap(({path}) => {
    const number = path.startsWith(folder) ? releaseNumberOf(path.slice(folder.length)) : undefined;
    return number === undefined ? [] : [{path, number}];
  });
  const highest = numbered.toSorted((one, other) => other.number - one.number)[0];
  if (highest === undefined) return undefined;
  const release = loadManifest('Release', highest.path, textOf(files, highest.path));
  if (!release.ok) return undefined;
  const {source: {commit}, createdAt} = release.value;
  return {number: highest.number, createdAt, ...(commit === undefined ? {} : {sourceCommit: commit})};
}

function textOf(files: readonly ManifestFile[], path: string): string {
  const file = files.find((one) => one.path === path);
  return file?.kind === 'text' ? file.text : '';
}
