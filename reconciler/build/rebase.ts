import {createReadStream} from 'node:fs';
import {mkdtemp, readFile, rm, stat} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type {Readable} from 'node:stream';
import type Docker from 'dockerode';
import {execa} from 'execa';
import {LABEL_DEBIAN} from '../../buildpacks/stack/labels.ts';
import type {AppName, ImageDigest} from '../../schemas/ids.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import {inspectImage} from '../adapters/docker-build.ts';
import {LABEL_PACKAGES, standInTag} from '../labels.ts';
import type {BuildFailure} from './build.ts';
import type {BuilderSettings} from './context.ts';
import type {Layer} from './image/archive.ts';
import {handOver} from './image/hand-over.ts';
import {baseLabels, LABEL_BASE_LAYERS} from './image/labels.ts';
import {detail, step} from './output.ts';
import {PackageImages, packagesTag} from './packages.ts';
import {BuildRefused} from './refused.ts';

export type RebaseSettings = Pick<BuilderSettings, 'docker' | 'instance' | 'stack' | 'scratch' | 'assembly'>;

/** Whether an image stands on what apps are run on today. */
export type Standing =
  | {readonly state: 'current'}
  | {readonly state: 'outdated'}
  /** It is not one that could be put onto another. */
  | {readonly state: 'fixed'; readonly reason: string};

export interface RebaseRequest {
  readonly app: AppName;
  /** Of the release that is repeated. */
  readonly image: string;
  print(line: string): void;
}

export async function standingOf({docker, instance, stack}: RebaseSettings, {app, image}: Pick<RebaseRequest, 'app' | 'image'>, signal: AbortSignal): Promise<Standing> {
  const found = await imageOf(docker, {app, instance, image}, signal);
  if (found === undefined) return {state: 'fixed', reason: 'its image is not on this node'};
  const below = layersBelow(found);
  if (below === undefined) return {state: 'fixed', reason: 'its image does not say what it stands on: push it once more'};
  const run = await inspectImage(docker, stack.run, signal);
  const runLayers = run?.RootFS.Layers ?? [];
  if (runLayers.length === 0 || below.slice(0, runLayers.length).join() !== runLayers.join()) return {state: 'outdated'};
  if (below.length === runLayers.length) return {state: 'current'};
  // With Debian packages in between: `flynn stack build` makes that image anew. Where there is none, no newer packages are known of.
  const packages = found.Config.Labels?.[LABEL_PACKAGES]?.split(' ') ?? [];
  const made = await inspectImage(docker, await packagesTag({instance, base: run?.Id ?? '', packages}), signal);
  return {state: made === undefined || made.RootFS.Layers?.join() === below.join() ? 'current' : 'outdated'};
}

/**
 * Puts the layers of an app's image onto the image that apps run on today: nothing is built, and what the app is made of stays the same to the
 * last bit. Debian packages that it wants are installed anew. Only within one release of Debian, whose libraries keep their interfaces.
 */
export async function rebaseImage(settings: RebaseSettings, request: RebaseRequest, signal: AbortSignal): Promise<Result<ImageDigest, BuildFailure>> {
  const {docker, instance, stack} = settings;
  const {app, print} = request;
  const found = await imageOf(docker, {...request, instance}, signal);
  const below = found && layersBelow(found);
  if (found === undefined || below === undefined) return fail({reason: 'its image is not on this node, or does not say what it stands on: push it once more'});
  const packages = found.Config.Labels?.[LABEL_PACKAGES]?.split(' ') ?? [];
  print(step(`Putting ${app} onto ${stack.run}`));
  const folder = await mkdtemp(path.join(settings.scratch ?? os.tmpdir(), 'flynn-rebase-'));
  try {
    const runImage = await new PackageImages({docker, instance}).image({base: stack.run, packages, print}, signal);
    const base = await inspectImage(docker, runImage, signal);
    if (base === undefined) throw new Error(`the image "${runImage}" that apps run on is missing: "flynn up" makes it`);
    const [from, to] = [found, base].map(({Config}) => Config.Labels?.[LABEL_DEBIAN] ?? 'an unknown system');
    if (from !== to) return fail({reason: `its image stands on ${from}, and flynn/run is ${to} now: push it once more, so that it is built on that`});
    const layers = await layersAbove(docker, {image: found, count: below.length, folder}, signal);
    const image = {
      base: {architecture: base.Architecture, layers: base.RootFS.Layers ?? [], env: base.Config.Env ?? []},
      layers,
      // A tag of its own: that of the build stays with what was built.
      tag: `${instance}/${app}:rebased-${found.Id.slice(7, 19)}-${base.Id.slice(7, 19)}`,
      command: found.Config.Cmd ?? [],
      labels: {...found.Config.Labels, ...baseLabels(stack.run, base)},
      createdAtSeconds: Math.floor(Date.parse(found.Created) / 1000),
    };
    const digest = await handOver(settings, {image, runImage}, signal);
    print(detail(`The ${layers.length} layers of the app are as they were, ${to} below them is new`));
    return ok(digest as ImageDigest);
  } catch (error) {
    if (error instanceof BuildRefused) return fail({reason: error.message});
    throw error;
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

async function imageOf(docker: Docker, {app, instance, image}: {app: AppName; instance: string; image: string}, signal: AbortSignal): Promise<Docker.ImageInspectInfo | undefined> {
  return await inspectImage(docker, image, signal) ?? inspectImage(docker, standInTag({instance, app, image}), signal);
}

/** Diff ids of what an image stands on; undefined when it does not say. */
function layersBelow({Config, RootFS}: Docker.ImageInspectInfo): readonly string[] | undefined {
  const count = Number(Config.Labels?.[LABEL_BASE_LAYERS] ?? '');
  return Number.isInteger(count) && count > 0 ? (RootFS.Layers ?? []).slice(0, count) : undefined;
}

/** The layers on top of the first `count`, as files in `folder`. */
async function layersAbove(docker: Docker, {image, count, folder}: {image: Docker.ImageInspectInfo; count: number; folder: string}, signal: AbortSignal): Promise<readonly Layer[]> {
  const saved = await docker.getImage(image.Id).get() as Readable;
  // Nothing may be awaited between its start and its input.
  await execa('tar', ['--extract', '--directory', folder], {input: saved, cancelSignal: signal});
  const [{Layers: files}] = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8')) as [{Layers: readonly string[]}];
  const digests = image.RootFS.Layers ?? [];
  return Promise.all(digests.slice(count).map(async (digest, index) => {
    const file = path.join(folder, files[count + index] ?? '');
    return {digest, sizeBytes: (await stat(file)).size, content: () => createReadStream(file) as AsyncIterable<Uint8Array>};
  }));
}
