import {createHash} from 'node:crypto';
import {textEntry, type TarEntry} from './tar.ts';

/** A layer of files, known by its content. */
export interface Layer {
  /** `sha256:…` of the uncompressed tar: the engine's diff id. */
  readonly digest: string;
  readonly sizeBytes: number;
  content(): AsyncIterable<Uint8Array>;
}

/** What `docker inspect` says of the image that apps stand on. */
export interface BaseImage {
  readonly architecture: string;
  readonly layers: readonly string[];
  readonly env: readonly string[];
}

export interface ImageDescription {
  readonly base: BaseImage;
  /** Bottom first, on top of the base's. */
  readonly layers: readonly Layer[];
  readonly tag: string;
  /** What the image does when nothing else is said; empty when it has no `web`. */
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970. Part of the digest, so it must follow from the source. */
  readonly createdAtSeconds: number;
}

export const ENTRYPOINT = ['/flynn/launch'];
export const USER = 'app';
export const WORKING_FOLDER = '/app';

/**
 * An image as `docker save` writes it, without the layers that the engine holds: the same description gives the same digest
 * (sha256 of its configuration). `isHeld` is asked with the layers from the bottom up to the one in question.
 */
export function imageArchive(image: ImageDescription, isHeld: (layers: readonly string[]) => boolean): {digest: string; entries: readonly TarEntry[]} {
  const config = JSON.stringify(configuration(image));
  const digest = createHash('sha256').update(config).digest('hex');
  const all = [...image.base.layers, ...image.layers.map(layer => layer.digest)];
  const missing = image.layers.filter((_, index) => !isHeld(all.slice(0, image.base.layers.length + index + 1)));
  // Two layers may be alike; the archive has each once.
  const files = new Map(missing.map(layer => [layerFile(layer.digest), layer]));
  const manifest = [{Config: `${digest}.json`, RepoTags: [image.tag], Layers: all.map(layerFile)}];
  return {
    digest: `sha256:${digest}`,
    entries: [
      textEntry('manifest.json', JSON.stringify(manifest)),
      textEntry(`${digest}.json`, config),
      ...[...files].map(([name, layer]) => ({name, sizeBytes: layer.sizeBytes, content: () => layer.content()})),
    ],
  };
}

/** The same image as lines for the engine's own builder: for image stores that don't take an archive with layers left out. */
export function imageDockerfile(image: ImageDescription, from: string): readonly TarEntry[] {
  const lines = [
    `FROM ${from}`,
    ...image.layers.map((_, index) => `ADD layer-${index}.tar /`),
    `USER ${USER}`,
    `WORKDIR ${WORKING_FOLDER}`,
    `ENTRYPOINT ${JSON.stringify(ENTRYPOINT)}`,
    `CMD ${JSON.stringify(image.command)}`,
  ];
  return [
    textEntry('Dockerfile', `${lines.join('\n')}\n`),
    ...image.layers.map((layer, index) => ({name: `layer-${index}.tar`, sizeBytes: layer.sizeBytes, content: () => layer.content()})),
  ];
}

/** OCI image configuration (image-spec v1.1, config.md), keys in a fixed order. */
function configuration({base, layers, command, labels, createdAtSeconds}: ImageDescription): object {
  return {
    architecture: base.architecture,
    os: 'linux',
    created: new Date(createdAtSeconds * 1000).toISOString(),
    config: {
      User: USER,
      Env: base.env,
      Entrypoint: ENTRYPOINT,
      Cmd: command,
      WorkingDir: WORKING_FOLDER,
      Labels: Object.fromEntries(Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1))),
    },
    rootfs: {type: 'layers', diff_ids: [...base.layers, ...layers.map(layer => layer.digest)]},
  };
}

function layerFile(digest: string): string {
  return `${digest.replace('sha256:', '')}/layer.tar`;
}
