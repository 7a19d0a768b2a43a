import {readdir, stat} from 'node:fs/promises';
import path from 'node:path';
import type {AppName} from '../../schemas/ids.ts';
import type {FreeDisk, VolumeRecord} from '../adapters/docker-disk.ts';
import {LABEL_APP} from '../labels.ts';
import type {Clutter} from './state.ts';

/** What builds leave changes with builds only: it is looked at this often, in milliseconds, and when somebody asks for it. */
const LOOK_MS = 60_000;
/** A disk that was nearly full is so until this many times of what has to be free is free, so that nobody is told again and again. */
const ENOUGH = 1.1;

export interface ClutterOptions {
  /** Folder of the logs of builds, one folder an app. */
  readonly builds: string;
  caches(signal: AbortSignal): Promise<readonly VolumeRecord[]>;
  /** Whether BuildKit keeps something for builds of this app. */
  isKeptByBuildkit(app: AppName): Promise<boolean>;
  packageImages(signal: AbortSignal): Promise<Clutter['packageImages']>;
  disk(): Promise<FreeDisk>;
  minFreeBytes(): number;
  isBuilding(app: string): boolean;
}

/** Looks at what builds and apps that are gone left on the disk. */
export class ClutterObserver {
  readonly #options: ClutterOptions;
  #seen: Omit<Clutter, 'collect' | 'isDiskLow'> | undefined;
  #seenAtMs = 0;
  /** Something may have changed since the last look began: what it saw does not count for the next one. */
  #isStale = true;
  #disk: FreeDisk | undefined;
  #isDiskLow = false;

  constructor(options: ClutterOptions) {
    this.#options = options;
  }

  /** As last seen; undefined before the first look. */
  get disk(): (FreeDisk & {readonly isLow: boolean; readonly minFreeBytes: number}) | undefined {
    return this.#disk && {...this.#disk, isLow: this.#isDiskLow, minFreeBytes: this.#options.minFreeBytes()};
  }

  /** The next look is at everything. */
  invalidate(): void {
    this.#isStale = true;
  }

  async look(nowMs: number, signal: AbortSignal): Promise<Omit<Clutter, 'collect'>> {
    const {isBuilding, disk, minFreeBytes} = this.#options;
    this.#disk = await disk();
    this.#isDiskLow = this.#disk.freeBytes < minFreeBytes() * (this.#isDiskLow ? ENOUGH : 1);
    let seen = this.#seen;
    if (seen === undefined || this.#isStale || nowMs - this.#seenAtMs > LOOK_MS) {
      this.#isStale = false;
      this.#seen = undefined;
      seen = await this.#lookAtAll(signal);
      this.#seen = seen;
      this.#seenAtMs = nowMs;
    }
    return {...seen, caches: seen.caches.map((cache) => ({...cache, isInUse: isBuilding(cache.app)})), isDiskLow: this.#isDiskLow};
  }

  async #lookAtAll(signal: AbortSignal): Promise<Omit<Clutter, 'collect' | 'isDiskLow'>> {
    const {builds, packageImages, isKeptByBuildkit} = this.#options;
    const volumes = await this.#options.caches(signal);
    const apps = (await readdir(builds, {withFileTypes: true}).catch(missing)).filter((entry) => entry.isDirectory()).map(({name}) => name as AppName);
    const lastBuilds = new Map(await Promise.all(apps.map(async (app) => [app, await newestIn(path.join(builds, app))] as const)));
    const caches = volumes.flatMap(({name, labels, createdAtMs}): Clutter['caches'][number][] => {
      const app = labels[LABEL_APP] as AppName | undefined;
      return app === undefined ? [] : [{app, volume: name, usedAtMs: Math.max(createdAtMs, lastBuilds.get(app) ?? 0), isInUse: false}];
    });
    const withVolume = new Set(caches.map(({app}) => app));
    for (const app of apps) if (!withVolume.has(app) && await isKeptByBuildkit(app)) caches.push({app, usedAtMs: lastBuilds.get(app) ?? 0, isInUse: false});
    return {caches, buildLogs: apps.map((app) => ({app})), packageImages: await packageImages(signal)};
  }
}

/** When the newest file was last written, milliseconds since 1970; 0 when there is none. */
async function newestIn(folder: string): Promise<number> {
  const times = await Promise.all((await readdir(folder).catch(() => [])).map(async (name) => (await stat(path.join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0));
  return Math.max(0, ...times);
}

/** Before the first build there is no folder. What can't be read otherwise is no empty answer. */
function missing(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
