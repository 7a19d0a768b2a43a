import {createReadStream} from 'node:fs';
import path from 'node:path';
import {proxyArguments} from '../../buildpacks/stack/host.ts';
import type {ImageDigest} from '../../schemas/ids.ts';
import {removeContainer, writtenBytes} from '../adapters/build-container.ts';
import {buildDockerfile, BuildStepFailed, inspectImage, removeImage} from '../adapters/docker-build.ts';
import type {BuiltImage} from './build.ts';
import type {BuildContext} from './context.ts';
import {textEntry, tarStream} from './image/tar.ts';
import {rememberLayers} from './layers-made.ts';
import {abortable, LimitExceeded, watchDisk} from './limits.ts';
import {detail, formatLimit, formatMegabytes, step, warning} from './output.ts';
import {parseProcfile} from './procfile.ts';
import {BuildRefused} from './refused.ts';

/** Cleaning up after a build that was stopped, milliseconds. */
const CLEAN_MS = 10_000;

/** Builds the app's own Dockerfile with the engine's builder. Its EXPOSE counts nothing: a service listens on $PORT. */
export async function buildWithDockerfile(context: BuildContext, signal: AbortSignal): Promise<BuiltImage> {
  const {print, limits, settings} = context;
  const {docker} = settings;
  print(step('Dockerfile found: building with it (a buildpack named in .buildpacks or BUILDPACK_URL would go first)'));
  // What the engine makes on the way, told by its output.
  const made: Made = {layers: new Set(), container: undefined};
  const onLine = (line: string) => {
    const layer = /^ ---> ([0-9a-f]{12})$/.exec(line)?.[1];
    if (layer) made.layers.add(layer);
    made.container = /^ ---> Running in ([0-9a-f]{12})$/.exec(line)?.[1] ?? made.container;
    print(detail(line));
  };
  using watch = abortable(signal);
  const measure = async (inner: AbortSignal) => (made.container ? writtenBytes(docker, made.container, inner) : 0);
  void watchDisk({measure, diskBytes: limits.diskBytes, exceed: context.exceed}, watch.signal);
  try {
    const id = await buildDockerfile(
      docker,
      {
        context: createReadStream(context.files.tarFile),
        tag: context.tag,
        arguments: proxyArguments(process.env),
        labels: context.labels,
        network: 'bridge',
        memoryBytes: limits.memoryBytes,
        cpus: limits.cpus,
        onLine,
      },
      signal,
    );
    await removeImage(docker, failedTag(context), signal);
    const image = await describe(context, id, signal);
    // The image is there: what could not be cleared away is tried again after the next build.
    await rememberLayers(docker, {folder: path.join(settings.logs, context.app), layers: made.layers}, signal).catch(() => signal.throwIfAborted());
    return image;
  } catch (error) {
    if (error instanceof BuildStepFailed && !signal.aborted) {
      await keepForNextTime(context, made, signal);
      throw refusal(context, error);
    }
    await removeMade(context, made);
    throw error;
  }
}

interface Made {
  readonly layers: Set<string>;
  container: string | undefined;
}

/** The steps that went well, so that the next try need not repeat them. One per app is kept, with a name and our labels: nothing is lost from sight. */
async function keepForNextTime(context: BuildContext, {layers}: Made, signal: AbortSignal): Promise<void> {
  const {docker} = context.settings;
  const last = [...layers].at(-1);
  if (!last) return;
  const tag = failedTag(context);
  const previous = await inspectImage(docker, tag, signal);
  const archive = tarStream([textEntry('Dockerfile', `FROM ${last}\n`)]);
  const id = await buildDockerfile(docker, {context: archive, tag, arguments: {}, labels: context.labels, network: 'bridge', memoryBytes: 0, cpus: 0, onLine: () => {}}, signal);
  if (previous && previous.Id !== id) await removeImage(docker, previous.Id, signal);
}

function failedTag({app, settings: {instance}}: BuildContext): string {
  return `${instance}/${app}:failed`;
}

async function describe({files, print, limits, settings: {docker}, tag}: BuildContext, id: string, signal: AbortSignal): Promise<BuiltImage> {
  const image = await inspectImage(docker, id, signal);
  if (!image) throw new Error(`the engine built the image "${tag}" and does not know it`);
  if (image.Size > limits.diskBytes) {
    await removeImage(docker, tag, signal);
    throw new LimitExceeded(`the image has ${formatMegabytes(image.Size)}, more than the build's ${formatLimit(limits.diskBytes)} of disk`);
  }
  const procfile = parseProcfile((await files.text('Procfile')) ?? '');
  const declared = Object.entries(procfile.services);
  print(step('Discovering process types'));
  for (const text of procfile.warnings) print(warning(text));
  print(detail(declared.length > 0 ? `Procfile declares types -> ${declared.map(([name]) => name).join(', ')}` : 'Dockerfile declares types -> web'));
  print(step('Compressing...'));
  print(detail(`Done: ${formatMegabytes(image.Size)}`));
  return {
    image: image.Id as ImageDigest,
    // An image has no launcher of ours: a Procfile's line needs a shell. No words: the image's own command.
    commands: declared.length > 0 ? Object.fromEntries(declared.map(([name, line]) => [name, ['/bin/sh', '-c', line]])) : {web: []},
    builder: 'Dockerfile',
    sizeBytes: image.Size,
  };
}

function refusal({print, limits}: BuildContext, error: BuildStepFailed): Error {
  for (const line of error.message.split('\n')) print(warning(line));
  if (/pull access denied|manifest unknown|not found: manifest|dial tcp|lookup .*:53|no such host|Client\.Timeout|failed to resolve/.test(error.message)) {
    print(warning('An image that the Dockerfile starts FROM is not on this machine and can\'t be pulled: check its name and'));
    print(warning("the machine's access to the registry; flynn/run and flynn/build are always there."));
    return new BuildRefused('the base image of the Dockerfile is out of reach');
  }
  if (/returned a non-zero code: 137/.test(error.message)) return new LimitExceeded(`a step of the Dockerfile used more than ${formatLimit(limits.memoryBytes)} of memory`);
  return new BuildRefused('failed to build the Dockerfile');
}

/** After a build that was stopped: what was made and has no name, newest first. Named images, such as the FROM, are not touched. */
async function removeMade({settings: {docker}}: BuildContext, {layers, container}: Made): Promise<void> {
  const signal = AbortSignal.timeout(CLEAN_MS);
  if (container) await removeContainer(docker, container).catch(() => {});
  for (const id of [...layers].reverse()) {
    const image = await inspectImage(docker, id, signal).catch(() => undefined);
    if (image && (image.RepoTags ?? []).length === 0) await removeImage(docker, id, signal).catch(() => {});
  }
}
