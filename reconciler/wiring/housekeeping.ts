import {rm, readdir, stat} from 'node:fs/promises';
import path from 'node:path';
import type Docker from 'dockerode';
import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import {diskUsage, engineFolder, fullestDisk, listVolumes, removeVolume, type DiskUsage} from '../adapters/docker-disk.ts';
import {anySignal} from '../any-signal.ts';
import type {AppIds} from '../app-ids.ts';
import type {World} from '../apply/executors.ts';
import {hasRecords, recordBytes, removeRecords} from '../build/buildkit-cache.ts';
import {removeBuildLayers} from '../build/layers-made.ts';
import {packageImagesOf} from '../build/packages.ts';
import {mutex} from '../mutex.ts';
import {LABEL_INSTANCE, LABEL_ROLE} from '../labels.ts';
import type {Layout} from '../layout.ts';
import type {PassReport} from '../loop.ts';
import type {Garbage} from '../node.ts';
import {ClutterObserver} from '../observed/clutter.ts';
import type {Clutter} from '../observed/state.ts';
import {actionKey, type Action} from '../plan/action.ts';
import {planHousekeeping} from '../plan/housekeeping.ts';

/** How long what somebody asked to be collected may take, in milliseconds; the rest goes when its time has come. */
const COLLECT_MS_MAX = 60_000;

export interface HousekeeperOptions {
  readonly docker: Docker;
  readonly instance: string;
  readonly layout: Layout;
  minFreeBytes(): number;
  isBuilding(id: string): boolean;
  readonly ids: AppIds;
  /** Images of proposed releases. Undefined: it can't be known at present. */
  proposedImages(): ReadonlyMap<AppName, readonly ImageDigest[]> | undefined;
  /** Asks for a pass. */
  wake(): void;
}

/** What is left on this node's disk: looked at for the pass, measured for people, and collected at once when they ask. */
export class Housekeeper {
  readonly #options: HousekeeperOptions;
  readonly #observer: ClutterObserver;
  readonly #listeners = new Set<(report: PassReport) => void>();
  #last: NonNullable<PassReport['seen']> | undefined;
  #collect: Clutter['collect'];
  /** A pass collects for one at a time: the first who is done would take away what the others wait for. */
  readonly #inTurn = mutex();
  #folders: readonly string[] | undefined;

  constructor(options: HousekeeperOptions) {
    this.#options = options;
    const {docker, instance, layout, minFreeBytes, isBuilding} = options;
    const labels = [`${LABEL_INSTANCE}=${instance}`, `${LABEL_ROLE}=build`];
    this.#observer = new ClutterObserver({
      builds: layout.builds, minFreeBytes, isBuilding,
      caches: (signal) => listVolumes(docker, labels, signal),
      isKeptByBuildkit: (app) => hasRecords(path.join(layout.builds, app)),
      packageImages: (signal) => packageImagesOf(docker, instance, signal),
      disk: async () => fullestDisk(this.#folders ?? [layout.root]),
    });
  }

  /** For the pass. */
  async look(nowMs: number, signal: AbortSignal): Promise<Clutter> {
    this.#folders ??= [await engineFolder(this.#options.docker, signal), this.#options.layout.root];
    const seen = await this.#observer.look(nowMs, signal);
    const proposed = this.#options.proposedImages();
    return {...this.#named(seen), ...(proposed?.size !== 0 && {proposed: proposed ?? 'unknown'}), ...(this.#collect && {collect: this.#collect})};
  }

  /** What is of nobody who can be named stays. */
  #named({caches, buildLogs, ...seen}: Omit<Clutter, 'collect'>): Omit<Clutter, 'collect'> {
    const named = <Left extends {readonly app: AppName}>(left: Left): readonly Left[] => {
      const app = this.#options.ids.nameOf(left.app);
      return app === undefined ? [] : [{...left, app}];
    };
    return {...seen, caches: caches.flatMap(named), buildLogs: buildLogs.flatMap(named)};
  }

  #buildsOf(app: AppName): string {
    return path.join(this.#options.layout.builds, this.#options.ids.idOf(app));
  }

  /** What the pass does to what was seen. */
  get leftovers(): World['leftovers'] {
    const {docker} = this.#options;
    return {
      removeCache: async ({app, volume}, signal) => {
        try {
          await removeRecords(docker, this.#buildsOf(app), signal);
          if (volume !== undefined) await removeVolume(docker, volume, signal);
        } finally {
          this.#observer.invalidate();
        }
      },
      removeBuildLogs: async (app, signal) => {
        const folder = this.#buildsOf(app);
        await removeBuildLayers(docker, folder, signal);
        await removeRecords(docker, folder, signal);
        await rm(folder, {recursive: true, force: true});
        this.#observer.invalidate();
      },
    };
  }

  /** In words, while the disk is nearly full. */
  diskProblem(): string | undefined {
    const disk = this.#observer.disk;
    if (disk?.isLow !== true) return undefined;
    return `only ${formatBytes(disk.freeBytes)} of ${formatBytes(disk.totalBytes)} are free on the disk of ${disk.folder}, and builds need ${formatBytes(disk.minFreeBytes)}: flynn gc --dry-run`;
  }

  /** Hears of each pass. */
  onPass(report: PassReport): void {
    if (report.seen !== undefined) this.#last = report.seen;
    for (const listener of this.#listeners) listener(report);
  }

  /** What could go now, the largest first. Changes nothing. */
  async garbage(collect: NonNullable<Clutter['collect']>, signal: AbortSignal): Promise<readonly Garbage[]> {
    const [seen, usage] = await Promise.all([this.#freshLook(signal), diskUsage(this.#options.docker, signal)]);
    const items = await Promise.all(collectable(seen, collect).map((action) => this.#measured(action, usage, signal)));
    return items.filter((item) => item !== undefined).toSorted((a, b) => b.bytes - a.bytes);
  }

  /** Lets it go. Resolves to what is gone, when all is, or after a limit. */
  collect(what: NonNullable<Clutter['collect']>, signal: AbortSignal): Promise<readonly Garbage[]> {
    return this.#inTurn(() => this.#collectAlone(what, signal), signal);
  }

  async #collectAlone(what: NonNullable<Clutter['collect']>, signal: AbortSignal): Promise<readonly Garbage[]> {
    const before = await this.garbage(what, signal);
    const limit = anySignal([signal, AbortSignal.timeout(COLLECT_MS_MAX)]);
    this.#collect = what;
    this.#observer.invalidate();
    try {
      await this.#untilCollected(what, limit);
    } finally {
      this.#collect = undefined;
    }
    const left = new Set(collectable(this.#last, what).map(actionKey));
    return before.filter(({key}) => !left.has(key));
  }

  /** What a pass sees that begins from now on, and that looks at everything. */
  #freshLook(signal: AbortSignal): Promise<NonNullable<PassReport['seen']>> {
    const {promise, resolve, reject} = Promise.withResolvers<NonNullable<PassReport['seen']>>();
    const fromMs = Date.now();
    const listener = ({seen, startedAtMs}: PassReport) => {
      if (seen !== undefined && startedAtMs >= fromMs) resolve(seen);
    };
    signal.addEventListener('abort', () => reject(signal.reason as Error), {once: true});
    this.#listeners.add(listener);
    this.#observer.invalidate();
    this.#options.wake();
    return promise.finally(() => this.#listeners.delete(listener));
  }

  /** Resolves also when the signal is aborted: what is left is seen afterwards. */
  #untilCollected(what: NonNullable<Clutter['collect']>, signal: AbortSignal): Promise<void> {
    const {promise, resolve} = Promise.withResolvers<void>();
    const listener = ({seen}: PassReport) => {
      // A pass that began before the question was asked says nothing of it.
      if (seen?.observed.clutter.collect !== what) return;
      const isBusy = [...seen.observed.operations].some((key) => /^(image|cache|build-logs) /.test(key));
      if (!isBusy && collectable(seen, what).length === 0) resolve();
    };
    signal.addEventListener('abort', () => resolve(), {once: true});
    this.#listeners.add(listener);
    this.#options.wake();
    return promise.finally(() => this.#listeners.delete(listener));
  }

  async #measured(action: Action, {images, volumes}: DiskUsage, signal: AbortSignal): Promise<Garbage | undefined> {
    const base = {key: actionKey(action), reason: action.reason, ...(action.app !== undefined && {app: action.app})};
    switch (action.kind) {
      case 'remove-image': return {...base, kind: 'image', subject: action.image.slice(7, 19), bytes: images.get(action.image) ?? 0};
      case 'remove-cache': return {...base, kind: 'build cache', subject: action.volume ?? action.app, bytes: (volumes.get(action.volume ?? '') ?? 0) + await recordBytes(this.#options.docker, this.#buildsOf(action.app), signal)};
      case 'remove-build-logs': return {...base, kind: 'build logs', subject: action.app, bytes: await bytesIn(this.#buildsOf(action.app))};
      default: return undefined;
    }
  }
}

function collectable(seen: PassReport['seen'], collect: NonNullable<Clutter['collect']>): readonly Action[] {
  if (seen === undefined) return [];
  const {desired, observed} = seen;
  // What is being removed right now is not there any more for those who count.
  return planHousekeeping(desired, {...observed, clutter: {...observed.clutter, collect}}).actions;
}

async function bytesIn(folder: string): Promise<number> {
  const sizes = await Promise.all((await readdir(folder).catch((): string[] => [])).map(async (name) => (await stat(path.join(folder, name)).catch(() => undefined))?.size ?? 0));
  return sizes.reduce((sum, size) => sum + size, 0);
}
