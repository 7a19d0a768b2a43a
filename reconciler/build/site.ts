import {createReadStream} from 'node:fs';
import {randomBytes} from 'node:crypto';
import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {Readable} from 'node:stream';
import {BUILT_IN_BUILDPACKS} from '../../schemas/buildpacks.ts';
import {removeContainers, withBuildContainer, type BuildContainer, type BuildContainerSpec} from '../adapters/build-container.ts';
import {inspectImage} from '../adapters/docker-build.ts';
import {LABEL_APP, LABEL_INSTANCE, LABEL_ROLE} from '../labels.ts';
import type {BuildContext} from './context.ts';
import {textEntry, tarStream, type TarEntry} from './image/tar.ts';
import {abortable, cacheBytes, diskBytesOf, PROCESSES_MAX, watchDisk} from './limits.ts';
import {formatLimit, formatMegabytes, step} from './output.ts';
import {BUILDPACKS_FOLDER, CACHE_FOLDER, runAlone, runScript} from './shell.ts';

const OURS = path.join(import.meta.dirname, '..', '..', 'buildpacks');
const OWNER_ID = 1000;
/** After the build's own limit the container ends without us, seconds. */
const LIFETIME_SPARE_SECONDS = 60;

/** Lends a container in which the source, our buildpacks, a file a config var and the host's npm settings are. */
export async function withBuildSite<Value>(context: BuildContext, use: (container: BuildContainer) => Promise<Value>, signal: AbortSignal): Promise<Value> {
  const {docker, stack} = context.settings;
  if (!(await inspectImage(docker, stack.build, signal))) throw new Error(`the image "${stack.build}" that apps are built in is missing: "flynn up" makes it`);
  // Asking npm for its settings takes a third of a second: the container starts meanwhile.
  const files = inputs(context, signal);
  files.catch(() => {}); // Heard of where they are waited for, unless something else failed before.
  const spec = containerSpec(context, stack.build);
  // Of a reconciler that was killed in the middle of a build of this app.
  await removeContainers(docker, Object.entries(spec.labels).map(([name, value]) => `${name}=${value}`), signal);
  return withWatchedContainer(context, spec, async (container) => {
    await container.put('/tmp', tarStream(await files), signal);
    await runScript(container, `tar --extract --file /tmp/source.tar && tar --extract --file /tmp/buildpacks.tar --directory ${BUILDPACKS_FOLDER} && rm /tmp/source.tar /tmp/buildpacks.tar`, signal);
    await limitCache(container, context, signal);
    const value = await use(container);
    // There is an image: what can't be looked at now is looked at before the next build.
    await limitCache(container, context, signal).catch(() => signal.throwIfAborted());
    return value;
  }, signal);
}

/** Lends a container of another image to which all has moved that was made in this one. The cache is the same one. */
export async function moveBuildSite<Value>(from: BuildContainer, {context, image, use}: {context: BuildContext; image: string; use: (container: BuildContainer) => Promise<Value>}, signal: AbortSignal): Promise<Value> {
  await endAll(from, signal);
  return withWatchedContainer(context, containerSpec(context, image), async (container) => {
    const words = ['tar', '--create', '--directory', '/', '--anchored', `--exclude=${CACHE_FOLDER.slice(1)}`, 'tmp', 'app'];
    await container.put('/', Readable.from(from.read({words}, signal), {objectMode: false}), signal);
    return use(container);
  }, signal);
}

/** Nothing that a script left running may change files from now on. */
export async function endAll(container: BuildContainer, signal: AbortSignal): Promise<void> {
  await runAlone(container, ':', signal);
}

export function cacheVolume(instance: string, app: string): string {
  return `${instance}-cache-${app}`;
}

async function withWatchedContainer<Value>(context: BuildContext, spec: BuildContainerSpec, use: (container: BuildContainer) => Promise<Value>, signal: AbortSignal): Promise<Value> {
  return withBuildContainer(context.settings.docker, spec, async (container) => {
    using watch = abortable(signal);
    void watchDisk({measure: inner => diskBytesOf(container, inner), diskBytes: context.limits.diskBytes, exceed: context.exceed}, watch.signal);
    return await use(container);
  }, signal);
}

function containerSpec({app, limits, settings: {instance}}: BuildContext, image: string): BuildContainerSpec {
  const labels = {[LABEL_INSTANCE]: instance, [LABEL_APP]: app};
  return {
    name: `${instance}-build-${app}-${randomBytes(3).toString('hex')}`,
    image,
    labels: {...labels, [LABEL_ROLE]: 'build'},
    memoryBytes: limits.memoryBytes,
    cpus: limits.cpus,
    pidsMax: PROCESSES_MAX,
    lifetimeSeconds: Math.ceil(limits.timeMs / 1000) + LIFETIME_SPARE_SECONDS,
    volume: {name: cacheVolume(instance, app), target: CACHE_FOLDER, labels: {...labels, [LABEL_ROLE]: 'build'}},
  };
}

/** Files for /tmp. */
async function inputs({files, env, settings}: BuildContext, signal: AbortSignal): Promise<readonly TarEntry[]> {
  const variables = Object.entries(env).filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]{0,90}$/.test(name));
  return [
    {name: 'source.tar', sizeBytes: files.sizeBytes, ownerId: OWNER_ID, content: () => createReadStream(files.tarFile) as AsyncIterable<Buffer>},
    // A tar in the tar, which the build's own user unpacks: folders are its own then, and `export` can be written into them.
    await ourBuildpacks(),
    textEntry('npmrc', await settings.npmrc(signal), {ownerId: OWNER_ID}),
    ...variables.map(([name, value]) => textEntry(`env/${name}`, value, {mode: 0o600, ownerId: OWNER_ID})),
  ];
}

async function ourBuildpacks(): Promise<TarEntry> {
  const folders = await Promise.all(BUILT_IN_BUILDPACKS.map(async (name) => {
    const files = (await readdir(path.join(OURS, name), {recursive: true, withFileTypes: true})).filter((entry) => entry.isFile());
    return Promise.all(files.map(async (entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return textEntry(path.relative(OURS, file), await readFile(file, 'utf8'), {mode: 0o755});
    }));
  }));
  const chunks: Buffer[] = [];
  for await (const chunk of tarStream(folders.flat())) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return {name: 'buildpacks.tar', sizeBytes: bytes.length, ownerId: OWNER_ID, content: () => [bytes]};
}

/** A cache only grows: one that has grown beyond its limit is thrown away before it makes builds fail. */
async function limitCache(container: BuildContainer, {limits, print}: BuildContext, signal: AbortSignal): Promise<void> {
  const usedBytes = await cacheBytes(container, signal);
  if (usedBytes <= limits.cacheBytes) return;
  print(step(`Emptying the build cache: ${formatMegabytes(usedBytes)} of the ${formatLimit(limits.cacheBytes)} that it may take`));
  // Go, for one, takes the right to write away from what it keeps.
  await runScript(container, `chmod --recursive u+rwX ${CACHE_FOLDER}/; find ${CACHE_FOLDER} -mindepth 1 -delete`, signal);
}
