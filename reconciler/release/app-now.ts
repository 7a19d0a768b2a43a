import {DEPLOY_TIMEOUT_SECONDS_DEFAULT, type AppManifest} from '../../schemas/app.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import type {ReleaseManifest} from '../../schemas/release.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {EditRefused, type ManifestFile} from '../checkout/snapshot.ts';
import {releaseFile, releaseNumbers, SECRETS_FILE} from '../commits/edits.ts';
import {resolveCluster} from '../desired/cluster.ts';

/** What git says of an app today, as far as making a release of it goes. */
export interface AppNow {
  readonly manifest: AppManifest;
  /** The text of its secrets.yaml. */
  readonly secrets?: string;
  /** Absent: nothing was released yet, or the file can't be read. */
  readonly release?: ReleaseManifest;
  /** Number of the current release; absent: none. */
  readonly current?: number;
  /** Release files that are kept. */
  readonly keepReleases: number;
  readonly deployTimeoutMs: number;
  /** Limit for one build. */
  readonly buildTimeMs: number;
}

/** @throws {EditRefused} when there is no such app, or the manifests are wrong: a release could not be made to run */
export async function appNow(app: AppName, repo: Pick<FollowedRepo, 'snapshot'>, signal: AbortSignal): Promise<AppNow> {
  const snapshot = await repo.snapshot(signal);
  const piece = snapshot.apps.find(({name}) => name === app);
  if (piece === undefined) throw new EditRefused(`there is no app "${app}"`);
  const files = await piece.files(signal);
  const cluster = resolveCluster(await snapshot.shared.files(signal));
  const manifest = loadManifest('App', `apps/${app}/app.yaml`, textOf(files, `apps/${app}/app.yaml`) ?? '');
  if (!cluster.ok || !manifest.ok) {
    const problems = [...(cluster.ok ? [] : cluster.problem), ...(manifest.ok ? [] : manifest.problem)];
    throw new EditRefused(`the manifests have to be put right first:\n${problems.map(formatDiagnostic).join('\n')}`);
  }
  const folder = `apps/${app}/releases/`;
  const [current] = releaseNumbers(files.flatMap(({path}) => (path.startsWith(folder) ? [path.slice(folder.length)] : [])));
  const release = current === undefined ? undefined : loadManifest('Release', releaseFile(app, current), textOf(files, releaseFile(app, current)) ?? '');
  const secrets = textOf(files, `apps/${app}/${SECRETS_FILE}`);
  return {
    manifest: manifest.value,
    ...(secrets === undefined ? {} : {secrets}),
    ...(current === undefined ? {} : {current}),
    ...(release?.ok === true ? {release: release.value} : {}),
    keepReleases: cluster.value.keep.releases,
    buildTimeMs: cluster.value.builds.timeMs,
    deployTimeoutMs: (manifest.value.deployTimeoutSeconds ?? DEPLOY_TIMEOUT_SECONDS_DEFAULT) * 1000,
  };
}

function textOf(files: readonly ManifestFile[], path: string): string | undefined {
  const file = files.find((one) => one.path === path);
  return file?.kind === 'text' ? file.text : undefined;
}
