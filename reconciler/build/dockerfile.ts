import path from 'node:path';
import {proxyArguments} from '../../buildpacks/stack/host.ts';
import type {ImageDigest} from '../../schemas/ids.ts';
import {looksSecret} from '../../schemas/looks-secret.ts';
import {removeContainer, writtenBytes} from '../adapters/build-container.ts';
import {buildDockerfile, BuildStepFailed, inspectImage, removeImage} from '../adapters/docker-build.ts';
import type {BuiltImage} from './build.ts';
import type {BuildContext} from './context.ts';
import {dockerContext} from './docker-context.ts';
import {buildkitBuild} from './dockerfile-buildkit.ts';
import {needsBuildkit} from './dockerfile-features.ts';
import {forbiddenSource} from './dockerfile-sources.ts';
import {refusal, type Asked} from './dockerfile-refusal.ts';
import {newestTime, standardLabels} from './image/labels.ts';
import {checkImageSize} from './image/size.ts';
import {textEntry, tarStream} from './image/tar.ts';
import {rememberLayers} from './layers-made.ts';
import {abortable, watchDisk} from './limits.ts';
import {detail, formatMegabytes, step, warning} from './output.ts';
import {parseProcfile} from './procfile.ts';
import {BuildRefused} from './refused.ts';
import {TEXT_MAX} from './source.ts';

export const DOCKERFILE = 'Dockerfile';
/** Cleaning up after a build that was stopped, milliseconds. */
const CLEAN_MS = 10_000;

/** Builds the app's own Dockerfile with the engine's builders. Its EXPOSE counts nothing: a service listens on $PORT. */
export async function buildWithDockerfile(context: BuildContext, signal: AbortSignal): Promise<BuiltImage> {
  const {build: {dockerfile = DOCKERFILE} = {}, files, print} = context;
  const text = await files.text(dockerfile);
  if (text === undefined) throw new BuildRefused(`there is no file "${dockerfile}" in the source, which is to be built by build.dockerfile in app.yaml`);
  if (text.length >= TEXT_MAX) throw new BuildRefused(`"${dockerfile}" is longer than the ${TEXT_MAX} characters that are read of it`);
  // The engine follows links in the context; what we have read is what has to be built.
  if (text.trim() === '') throw new BuildRefused(`"${dockerfile}" is empty, or a link: name the file itself by build.dockerfile in app.yaml`);
  const forbidden = forbiddenSource(text, context.build?.args ?? {});
  if (forbidden !== undefined) throw new BuildRefused(forbidden);
  print(step(context.build?.dockerfile === undefined ? 'Dockerfile found: building with it (a buildpack named in .buildpacks or BUILDPACK_URL would go first)' : `Building with ${dockerfile}`));
  const asked = await askedOf(context, dockerfile);
  const reason = needsBuildkit(text);
  const id = reason === undefined ? await classicBuild(context, asked, signal) : await buildkitBuild(context, {...asked, text, reason}, signal);
  return describe(context, id, signal);
}

async function askedOf(context: BuildContext, dockerfile: string): Promise<Asked> {
  const {build: {target, args = {}} = {}, files, labels, print, tag} = context;
  for (const [name, value] of Object.entries(args)) {
    const why = looksSecret(name, value);
    if (why !== undefined) print(warning(`build.args.${name} looks like a secret (${why}), and arguments of a build stay readable in its image`));
  }
  return {
    context: await dockerContext(files, dockerfile),
    dockerfile,
    ...(target === undefined ? {} : {target}),
    tag,
    arguments: {...proxyArguments(process.env), ...args},
    labels: {...labels, ...standardLabels(context, await newestTime(files.tarFile))},
  };
}

/** The engine's classic builder: it has the limits of other builds, and what it made on the way can be found again. */
async function classicBuild(context: BuildContext, asked: Asked, signal: AbortSignal): Promise<string> {
  const {print, limits, settings} = context;
  const {docker} = settings;
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
    const {labels, tag, ...unlabelled} = asked;
    const built = await buildDockerfile(docker, {...unlabelled, labels: {}, network: 'bridge', memoryBytes: limits.memoryBytes, cpus: limits.cpus, onLine}, signal);
    made.layers.add(built.replace('sha256:', '').slice(0, 12));
    const id = await labelled(context, {image: built, labels, tag}, signal);
    await removeImage(docker, failedTag(context), signal);
    // The image is there: what could not be cleared away is tried again after the next build.
    await rememberLayers(docker, {folder: path.join(settings.logs, context.app), layers: made.layers}, signal).catch(() => signal.throwIfAborted());
    return id;
  } catch (error) {
    if (error instanceof BuildStepFailed && !signal.aborted) {
      await keepForNextTime(context, made, signal);
      throw refusal(context, error);
    }
    await removeMade(context, made);
    throw error;
  }
}

/** One step for all labels: told to the builder itself, each would be a step of its own, with a container and three lines of output. */
async function labelled({settings: {docker}}: BuildContext, {image, labels, tag}: {image: string; labels: Readonly<Record<string, string>>; tag: string}, signal: AbortSignal): Promise<string> {
  const quoted = (text: string) => JSON.stringify(text).replaceAll('$', '\\$');
  const line = Object.entries(labels).map(([name, value]) => `${quoted(name)}=${quoted(value)}`).join(' ');
  return buildDockerfile(docker, {context: tarStream([textEntry('Dockerfile', `FROM ${image}\nLABEL ${line}\n`)]), tag, arguments: {}, labels: {}, network: 'bridge', memoryBytes: 0, cpus: 0, onLine: () => {}}, signal);
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
  try {
    checkImageSize({sizeBytes: image.Size, limits});
  } catch (error) {
    await removeImage(docker, tag, signal);
    throw error;
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

/** After a build that was stopped: what was made and has no name, newest first. Named images, such as the FROM, are not touched. */
async function removeMade({settings: {docker}}: BuildContext, {layers, container}: Made): Promise<void> {
  const signal = AbortSignal.timeout(CLEAN_MS);
  if (container) await removeContainer(docker, container).catch(() => {});
  for (const id of [...layers].reverse()) {
    const image = await inspectImage(docker, id, signal).catch(() => undefined);
    if (image && (image.RepoTags ?? []).length === 0) await removeImage(docker, id, signal).catch(() => {});
  }
}
