import {createHash} from 'node:crypto';
import {createReadStream, createWriteStream} from 'node:fs';
import {mkdtemp, rm, stat} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import type Docker from 'dockerode';
import {inspectImage, loadImage, tagImage, withDeadline} from '../../reconciler/adapters/docker-build.ts';
import {editTar, pathOf, withTime} from '../../reconciler/adapters/tar-edit.ts';
import {TAR_END, tarFile, tarHeader, tarPieces} from '../../reconciler/adapters/tar.ts';
import {EPOCH_SECONDS} from './base.ts';
import {LABEL_DEBIAN, LABEL_STACK} from './labels.ts';

/** What the engine puts into every container, and what says when something was done. */
const LEFT_OUT = /^(?:\.dockerenv|etc\/(?:hostname|hosts|resolv\.conf|mtab|[a-z]+-|\.pwd\.lock|machine-id)|var\/log\/.+|var\/cache\/(?:ldconfig|debconf|apt|man)\/.+|var\/lib\/(?:dpkg|apt)\/.*-old|(?:run|tmp)\/.+)$/;

export interface Flattening {
  /** The image whose files and settings are taken. */
  readonly from: string;
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Makes one layer of an image, in which nothing says when it was made: files newer than the release of Debian get its time, logs and caches
 * are left out. The same packages give the same image, to the last bit.
 */
export async function flatten(docker: Docker, {from, tag, labels}: Flattening, signal: AbortSignal): Promise<void> {
  const image = await inspectImage(docker, from, signal);
  if (image === undefined) throw new Error(`bug: there is no image "${from}" to flatten`);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'flynn-stack-'));
  try {
    const layer = await layerOf(docker, {image: image.Id, file: path.join(folder, 'layer.tar')}, signal);
    const {Env, Entrypoint, Cmd, WorkingDir} = image.Config;
    const config = JSON.stringify({
      architecture: image.Architecture,
      os: 'linux',
      created: new Date(EPOCH_SECONDS * 1000).toISOString(),
      config: {Env, Entrypoint, Cmd, WorkingDir, Labels: {...labels, [LABEL_DEBIAN]: layer.debian}},
      rootfs: {type: 'layers', diff_ids: [`sha256:${layer.digest}`]},
    });
    const id = createHash('sha256').update(config).digest('hex');
    const manifest = JSON.stringify([{Config: `${id}.json`, RepoTags: [tag], Layers: [`${layer.digest}/layer.tar`]}]);
    await loadImage(docker, Readable.from(archive([tarFile('manifest.json', manifest), tarFile(`${id}.json`, config)], layer), {objectMode: false}), signal);
    // Said again, because the engine notes the time of that alone: so it is known later when the image was made.
    await tagImage(docker, tag, tag, signal);
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

interface Layer {
  /** `Debian 13`: whose libraries are in it. */
  readonly debian: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly file: string;
}

async function layerOf(docker: Docker, {image, file}: {image: string; file: string}, signal: AbortSignal): Promise<Layer> {
  const container = await docker.createContainer({Image: image, Labels: {[LABEL_STACK]: 'flattened'}, abortSignal: withDeadline(signal)} as Docker.ContainerCreateOptions);
  const sum = createHash('sha256');
  let debian: string;
  try {
    debian = await debianOf(container, signal);
    const exported = await container.export({abortSignal: signal} as object) as Readable;
    const digested = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        sum.update(chunk);
        yield chunk;
      }
    };
    const edited = editTar(exported, ({name, modifiedAtSeconds}, block) => {
      const entry = pathOf(name);
      return LEFT_OUT.test(entry) ? undefined : modifiedAtSeconds > EPOCH_SECONDS ? withTime(block, EPOCH_SECONDS) : block;
    });
    await pipeline(edited, digested, createWriteStream(file), {signal});
  } finally {
    await container.remove({force: true});
  }
  return {debian, digest: sum.digest('hex'), sizeBytes: (await stat(file)).size, file};
}

async function debianOf(container: Docker.Container, signal: AbortSignal): Promise<string> {
  const archive = await container.getArchive({path: '/usr/lib/os-release', abortSignal: withDeadline(signal)} as {path: string}) as unknown as Readable;
  let text = '';
  for await (const {header, bytes} of tarPieces(archive)) if (header === undefined) text += bytes.toString();
  const field = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? 'unknown';
  return `${field('NAME').replace(' GNU/Linux', '')} ${field('VERSION_ID')}`;
}

async function* archive(files: readonly Buffer[], {digest, sizeBytes, file}: Layer): AsyncGenerator<Buffer> {
  yield* files;
  yield tarHeader({name: `${digest}/layer.tar`, type: '0', sizeBytes, mode: 0o644, ownerId: 0, groupId: 0});
  yield* createReadStream(file) as AsyncIterable<Buffer>;
  // A tar's length is a multiple of its blocks: nothing is to be filled up.
  yield TAR_END;
}
