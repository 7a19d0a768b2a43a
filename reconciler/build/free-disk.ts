import type Docker from 'dockerode';
import {engineFolder, fullestDisk} from '../adapters/docker-disk.ts';
import {formatBytes} from '../../schemas/quantity.ts';
import {BuildRefused} from './refused.ts';

/**
 * A full disk stops much more than a build: the engine, databases, git. So builds stop first.
 *
 * @param folder  where the node's own data is
 * @throws {BuildRefused} when less than `minFreeBytes` is free where a build writes
 */
export async function checkFreeDisk(docker: Docker, {minFreeBytes, folder}: {minFreeBytes: number; folder: string}, signal: AbortSignal): Promise<void> {
  const disk = await fullestDisk([await engineFolder(docker, signal), folder]);
  if (disk.freeBytes >= minFreeBytes) return;
  throw new BuildRefused(`only ${formatBytes(disk.freeBytes)} are free on the disk of ${disk.folder}, and a build needs ${formatBytes(minFreeBytes)} (builds.minFreeDisk in cluster.yaml). What can go: flynn gc --dry-run`);
}
