import {createHash} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {Readable} from 'node:stream';
import type Docker from 'dockerode';
import {takesPartialArchives} from '../../reconciler/adapters/docker-image.ts';
import {buildDockerfile, inspectImage, loadImage, removeImage, tagImage, type DockerfileBuild} from '../../reconciler/adapters/docker-build.ts';
import {TAR_END, tarFile} from '../../reconciler/adapters/tar.ts';
import {EPOCH_SECONDS} from './base.ts';

/** Also after a build that was stopped, milliseconds. */
const REMOVE_MS_MAX = 10_000;

/** Commands for the end of a step that installs packages; `started=$(date +%s)` has to be its beginning. The same packages leave the same layer then. */
export async function forgetWhen(): Promise<string> {
  return `epoch=${EPOCH_SECONDS}\n${await readFile(path.join(import.meta.dirname, 'forget-when.sh'), 'utf8')}`;
}

export interface RepeatableBuild extends Omit<DockerfileBuild, 'context' | 'tag' | 'memoryBytes' | 'cpus' | 'network'> {
  /** Called when it is read at once: what a child writes before is lost. */
  context(): Readable;
  readonly tag: string;
}

/**
 * Builds a Dockerfile of ours to an image that is the same whenever its layers are: nothing else of how and when it was made is in it. Its
 * argument FORGET_WHEN are commands that its steps can end with, see `forgetWhen`. The machine's own network is used, because its proxy may be on its loopback.
 */
export async function buildRepeatably(docker: Docker, {context, tag, labels, ...build}: RepeatableBuild, signal: AbortSignal): Promise<void> {
  const forget = await forgetWhen();
  const isPartial = await takesPartialArchives(docker, signal);
  const id = await buildDockerfile(docker, {
    ...build,
    context: context(),
    arguments: {...build.arguments, FORGET_WHEN: forget},
    labels: isPartial ? {} : labels,
    ...(!isPartial && {tag}),
    network: 'host', memoryBytes: 0, cpus: 0,
  }, signal);
  if (!isPartial) return;
  try {
    await describeAnew(docker, {id, tag, labels}, signal);
  } finally {
    // Who is killed before finds it again as what the same steps made, and removes it then.
    await removeImage(docker, id, AbortSignal.timeout(REMOVE_MS_MAX)).catch(() => {});
  }
}

/** Gives the layers of an image, which the engine holds, to another one. */
async function describeAnew(docker: Docker, {id, tag, labels}: {id: string; tag: string; labels: Readonly<Record<string, string>>}, signal: AbortSignal): Promise<void> {
  const image = await inspectImage(docker, id, signal);
  if (image === undefined) throw new Error(`the engine built the image "${tag}" and does not know it`);
  const {Env, Entrypoint, Cmd, WorkingDir, User, Labels} = image.Config;
  const layers = image.RootFS.Layers ?? [];
  const sorted = Object.fromEntries(Object.entries({...Labels, ...labels}).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  const config = JSON.stringify({
    architecture: image.Architecture,
    os: 'linux',
    created: new Date(EPOCH_SECONDS * 1000).toISOString(),
    config: {Env, Entrypoint, Cmd, WorkingDir, ...(User && {User}), Labels: sorted},
    rootfs: {type: 'layers', diff_ids: layers},
  });
  const digest = createHash('sha256').update(config).digest('hex');
  const manifest = JSON.stringify([{Config: `${digest}.json`, RepoTags: [tag], Layers: layers.map((layer) => `${layer.replace('sha256:', '')}/layer.tar`)}]);
  await loadImage(docker, Readable.from([tarFile('manifest.json', manifest), tarFile(`${digest}.json`, config), TAR_END], {objectMode: false}), signal);
  // Said again, because the engine notes the time of that alone: so it is known later when the image was made.
  await tagImage(docker, tag, tag, signal);
}
