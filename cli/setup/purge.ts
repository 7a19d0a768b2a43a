import {readdir} from 'node:fs/promises';
import path from 'node:path';
import type Docker from 'dockerode';
import {removeRecords} from '../../reconciler/build/buildkit-cache.ts';
import {removeBuildLayers} from '../../reconciler/build/layers-made.ts';
import type {Layout} from '../../reconciler/layout.ts';
import {LABEL_STACK} from '../../buildpacks/stack/labels.ts';
import {LABEL_INSTANCE} from '../../reconciler/labels.ts';
import {inParallel} from './in-parallel.ts';
import {deadline, instanceFilter, ourContainers} from './ours.ts';

/** What the engine holds of one instance. Ids, but names for networks and volumes. */
interface Belongings {
  readonly containers: readonly string[];
  /** Of apps, and the ones of the platform itself unless another instance needs them. */
  readonly images: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

const PARALLEL_MAX = 4;
/** Images stand on each other: each round can remove what had children in the round before. */
const ROUNDS_MAX = 6;

/** Told by our instance's label alone; looks only. */
export async function belongingsOf(docker: Docker, instance: string, signal: AbortSignal): Promise<Belongings> {
  const filters = instanceFilter(instance);
  const abortSignal = deadline(signal);
  const [containers, images, networks, volumes, stack] = await Promise.all([
    ourContainers(docker, instance, signal),
    docker.listImages({filters, abortSignal}),
    docker.listNetworks({filters, abortSignal}),
    docker.listVolumes({filters, abortSignal}),
    stackImagesToRemove(docker, instance, signal),
  ]);
  return {
    containers: containers.map(({id}) => id),
    images: [...new Set([...images.map(({Id}) => Id), ...stack])],
    networks: networks.map(({Name}) => Name),
    volumes: volumes.Volumes.map(({Name}) => Name),
  };
}

/**
 * Layers without a name that builds with a Dockerfile left, and what BuildKit keeps for the next one: nothing but our notes says that they are ours.
 * Before the images that they stand on.
 */
export async function removeUnnamedLayers(docker: Docker, {builds}: Pick<Layout, 'builds'>, signal: AbortSignal): Promise<void> {
  for (const app of await readdir(builds).catch(() => [])) {
    await removeBuildLayers(docker, path.join(builds, app), signal);
    // An engine that does not answer to that keeps a cache, and no more.
    await removeRecords(docker, path.join(builds, app), signal).catch(() => signal.throwIfAborted());
  }
}

/** Without force: what somebody else uses stays, and is named in the answer. Containers have to be gone before. */
export async function removeBelongings(docker: Docker, {images, networks, volumes}: Belongings, signal: AbortSignal): Promise<readonly string[]> {
  const left: string[] = [];
  const attempt = async (name: string, remove: () => Promise<unknown>) => {
    await remove().catch((error: {statusCode?: number}) => {
      if (error.statusCode === 409 || error.statusCode === 403) left.push(name);
      else if (error.statusCode !== 404) throw error;
    });
  };
  await inParallel(networks, PARALLEL_MAX, (name) => attempt(`network ${name}`, () => docker.getNetwork(name).remove({abortSignal: deadline(signal)})));
  await inParallel(volumes, PARALLEL_MAX, (name) => attempt(`volume ${name}`, () => docker.getVolume(name).remove({abortSignal: deadline(signal)})));
  return [...left, ...(await removeImages(docker, images, signal)).map((id) => `image ${id.slice(7, 19)}`)];
}

/** `3 containers, 2 images, 1 network`; nothing of a kind is not mentioned. */
export function countBelongings({containers, images, networks, volumes}: Belongings): string {
  const parts = ([['container', containers], ['image', images], ['network', networks], ['volume', volumes]] as const)
    .filter(([, list]) => list.length > 0)
    .map(([word, list]) => `${list.length} ${word}${list.length === 1 ? '' : 's'}`);
  return parts.length === 0 ? 'no containers, images, networks or volumes' : parts.join(', ');
}

async function removeImages(docker: Docker, ids: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  let left = ids;
  for (let round = 0; round < ROUNDS_MAX && left.length > 0; round++) {
    const before = left;
    const stay: string[] = [];
    await inParallel(before, PARALLEL_MAX, async (id) => {
      if (!(await removeImage(docker, id, signal))) stay.push(id);
    });
    if (stay.length === before.length) return stay;
    left = stay;
  }
  return left;
}

/** Takes its tags away one by one, and then itself. Resolves to whether it is gone. */
async function removeImage(docker: Docker, id: string, signal: AbortSignal): Promise<boolean> {
  const unlessGone = (error: {statusCode?: number}) => {
    if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
    return error.statusCode === 404 ? undefined : 'in use';
  };
  const found = await docker.getImage(id).inspect().catch(unlessGone);
  if (found === undefined || found === 'in use') return true;
  for (const name of [...found.RepoTags, id]) {
    const outcome = await docker.getImage(name).remove({abortSignal: deadline(signal)}).catch(unlessGone);
    if (outcome === 'in use') return false;
  }
  return true;
}

/** Whether the engine holds anything of another node of Flynn's: it needs what they share. */
export async function hasOtherInstances(docker: Docker, instance: string, signal: AbortSignal): Promise<boolean> {
  const filters = {label: [LABEL_INSTANCE]};
  const abortSignal = deadline(signal);
  const [containers, images, networks, volumes] = await Promise.all([
    docker.listContainers({all: true, filters, abortSignal}),
    docker.listImages({filters, abortSignal}),
    docker.listNetworks({filters, abortSignal}),
    docker.listVolumes({filters, abortSignal}),
  ]);
  return [...containers, ...images, ...networks, ...volumes.Volumes].some(({Labels}) => Labels?.[LABEL_INSTANCE] !== instance);
}

/** The platform's own images carry no instance: they are everybody's, and go with the last. */
async function stackImagesToRemove(docker: Docker, instance: string, signal: AbortSignal): Promise<readonly string[]> {
  if (await hasOtherInstances(docker, instance, signal)) return [];
  const stack = await docker.listImages({filters: {label: [LABEL_STACK]}, abortSignal: deadline(signal)});
  // An app's image inherits the label of what it was built on, and has its own instance. So do people's own images, which have other names.
  const isOurs = (tags: readonly string[], label: string | undefined) => (tags.length === 0 ? label === 'base' || label === 'unflattened' : tags.every((tag) => /^flynn\/(base|run|build|router):/.test(tag)));
  return stack.filter(({Labels, RepoTags}) => Labels?.[LABEL_INSTANCE] === undefined && isOurs((RepoTags ?? []).filter((tag) => tag !== '<none>:<none>'), Labels?.[LABEL_STACK])).map(({Id}) => Id);
}
