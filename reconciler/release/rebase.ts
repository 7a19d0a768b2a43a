import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import type {Result} from '../../schemas/result.ts';
import type {FollowedRepo} from '../checkout/repo.ts';
import {EditRefused} from '../checkout/snapshot.ts';
import {appNow} from './app-now.ts';
import type {Making} from './make.ts';
import {published, type ReleaseRegistry} from './publish.ts';
import {ReleaseRefused} from './refused.ts';
import type {RebasePreview} from './releases.ts';

export interface RebaseDeps {
  readonly repo: FollowedRepo;
  /** See `build/rebase.ts`. */
  standingOf(app: AppName, image: string, signal: AbortSignal): Promise<{readonly state: 'current' | 'outdated'} | {readonly state: 'fixed'; readonly reason: string}>;
  rebaseImage(request: {readonly app: AppName; readonly image: string; print(line: string): void}, signal: AbortSignal): Promise<Result<ImageDigest, {readonly reason: string}>>;
  readonly registry: ReleaseRegistry;
  /** See `RollbackDeps`. */
  keepSource(source: {readonly app: AppName; readonly commit: string; readonly number: number; readonly keep: number}, signal: AbortSignal): Promise<void>;
}

/** Whether an app's current release stands on the run image of today, and whether it could. @throws {EditRefused} when there is no such app */
export async function rebasePreview({repo, standingOf}: RebaseDeps, app: AppName, signal: AbortSignal): Promise<RebasePreview> {
  const {release, current} = await appNow(app, repo, signal);
  if (release === undefined || current === undefined) return {app, state: 'fixed', reason: 'it has no release yet'};
  const {image, source} = release;
  if (source.commit === undefined) return {app, release: current, state: 'fixed', reason: `its image ${source.image ?? ''} was built elsewhere: deploy a newer one`};
  if (source.builder === 'Dockerfile') return {app, release: current, state: 'fixed', reason: 'its Dockerfile says what it stands on: push it once more'};
  return {app, release: current, ...await standingOf(app, image, signal)};
}

/** @throws {EditRefused} when there is nothing to be done, with the reason; {ReleaseRefused} when it can't be done */
export async function planRebase(deps: RebaseDeps, app: AppName, print: (line: string) => void, signal: AbortSignal): Promise<{making: Omit<Making, 'author' | 'release'> & {release: Omit<Making['release'], 'pushedBy' | 'createdAt'>}; deployTimeoutMs: number}> {
  const preview = await rebasePreview(deps, app, signal);
  if (preview.state === 'fixed') throw new EditRefused(`⬢ ${app} can't be rebased: ${preview.reason}`);
  if (preview.state === 'current') throw new EditRefused(`⬢ ${app} v${preview.release} stands on the newest run image already`);
  const {release, current, keepReleases: keep, deployTimeoutMs} = await appNow(app, deps.repo, signal);
  if (release === undefined || current !== preview.release) throw new EditRefused(`another release of ⬢ ${app} was made meanwhile: try again`);
  const made = await deps.rebaseImage({app, image: release.image, print}, signal);
  if (!made.ok) throw new ReleaseRefused(made.problem.reason);
  const {source, services} = release;
  const registered = await published(deps.registry, {app, image: made.value, print}, signal);
  const {commit} = source;
  return {
    deployTimeoutMs,
    making: {
      app,
      release: {image: made.value, ...registered, source, services, description: `Rebase of v${current}`},
      keep,
      subject: `rebase of v${current}`,
      trailers: [`Flynn-Rebase: v${current}`],
      ...(commit === undefined ? {} : {prepare: (number, until) => deps.keepSource({app, commit, number, keep}, until)}),
    },
  };
}
