import type {AppName, CommitId} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import type {ReleaseManifest} from '../../schemas/release.ts';
import {sealedValues} from '../../schemas/secrets.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import {configChanges, describeChanges, withConfigOf, type Configured} from '../commits/config.ts';
import {releaseFile, SECRETS_FILE} from '../commits/edits.ts';
import {restoreConfig, type ConfigThen} from '../commits/restore-config.ts';
import {appNow, type AppNow} from './app-now.ts';
import {describeRelease} from './describe.ts';
import type {Making} from './make.ts';
import {pastReleases, type PastRelease} from './past.ts';
import type {RollbackPreview, RollbackWish} from './releases.ts';

export interface RollbackDeps {
  readonly repo: FollowedRepo;
  isImageHere(app: AppName, image: string, signal: AbortSignal): Promise<boolean>;
  /** Whether this node has pushed it to the cluster's registry. */
  isInRegistry(app: AppName, image: string): boolean;
  /** Whether the source of a release is still there, so that its image can be built again. */
  isSourceHere(app: AppName, commit: string, signal: AbortSignal): Promise<boolean>;
  /** Keeps the source of a release from now on, where it is still there. */
  keepSource(source: {readonly app: AppName; readonly commit: string; readonly number: number; readonly keep: number}, signal: AbortSignal): Promise<void>;
  /** The release that serves, when it is another one than the current one. */
  servingRelease(app: AppName): number | undefined;
}

export interface PlannedRollback {
  readonly preview: RollbackPreview;
  readonly deployTimeoutMs: number;
  /** All that is left to be said is by whom and when. */
  readonly making: Omit<Making, 'author' | 'release'> & {readonly release: Omit<Making['release'], 'pushedBy' | 'createdAt'>};
}

/** @throws {EditRefused} when it can't be made, with the reason */
export async function planRollback(deps: RollbackDeps, app: AppName, wish: RollbackWish, signal: AbortSignal): Promise<PlannedRollback> {
  const {repo} = deps;
  const now = await appNow(app, repo, signal);
  const {current} = now;
  if (current === undefined) throw new EditRefused(`⬢ ${app} has no release yet`);
  if (wish.from !== undefined && wish.from !== current) throw new EditRefused(`v${current} was released meanwhile, the rollback was asked for on v${wish.from}: look again`);
  const past = pastReleases(app, await repo.history(app, signal));
  const target = chooseTarget(past, {to: wish.to, current, serving: deps.servingRelease(app)});
  const manifest = await releaseAt(repo, app, target, signal);
  const isImageHere = await deps.isImageHere(app, manifest.image, signal);
  if (!isImageHere && !await canBeHad(deps, app, manifest, signal)) throw new EditRefused(imageGone(app, target, manifest));
  const then = wish.isCodeOnly ? undefined : await configThen(repo, app, {target, manifest}, signal);
  const {image, registry, source, services} = manifest;
  const {commit} = source;
  return {
    preview: {from: current, to: target.number, description: describeRelease(manifest), image, isImageHere, changes: then === undefined ? [] : changesFrom(now, then)},
    deployTimeoutMs: now.deployTimeoutMs + (isImageHere ? 0 : now.buildTimeMs),
    making: {
      app,
      release: {image, ...(registry !== undefined && {registry}), source, services, ...repeating(target, manifest)},
      keep: now.keepReleases,
      subject: `rollback to v${target.number}`,
      trailers: [`Flynn-Rollback: v${target.number}`],
      ...(commit === undefined ? {} : {prepare: (number, until) => deps.keepSource({app, commit, number, keep: now.keepReleases}, until)}),
      alongside: restoreConfig(app, {from: current, ...(then === undefined ? {} : {then})}),
    },
  };
}

/** The configuration as it was when this release was last the current one. */
async function configThen(repo: FollowedRepo, app: AppName, {target, manifest}: {target: PastRelease; manifest: ReleaseManifest}, signal: AbortSignal): Promise<ConfigThen> {
  const {at, called} = lastOf(app, target);
  const configured = await configuredAt(repo, called, {at, release: manifest}, signal);
  if (configured === undefined) throw new EditRefused(`the app.yaml of that time (commit ${at.slice(0, 8)}) can't be read by this version: roll back the code alone with --code-only`);
  const secrets = await repo.textAt(at, `apps/${called}/${SECRETS_FILE}`, signal);
  return {...configured, ...(secrets === undefined ? {} : {secrets})};
}

/** The last commit after which it was the current one, else the one that brought it; and what the app was called then. */
export function lastOf(app: AppName, {lastCurrent, lastCalled, commit, called}: PastRelease): {readonly at: CommitId; readonly called: AppName} {
  return lastCurrent === undefined ? {at: commit, called: called ?? app} : {at: lastCurrent, called: lastCalled ?? app};
}

/** Undefined: app.yaml is missing there, or not one that can be read now. */
export async function configuredAt(repo: FollowedRepo, app: AppName, {at, release}: {at: CommitId; release: ReleaseManifest}, signal: AbortSignal): Promise<Configured | undefined> {
  const file = `apps/${app}/app.yaml`;
  const text = await repo.textAt(at, file, signal);
  const loaded = text === undefined ? undefined : loadManifest('App', file, text);
  return loaded?.ok === true ? {manifest: loaded.value, releasedServices: Object.keys(release.services)} : undefined;
}

/** @throws {EditRefused} when its manifest can't be read */
export async function releaseAt(repo: FollowedRepo, app: AppName, {number, commit, called = app}: PastRelease, signal: AbortSignal): Promise<ReleaseManifest> {
  const file = releaseFile(called, number);
  const loaded = loadManifest('Release', file, await repo.textAt(commit, file, signal) ?? '');
  if (!loaded.ok) throw new EditRefused(`${file} of commit ${commit.slice(0, 8)} can't be read by this version`);
  return loaded.value;
}

function chooseTarget(past: readonly PastRelease[], {to, current, serving}: {to: number | undefined; current: number; serving: number | undefined}): PastRelease {
  if (to === current) throw new EditRefused(`v${to} is the current release already`);
  const target = to === undefined ? past.find(({number, fate}) => number < current && (serving === undefined ? fate.kind === 'kept' || fate.kind === 'old' : number === serving)) : past.find(({number}) => number === to);
  if (target === undefined) throw new EditRefused(to === undefined ? `there is no release before v${current} to go back to` : `there never was a release v${to}`);
  if (target.fate.kind === 'failed') throw new EditRefused(`v${target.number} never served: ${target.fate.cause}`);
  return target;
}

/** A repetition of a repetition is one of the first: where its containers still run, they are the wanted ones. People see what was asked for. */
function repeating({number}: PastRelease, {rollbackOf}: ReleaseManifest): Pick<ReleaseManifest, 'rollbackOf' | 'description'> {
  return rollbackOf === undefined ? {rollbackOf: number} : {rollbackOf, description: `Rollback to v${number}`};
}

/** What is in a registry may be gone from there, too; then it is built. */
async function canBeHad({isInRegistry, isSourceHere}: RollbackDeps, app: AppName, {image, registry, source: {commit}}: ReleaseManifest, signal: AbortSignal): Promise<boolean> {
  return registry !== undefined || isInRegistry(app, image) || commit !== undefined && isSourceHere(app, commit, signal);
}

function imageGone(app: AppName, {number}: PastRelease, {image, source}: ReleaseManifest): string {
  const what = `the image of v${number} (${image.slice(7, 19)}) is not on this node any more`;
  if (source.commit === undefined) return `${what}. To go back all the same, deploy it again: flynn deploy --image ${source.image ?? image} -a ${app}`;
  return `${what}, and neither is its source ${source.commit.slice(0, 8)}. To go back all the same, push that: git push --force flynn ${source.commit.slice(0, 8)}:main`;
}

function changesFrom(now: AppNow, then: ConfigThen): readonly string[] {
  const today: Configured = {manifest: now.manifest, releasedServices: Object.keys(now.release?.services ?? {})};
  return [...describeChanges(configChanges(now.manifest, withConfigOf(today, then))), ...secretChanges(sealedBy(now.secrets), sealedBy(then.secrets))];
}

/** By name: a secret that was only sealed anew looks changed too, for nothing is opened here. */
function secretChanges(from: ReadonlyMap<string, string>, to: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...from.keys(), ...to.keys()])].toSorted().flatMap((name) => {
    if (from.get(name) === to.get(name)) return [];
    return [`${name} ${!to.has(name) ? 'removed' : from.has(name) ? 'changed' : 'added'}`];
  });
}

function sealedBy(text: string | undefined): ReadonlyMap<string, string> {
  const loaded = text === undefined ? undefined : loadManifest('Secrets', SECRETS_FILE, text);
  if (loaded?.ok !== true) return new Map(text === undefined ? [] : [[SECRETS_FILE, text]]);
  return new Map(sealedValues(loaded.value).map(({path, value}) => [`secret ${path.join('.')}`, value]));
}
