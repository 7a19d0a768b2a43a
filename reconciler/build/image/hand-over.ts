import type Docker from 'dockerode';
import {buildDockerfile, loadImage, inspectImage, removeImage} from '../../adapters/docker-build.ts';
import {takesPartialArchives} from '../../adapters/docker-image.ts';
import {LABEL_INSTANCE} from '../../labels.ts';
import type {BuilderSettings} from '../context.ts';
import {imageArchive, imageDockerfile, type ImageDescription} from './archive.ts';
import {heldLayers} from './layers.ts';
import {tarStream} from './tar.ts';

export type Engine = Pick<BuilderSettings, 'docker' | 'instance' | 'assembly'>;

export interface DescribedImage {
  readonly image: ImageDescription;
  /** Name of the image that it stands on, which the engine has. */
  readonly runImage: string;
}

/** Gives an image to the engine, without the layers that it holds already. Resolves to its id. */
export async function handOver(engine: Engine, described: DescribedImage, signal: AbortSignal): Promise<string> {
  const assembly = engine.assembly ?? (await takesPartialArchives(engine.docker, signal) ? 'layers' : 'dockerfile');
  return assembly === 'layers' ? load(engine, described.image, signal) : add(engine.docker, described, signal);
}

async function load({docker, instance}: Engine, image: ImageDescription, signal: AbortSignal): Promise<string> {
  const {digest, entries} = imageArchive(image, await heldLayers(docker, `${LABEL_INSTANCE}=${instance}`, signal));
  const wasThere = (await inspectImage(docker, digest, signal)) !== undefined;
  try {
    await loadImage(docker, tarStream(entries), signal);
    signal.throwIfAborted();
  } catch (error) {
    // The engine may have finished after all.
    if (!wasThere) await removeImage(docker, image.tag, AbortSignal.timeout(10_000)).catch(() => {});
    throw error;
  }
  return digest;
}

async function add(docker: Docker, {image, runImage}: DescribedImage, signal: AbortSignal): Promise<string> {
  const archive = tarStream(imageDockerfile(image, runImage));
  return buildDockerfile(docker, {context: archive, tag: image.tag, arguments: {}, labels: image.labels, network: 'bridge', memoryBytes: 0, cpus: 0, onLine: () => {}}, signal);
}
