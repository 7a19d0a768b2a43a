import {mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type Docker from 'dockerode';
import {inspectImage, removeLayer} from '../adapters/docker-build.ts';
import {LABEL_INSTANCE} from '../labels.ts';

/** More are not remembered: a Dockerfile has tens of steps. */
const LAYERS_MAX = 1000;
const FILE = 'layers.json';

/**
 * Remembers the layers that a build with a Dockerfile went through, and lets go of those of the one before that this one did not use.
 *
 * Of a build in several stages only the last one becomes an image of ours. What the others leave has no name and no label: nobody else would ever
 * remove it, so that each build would add to it. Layers of the last build stay, because the next one need not repeat them.
 *
 * @param folder  of the app's logs of builds
 */
export async function rememberLayers(docker: Docker, {folder, layers}: {folder: string; layers: ReadonlySet<string>}, signal: AbortSignal): Promise<void> {
  const before = await readLayers(folder);
  const old = before.filter((layer) => !layers.has(layer));
  // Noted first: what can't be removed now, or not before we are killed, is tried again after the next build.
  await writeLayers(folder, [...layers, ...old]);
  await writeLayers(folder, [...layers, ...await removeUnnamed(docker, old, signal)]);
}

/** For an app that is gone. */
export async function removeBuildLayers(docker: Docker, folder: string, signal: AbortSignal): Promise<void> {
  await removeUnnamed(docker, await readLayers(folder), signal);
}

/** Newest first, because layers stand on each other. Named ones, such as the FROM, and those that something uses, stay. Answers those that stand under others. */
async function removeUnnamed(docker: Docker, layers: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const left: string[] = [];
  for (const layer of layers.toReversed()) {
    const image = await inspectImage(docker, layer, signal);
    // Images of releases carry our label; their tag may have gone to another one.
    if (image === undefined || (image.RepoTags ?? []).length > 0 || image.Config?.Labels?.[LABEL_INSTANCE] !== undefined) continue;
    await removeLayer(docker, layer, signal);
    if (await inspectImage(docker, layer, signal) !== undefined) left.push(layer);
  }
  return left.toReversed();
}

async function readLayers(folder: string): Promise<readonly string[]> {
  const text = await readFile(path.join(folder, FILE), 'utf8').catch(() => '[]');
  try {
    const layers: unknown = JSON.parse(text);
    return Array.isArray(layers) ? layers.filter((layer): layer is string => typeof layer === 'string' && /^[0-9a-f]{12}$/.test(layer)) : [];
  } catch {
    // Half written by a crash: the layers in it are not ours to guess.
    return [];
  }
}

async function writeLayers(folder: string, layers: readonly string[]): Promise<void> {
  await mkdir(folder, {recursive: true, mode: 0o700});
  await writeFile(path.join(folder, FILE), JSON.stringify(layers.slice(0, LAYERS_MAX)), {mode: 0o600});
}
