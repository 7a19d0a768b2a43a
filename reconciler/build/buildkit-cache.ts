import {mkdir, readFile, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type Docker from 'dockerode';
import {cacheRecords, removeCacheRecords, type CacheRecord} from '../adapters/buildkit-control.ts';
import {connectBuildkit} from '../adapters/buildkit.ts';

/** More are not remembered: a build makes tens. */
const RECORDS_MAX = 5000;
const FILE = 'buildkit.json';

interface Builds {
  /** Of the app's logs of builds. */
  readonly folder: string;
  /** When the build began, milliseconds since 1970. */
  readonly sinceMs: number;
  /** What all of the app's records may take. */
  readonly cacheBytes: number;
}

/**
 * Remembers what a build left in BuildKit's cache, and lets go of what was not used for the longest time when all of it is more than an app's
 * cache may be. The engine keeps it for ever otherwise, unless its own settings say something else.
 *
 * BuildKit knows no labels. So a record is the app's when it was made or used while the app was built, and nobody uses it any more when that is over.
 * Somebody's `docker build` at the same moment may lose what it kept for the next one, and nothing else.
 */
export async function rememberRecords(docker: Docker, {folder, sinceMs, cacheBytes}: Builds, signal: AbortSignal): Promise<void> {
  using connection = await connectBuildkit(docker, signal);
  const before = new Set(await readRecords(folder));
  const ours = (await cacheRecords(connection, signal)).filter((record) => before.has(record.id) || (record.usedAtMs >= sinceMs && !record.isInUse));
  // Noted first: what can't be removed now is tried again after the next build.
  await writeRecords(folder, ours.map(({id}) => id));
  await removeCacheRecords(connection, beyond(ours, cacheBytes), signal);
}

/** Bytes that an app's records take. */
export async function recordBytes(docker: Docker, folder: string, signal: AbortSignal): Promise<number> {
  const ids = new Set(await readRecords(folder));
  if (ids.size === 0) return 0;
  using connection = await connectBuildkit(docker, signal);
  return (await cacheRecords(connection, signal)).reduce((sum, {id, sizeBytes}) => sum + (ids.has(id) ? sizeBytes : 0), 0);
}

/** All of an app's, but for those that a build uses. */
export async function removeRecords(docker: Docker, folder: string, signal: AbortSignal): Promise<void> {
  const ids = await readRecords(folder);
  if (ids.length === 0) return;
  using connection = await connectBuildkit(docker, signal);
  await removeCacheRecords(connection, ids, signal);
  await rm(path.join(folder, FILE), {force: true});
}

export async function hasRecords(folder: string): Promise<boolean> {
  return (await readRecords(folder)).length > 0;
}

/** What goes so that the rest fits: the newest stay. Exported for its test. */
export function beyond(records: readonly CacheRecord[], maxBytes: number): readonly string[] {
  let sumBytes = 0;
  return records
    .toSorted((one, other) => other.usedAtMs - one.usedAtMs)
    .filter(({sizeBytes}) => (sumBytes += sizeBytes) > maxBytes)
    .map(({id}) => id);
}

async function readRecords(folder: string): Promise<readonly string[]> {
  const text = await readFile(path.join(folder, FILE), 'utf8').catch(() => '[]');
  try {
    const ids: unknown = JSON.parse(text);
    return Array.isArray(ids) ? ids.filter((id): id is string => typeof id === 'string' && /^[0-9a-z]{1,64}$/.test(id)) : [];
  } catch {
    // Half written by a crash: what is in it is not ours to guess.
    return [];
  }
}

async function writeRecords(folder: string, ids: readonly string[]): Promise<void> {
  await mkdir(folder, {recursive: true, mode: 0o700});
  await writeFile(path.join(folder, FILE), JSON.stringify(ids.slice(0, RECORDS_MAX)), {mode: 0o600});
}
