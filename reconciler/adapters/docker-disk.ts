import {statfs} from 'node:fs/promises';
import type Docker from 'dockerode';
import {engineCall, ENGINE_CALL_MS_MAX, hasStatus} from './docker-client.ts';

/** Adding up layers and volumes means reading all of their folders. */
const USAGE_MS_MAX = 60_000;

export interface VolumeRecord {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
}

/** Volumes that carry every given label. */
export async function listVolumes(docker: Docker, labels: readonly string[], signal: AbortSignal): Promise<readonly VolumeRecord[]> {
  const answer = await engineCall('list volumes', (abortSignal) => docker.listVolumes({filters: {label: [...labels]}, abortSignal} as Docker.VolumeListOptions), {ms: ENGINE_CALL_MS_MAX, signal});
  return (answer.Volumes ?? []).map((volume) => {
    const {Name, Labels, CreatedAt} = volume as Docker.VolumeInspectInfo & {readonly CreatedAt?: string};
    return {name: Name, labels: Labels ?? {}, createdAtMs: CreatedAt === undefined ? 0 : Date.parse(CreatedAt)};
  });
}

/** Rejects while a container uses it; one that is gone is no problem. */
export async function removeVolume(docker: Docker, name: string, signal: AbortSignal): Promise<void> {
  try {
    await engineCall(`remove volume ${name}`, (abortSignal) => docker.getVolume(name).remove({abortSignal} as object), {ms: ENGINE_CALL_MS_MAX, signal});
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
  }
}

export interface DiskUsage {
  /** Bytes that go with the image alone: what it shares with others is not counted. By id. */
  readonly images: ReadonlyMap<string, number>;
  /** Bytes, by name. */
  readonly volumes: ReadonlyMap<string, number>;
}

/** What things in the engine take. Slow: for people who ask, not for each pass. */
export async function diskUsage(docker: Docker, signal: AbortSignal): Promise<DiskUsage> {
  // Their types know of neither options nor the promise.
  const df = docker.df.bind(docker) as unknown as (options: object) => Promise<unknown>;
  const answer = await engineCall('measure the disk', (abortSignal) => df({abortSignal}), {ms: USAGE_MS_MAX, signal}) as {
    readonly Images?: readonly {readonly Id: string; readonly Size: number; readonly SharedSize: number}[];
    readonly Volumes?: readonly {readonly Name: string; readonly UsageData?: {readonly Size: number}}[];
  };
  return {
    images: new Map((answer.Images ?? []).map(({Id, Size, SharedSize}) => [Id, Size - Math.max(0, SharedSize)])),
    volumes: new Map((answer.Volumes ?? []).map(({Name, UsageData}) => [Name, Math.max(0, UsageData?.Size ?? 0)])),
  };
}

/** Where the engine keeps images, containers and volumes. */
export async function engineFolder(docker: Docker, signal: AbortSignal): Promise<string> {
  const info = docker.info.bind(docker) as unknown as (options: object) => Promise<unknown>;
  const {DockerRootDir} = await engineCall('ask the engine about itself', (abortSignal) => info({abortSignal}), {ms: ENGINE_CALL_MS_MAX, signal}) as {readonly DockerRootDir: string};
  return DockerRootDir;
}

export interface FreeDisk {
  readonly folder: string;
  /** What others than root may still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** The fullest of the disks that these folders are on. A folder that is not there is left out. Rejects when none is. */
export async function fullestDisk(folders: readonly string[]): Promise<FreeDisk> {
  const disks = await Promise.all(folders.map(async (folder): Promise<FreeDisk | undefined> => {
    const seen = await statfs(folder).catch(() => undefined);
    return seen === undefined ? undefined : {folder, freeBytes: seen.bavail * seen.bsize, totalBytes: seen.blocks * seen.bsize};
  }));
  const [fullest] = disks.filter((disk) => disk !== undefined).toSorted((a, b) => a.freeBytes - b.freeBytes);
  if (fullest === undefined) throw new Error(`none of the folders ${folders.join(', ')} is there`);
  return fullest;
}
