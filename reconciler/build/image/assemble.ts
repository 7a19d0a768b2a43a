import type {ImageDigest} from '../../../schemas/ids.ts';
import type {BuildContainer} from '../../adapters/build-container.ts';
import {inspectImage} from '../../adapters/docker-build.ts';
import {LABEL_PACKAGES} from '../../labels.ts';
import type {BuildContext} from '../context.ts';
import type {ImageDescription} from './archive.ts';
import {handOver} from './hand-over.ts';
import {appLayers} from './layers.ts';
import {baseLabels, standardLabels} from './labels.ts';
import {biggestOf, checkImageSize} from './size.ts';

export interface AssembledImage {
  readonly digest: ImageDigest;
  readonly sizeBytes: number;
  /** Of the app's own layers, without what it stands on. */
  readonly addedBytes: number;
}

interface Assembly {
  /** Name of the image that the app runs on: the stack's, or one that stands on it. */
  readonly runImage: string;
  /** The source's time, seconds since 1970. */
  readonly timeSeconds: number;
  readonly command: readonly string[];
  /** Beside the build's own, which win. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Folders outside of the app that go into the image, see `AppFiles`. */
  readonly folders?: readonly string[];
  readonly signal: AbortSignal;
}

/** Makes the app's image of the files in /tmp/build and the run image. The same files give the same digest. */
export async function assembleImage(container: BuildContainer, context: BuildContext, {runImage, timeSeconds, command, labels = {}, folders = [], signal}: Assembly): Promise<AssembledImage> {
  const {docker, stack} = context.settings;
  const base = await inspectImage(docker, runImage, signal);
  if (!base) throw new Error(`the image "${runImage}" that apps run on is missing: "flynn up" makes it`);
  const layers = await appLayers(container, {sourceTimeSeconds: timeSeconds, folders}, signal);
  const addedBytes = layers.reduce((sum, {sizeBytes}) => sum + sizeBytes, 0);
  if (base.Size + addedBytes > context.limits.imageBytes) checkImageSize({sizeBytes: base.Size + addedBytes, limits: context.limits, biggest: await biggestOf(container, signal)});
  const image: ImageDescription = {
    base: {architecture: base.Architecture, layers: base.RootFS.Layers ?? [], env: base.Config.Env ?? []},
    layers,
    tag: context.tag,
    command,
    labels: {...labels, ...withPackages(context.labels, base.Config.Labels?.[LABEL_PACKAGES]), ...standardLabels(context, timeSeconds), ...baseLabels(stack.run, base)},
    createdAtSeconds: timeSeconds,
  };
  const digest = await handOver(context.settings, {image, runImage}, signal);
  const made = await inspectImage(docker, digest, signal);
  if (!made) throw new Error(`the engine took the image "${context.tag}" and does not know it`);
  return {
    digest: made.Id as ImageDigest,
    sizeBytes: made.Size,
    addedBytes,
  };
}

/** Whoever puts the app onto another run image has to know what that needs. */
function withPackages(labels: Readonly<Record<string, string>>, packages: string | undefined): Readonly<Record<string, string>> {
  return packages === undefined ? labels : {...labels, [LABEL_PACKAGES]: packages};
}
