import type Docker from 'dockerode';
import {diskUsage, listVolumes, removeVolume} from '../adapters/docker-disk.ts';
import {copyVolume, makeVolume, readVolume, usersOfVolume, writeVolume} from '../adapters/docker-volume-data.ts';
import {TAR_END} from '../adapters/tar.ts';
import {anySignal} from '../any-signal.ts';
import {EditRefused, type ClusterRepo} from '../checkout/snapshot.ts';
import type {AppIds} from '../app-ids.ts';
import {appVolume, LABEL_APP, LABEL_INSTANCE, LABEL_ROLE, LABEL_SERVICE, LABEL_SLOT, LABEL_VOLUME} from '../labels.ts';
import type {AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {backupOf, verified, type BackupSummary} from './format.ts';

/** One volume of an app. */
export interface VolumeId {
  readonly app: AppName;
  readonly name: string;
}

export interface Volume extends VolumeId {
  /** ISO 8601. */
  readonly createdAt: string;
  /** Absent where it took the engine too long to say. */
  readonly bytes?: number;
  /** app.yaml has it; otherwise it is only kept. */
  readonly isWanted: boolean;
  /** `web.1` of each container that has it and runs. */
  readonly usedBy: readonly string[];
}

/** Volumes of this node's apps, for people. */
export interface Volumes {
  list(app: AppName | undefined, signal: AbortSignal): Promise<readonly Volume[]>;
  /** Rejects when there is no such volume. The bytes are a tar: see `format.ts`. */
  backup(id: VolumeId, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Nothing is replaced unless all of the backup has arrived and is whole. */
  restore(id: VolumeId, backup: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<BackupSummary>;
  remove(id: VolumeId, signal: AbortSignal): Promise<void>;
}

export interface VolumesOptions {
  readonly docker: Docker;
  readonly instance: string;
  /** With bash and coreutils: files are copied in it. */
  readonly image: string;
  readonly repo: Pick<ClusterRepo, 'snapshot'>;
  /** Absent: every app goes by its name. */
  readonly ids?: Pick<AppIds, 'idOf' | 'nameOf'>;
}

/** The engine walks through all files for that, milliseconds. */
const SIZES_MS_MAX = 10_000;

export class AppVolumes implements Volumes {
  readonly #options: VolumesOptions;
  /** One change of a volume at a time. */
  readonly #busy = new Set<string>();

  constructor(options: VolumesOptions) {
    this.#options = options;
  }

  async list(app: AppName | undefined, signal: AbortSignal): Promise<readonly Volume[]> {
    const {docker, instance} = this.#options;
    const records = (await listVolumes(docker, [`${LABEL_INSTANCE}=${instance}`, LABEL_VOLUME], signal)).filter(({labels}) => app === undefined || labels[LABEL_APP] === this.#idOf(app));
    const sizes = await diskUsage(docker, anySignal([signal, AbortSignal.timeout(SIZES_MS_MAX)])).then(({volumes}) => volumes, () => new Map<string, number>());
    const wanted = new Map<string, ReadonlySet<string>>();
    const volumes: Volume[] = [];
    for (const {name: volume, labels, createdAtMs} of records) {
      const id = {app: this.#nameOf(labels[LABEL_APP] ?? ''), name: labels[LABEL_VOLUME] ?? ''};
      if (!wanted.has(id.app)) wanted.set(id.app, await this.#wantedBy(id.app, signal));
      const usedBy = (await usersOfVolume(docker, volume, signal)).filter(({isRunning}) => isRunning).map(replicaOf);
      const bytes = sizes.get(volume);
      volumes.push({...id, createdAt: new Date(createdAtMs).toISOString(), ...(bytes !== undefined && {bytes}), isWanted: wanted.get(id.app)?.has(id.name) === true, usedBy});
    }
    return volumes.toSorted((a, b) => (`${a.app}/${a.name}` < `${b.app}/${b.name}` ? -1 : 1));
  }

  async backup(id: VolumeId, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const {docker} = this.#options;
    await this.#demandThere(id, signal);
    const tar = readVolume(docker, this.#volume(id), this.#helper(id, 'backup'), signal);
    return backupOf(tar, {app: id.app, volume: id.name, createdAt: new Date().toISOString()});
  }

  restore(id: VolumeId, backup: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<BackupSummary> {
    return this.#alone(id, async () => {
      const {docker} = this.#options;
      await this.#demandUnused(id, signal);
      const [target, fresh] = [this.#volume(id), `${this.#volume(id)}.restore`];
      // What an interrupted one left.
      await removeVolume(docker, fresh, signal);
      await makeVolume(docker, fresh, {[LABEL_INSTANCE]: this.#options.instance, [LABEL_APP]: this.#idOf(id.app), [LABEL_ROLE]: 'restore'}, signal);
      try {
        let summary: BackupSummary | undefined;
        const content = async function* (): AsyncGenerator<Uint8Array> {
          summary = (yield* verified(backup)).summary;
          yield TAR_END;
        };
        await writeVolume(docker, {...this.#helper(id, 'restore'), volume: fresh, tar: content()}, signal).catch((cause: unknown) => {
          throw new EditRefused(`nothing was replaced: ${cause instanceof Error ? cause.message : String(cause)}`);
        });
        if (summary === undefined) throw new EditRefused('nothing was replaced: the engine did not read the backup to its end');
        await this.#demandUnused(id, signal);
        await makeVolume(docker, target, this.#labels(id), signal);
        await copyVolume(docker, {...this.#helper(id, 'restore'), from: fresh, to: target}, signal);
        return summary;
      } finally {
        await removeVolume(docker, fresh, AbortSignal.timeout(SIZES_MS_MAX)).catch(() => {}); // The next restore removes it.
      }
    });
  }

  remove(id: VolumeId, signal: AbortSignal): Promise<void> {
    return this.#alone(id, async () => {
      const {docker} = this.#options;
      await this.#demandThere(id, signal);
      if ((await this.#wantedBy(id.app, signal)).has(id.name)) throw new EditRefused(`apps/${id.app}/app.yaml has the volume "${id.name}": take it out of there first`);
      await this.#demandUnused(id, signal);
      // Of containers that have ended only the log is of use, and that is kept elsewhere.
      for (const user of await usersOfVolume(docker, this.#volume(id), signal)) await docker.getContainer(user.id).remove({force: true, abortSignal: signal});
      await removeVolume(docker, this.#volume(id), signal);
    });
  }

  async #alone<Value>(id: VolumeId, work: () => Promise<Value>): Promise<Value> {
    const key = this.#volume(id);
    if (this.#busy.has(key)) throw new EditRefused(`the volume ${id.app}/${id.name} is being restored or removed already`);
    this.#busy.add(key);
    try {
      return await work();
    } finally {
      this.#busy.delete(key);
    }
  }

  async #demandThere(id: VolumeId, signal: AbortSignal): Promise<void> {
    const {docker, instance} = this.#options;
    const labels = [`${LABEL_INSTANCE}=${instance}`, `${LABEL_APP}=${this.#idOf(id.app)}`];
    const there = (await listVolumes(docker, [...labels, LABEL_VOLUME], signal)).map((volume) => volume.labels[LABEL_VOLUME] ?? '');
    if (!there.includes(id.name)) throw new EditRefused(`there is no volume ${id.app}/${id.name}${there.length === 0 ? '' : `: ${id.app} has ${there.toSorted().join(', ')}`}`);
  }

  async #demandUnused(id: VolumeId, signal: AbortSignal): Promise<void> {
    const running = (await usersOfVolume(this.#options.docker, this.#volume(id), signal)).filter(({isRunning}) => isRunning);
    if (running.length > 0) throw new EditRefused(`the volume ${id.app}/${id.name} is used by ${running.map(replicaOf).join(', ')}: stop that first, for example with flynn scale`);
  }

  /** What app.yaml in git says now; nothing of an app that is gone or can't be read as one. */
  async #wantedBy(app: AppName, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const piece = (await this.#options.repo.snapshot(signal)).apps.find(({name}) => name === app);
    const path = `apps/${app}/app.yaml`;
    const file = (await piece?.files(signal))?.find((one) => one.path === path);
    if (file === undefined) return new Set();
    const loaded = file.kind === 'text' ? loadManifest('App', path, file.text) : undefined;
    if (loaded?.ok !== true) throw new EditRefused(`${path} can't be read, so nobody knows which volumes it wants`);
    return new Set(Object.values(loaded.value.services ?? {}).flatMap(({volumes = {}}) => Object.keys(volumes)));
  }

  #idOf(app: AppName): string {
    return this.#options.ids?.idOf(app) ?? app;
  }

  /** Of an app that is gone, whose name another one has: what it went by, which no app is called. */
  #nameOf(id: string): AppName {
    return this.#options.ids === undefined ? id as AppName : this.#options.ids.nameOf(id) ?? `${id}.gone` as AppName;
  }

  #volume({app, name}: VolumeId): string {
    return appVolume({instance: this.#options.instance, app: this.#idOf(app), name});
  }

  #labels({app, name}: VolumeId): Readonly<Record<string, string>> {
    return {[LABEL_INSTANCE]: this.#options.instance, [LABEL_APP]: this.#idOf(app), [LABEL_VOLUME]: name};
  }

  /** A role, so that `flynn down` takes it away when we were killed. */
  #helper({app, name}: VolumeId, what: string): {readonly image: string; readonly name: string; readonly labels: Readonly<Record<string, string>>} {
    const {image, instance} = this.#options;
    return {image, name: `${instance}.${app}.${name}-${what}`, labels: {[LABEL_INSTANCE]: instance, [LABEL_ROLE]: 'volume', [LABEL_APP]: app}};
  }
}

function replicaOf({name, labels}: {readonly name: string; readonly labels: Readonly<Record<string, string>>}): string {
  const [service, slot] = [labels[LABEL_SERVICE], labels[LABEL_SLOT]];
  return service === undefined || slot === undefined ? name : `${service}.${slot}`;
}
