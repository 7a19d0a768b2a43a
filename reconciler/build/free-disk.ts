import type Docker from 'dockerode';
import {engineFolder, fullestDisk} from '../adapters/docker-disk.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import {LimitExceeded, pause} from './limits.ts';
import {BuildRefused} from './refused.ts';

/** Between two looks while a build goes on, milliseconds. One costs a system call a disk. */
const LOOK_MS = 1000;

export interface FreeDiskLimit {
  /** What has to be free when a build begins. Half of that is what it has to leave. */
  readonly minFreeBytes: number;
  /** Where the node's own data is. */
  readonly folder: string;
}

/**
 * A full disk stops much more than a build: the engine, databases, git. So builds stop first.
 *
 * @throws {BuildRefused} when too little is free where a build writes
 */
export async function checkFreeDisk(docker: Docker, {minFreeBytes, folder}: FreeDiskLimit, signal: AbortSignal): Promise<void> {
  const disk = await fullestDisk([await engineFolder(docker, signal), folder]);
  if (disk.freeBytes >= minFreeBytes) return;
  throw new BuildRefused(`only ${formatBytes(disk.freeBytes)} are free on the disk of ${disk.folder}, and a build needs ${formatBytes(minFreeBytes)} (builds.minFreeDisk in cluster.yaml). What can go: flynn gc --dry-run`);
}

/** Looks again and again until the signal is aborted: several builds at once, or others, may fill the disk. Never rejects. */
export async function watchFreeDisk(docker: Docker, {minFreeBytes, folder, exceed}: FreeDiskLimit & {exceed(limit: LimitExceeded): void}, signal: AbortSignal): Promise<void> {
  try {
    const folders = [await engineFolder(docker, signal), folder];
    while (!signal.aborted) {
      const disk = await fullestDisk(folders);
      if (disk.freeBytes < minFreeBytes / 2) return exceed(new LimitExceeded(`the disk of ${disk.folder} is nearly full: ${formatBytes(disk.freeBytes)} are free`));
      await pause(LOOK_MS, signal);
    }
  } catch {
    // The engine is gone: then the build is, too, and says so.
  }
}
