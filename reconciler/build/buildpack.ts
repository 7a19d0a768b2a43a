import {createReadStream} from 'node:fs';
import {randomBytes} from 'node:crypto';
import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {parse} from 'yaml';
import {proxyArguments} from '../../buildpacks/stack/host.ts';
import {removeContainers, withBuildContainer, type BuildContainer, type BuildContainerSpec} from '../adapters/build-container.ts';
import {inspectImage} from '../adapters/docker-build.ts';
import {LABEL_APP, LABEL_INSTANCE, LABEL_ROLE} from '../labels.ts';
import type {BuiltImage} from './build.ts';
import type {BuildpackName, Chosen} from './choose.ts';
import type {BuildContext} from './context.ts';
import {assembleImage} from './image/assemble.ts';
import {sourceTime} from './image/layers.ts';
import {textEntry, tarStream, type TarEntry} from './image/tar.ts';
import {abortable, cacheBytes, diskBytesOf, LimitExceeded, watchDisk} from './limits.ts';
import {detail, formatLimit, formatMegabytes, step, warning} from './output.ts';
import {parseProcfile} from './procfile.ts';
import {BuildRefused} from './refused.ts';

const BUILDPACKS_FOLDER = path.join(import.meta.dirname, '..', '..', 'buildpacks');
const OWNER_ID = 1000;
const PIDS_MAX = 1024;
/** After the build's own limit the container ends without us, seconds. */
const LIFETIME_SPARE_SECONDS = 60;
const TEXT_MAX = 100_000;
/** Whose pre-built binaries fit the run image's C library. */
const STACK = 'heroku-24';

/** Builds in a container of the app's own with a classic buildpack: detect, compile, release. Throws `BuildRefused` and `LimitExceeded`. */
export async function buildWithBuildpack(context: BuildContext, chosen: Extract<Chosen, {kind: 'buildpack'}>, signal: AbortSignal): Promise<BuiltImage> {
  const {docker, stack} = context.settings;
  if (!(await inspectImage(docker, stack.build, signal))) throw new Error(`the image "${stack.build}" that apps are built in is missing: "flynn up" makes it`);
  // Asking npm for its settings takes a third of a second: the container starts meanwhile.
  const files = inputs(context, signal);
  files.catch(() => {}); // Heard of where they are waited for, unless something else failed before.
  const work = async (container: BuildContainer) => {
    using watch = abortable(signal);
    void watchDisk({measure: inner => diskBytesOf(container, inner), diskBytes: context.limits.diskBytes, exceed: context.exceed}, watch.signal);
    await container.put('/tmp', tarStream(await files), signal);
    await script(container, 'tar --extract --file /tmp/source.tar --directory /tmp/build && rm /tmp/source.tar', signal);
    await limitCache(container, context, signal);
    const timeSeconds = await sourceTime(container, signal);
    const {buildpack, name} = await detect(container, context, {chosen, signal});
    await compile(container, context, {buildpack, name, signal});
    const commands = await discover(container, context, {buildpack, signal});
    context.print(step('Compressing...'));
    // Nothing that the build left running may change files while they are packed.
    await script(container, 'kill -KILL -1 || true', signal);
    const image = await assembleImage(container, context, {timeSeconds, command: commands.web ?? [], signal});
    context.print(detail(`Done: ${formatMegabytes(image.addedBytes)}`));
    return {image: image.digest, commands, builder: name, sizeBytes: image.sizeBytes};
  };
  const spec = containerSpec(context);
  // Of a reconciler that was killed in the middle of a build of this app.
  await removeContainers(docker, Object.entries(spec.labels).map(([name, value]) => `${name}=${value}`), signal);
  return withBuildContainer(docker, spec, work, signal);
}

/** A cache only grows: one that has grown beyond its limit is thrown away before it makes builds fail. */
async function limitCache(container: BuildContainer, {limits, print}: BuildContext, signal: AbortSignal): Promise<void> {
  const usedBytes = await cacheBytes(container, signal);
  if (usedBytes <= limits.cacheBytes) return;
  print(step(`Emptying the build cache: ${formatMegabytes(usedBytes)} of the ${formatLimit(limits.cacheBytes)} that it may take`));
  await script(container, 'find /tmp/cache -mindepth 1 -delete', signal);
}

function containerSpec({app, limits, settings: {instance, stack}}: BuildContext): BuildContainerSpec {
  const labels = {[LABEL_INSTANCE]: instance, [LABEL_APP]: app};
  return {
    name: `${instance}-build-${app}-${randomBytes(3).toString('hex')}`,
    image: stack.build,
    labels: {...labels, [LABEL_ROLE]: 'build'},
    memoryBytes: limits.memoryBytes,
    cpus: limits.cpus,
    pidsMax: PIDS_MAX,
    lifetimeSeconds: Math.ceil(limits.timeMs / 1000) + LIFETIME_SPARE_SECONDS,
    volume: {name: cacheVolume(instance, app), target: '/tmp/cache', labels: {...labels, [LABEL_ROLE]: 'build'}},
  };
}

export function cacheVolume(instance: string, app: string): string {
  return `${instance}-cache-${app}`;
}

/** Files for /tmp: the source, the buildpacks, a file a config var, the host's npm settings. */
async function inputs({files, env, settings}: BuildContext, signal: AbortSignal): Promise<readonly TarEntry[]> {
  const scripts = await Promise.all(
    ['nodejs', 'static'].map(async buildpack => {
      const folder = path.join(BUILDPACKS_FOLDER, buildpack);
      const names = (await readdir(folder, {recursive: true, withFileTypes: true})).filter(entry => entry.isFile());
      return Promise.all(
        names.map(async entry => {
          const file = path.join(entry.parentPath, entry.name);
          return textEntry(`buildpacks/${buildpack}/${path.relative(folder, file)}`, await readFile(file, 'utf8'), {mode: 0o755, ownerId: OWNER_ID});
        }),
      );
    }),
  );
  const variables = Object.entries(env).filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]{0,90}$/.test(name));
  return [
    {name: 'source.tar', sizeBytes: files.sizeBytes, ownerId: OWNER_ID, content: () => createReadStream(files.tarFile) as AsyncIterable<Buffer>},
    textEntry('npmrc', await settings.npmrc(signal), {ownerId: OWNER_ID}),
    ...scripts.flat(),
    ...variables.map(([name, value]) => textEntry(`env/${name}`, value, {mode: 0o600, ownerId: OWNER_ID})),
  ];
}

async function detect(container: BuildContainer, {print}: BuildContext, {chosen, signal}: {chosen: Extract<Chosen, {kind: 'buildpack'}>; signal: AbortSignal}): Promise<{buildpack: BuildpackName; name: string}> {
  for (const buildpack of chosen.candidates) {
    const lines: string[] = [];
    const {exitCode} = await container.run({words: [`/tmp/buildpacks/${buildpack}/bin/detect`, '/tmp/build'], env: buildEnv()}, line => lines.push(line), signal);
    const name = lines[0]?.trim();
    if (exitCode !== 0 || !name) continue;
    if (chosen.isConfigured) print(step(`Using buildpack: ${buildpack}`));
    else print(step('Determining which buildpack to use for this app'));
    print(step(`${name} app detected`));
    return {buildpack, name};
  }
  if (chosen.isConfigured) {
    print(step(`App not compatible with buildpack: ${chosen.candidates.join(', ')}`));
    throw new BuildRefused(`the app does not look like one for the buildpack "${chosen.candidates.join(', ')}"`);
  }
  print(warning('No default language could be detected for this app.'));
  print('\t\t\tHINT: This occurs when no buildpack recognizes the files at the root of the repository:');
  print('\t\t\ta package.json (Node.js), an index.html or public/index.html (static site), or a Dockerfile.');
  throw new BuildRefused('no buildpack fits the app');
}

async function compile(container: BuildContainer, {print, sourceCommit, limits}: BuildContext, {buildpack, name, signal}: {buildpack: BuildpackName; name: string; signal: AbortSignal}): Promise<void> {
  const folder = `/tmp/buildpacks/${buildpack}`;
  const command = {
    // Both streams through one pipe, so that their lines keep their order.
    words: ['bash', '-c', 'exec "$@" 2>&1', 'compile', `${folder}/bin/compile`, '/tmp/build', '/tmp/cache', '/tmp/env'],
    // Undocumented and it matters: some buildpacks use paths relative to their own root.
    folder,
    env: {...buildEnv(), ...proxyArguments(process.env), SOURCE_VERSION: sourceCommit, REQUEST_ID: sourceCommit},
  };
  const {exitCode} = await container.run(command, print, signal);
  if (exitCode === 0) return;
  if (exitCode === 137 || (await container.wasOutOfMemory(signal))) throw new LimitExceeded(`the build used more than ${formatLimit(limits.memoryBytes)} of memory`);
  throw new BuildRefused(`failed to compile ${name} app`);
}

/** The Procfile's services and, for those that it does not name, the buildpack's. */
async function discover(container: BuildContainer, {print}: BuildContext, {buildpack, signal}: {buildpack: BuildpackName; signal: AbortSignal}): Promise<Record<string, readonly string[]>> {
  const both = await script(container, `head -c ${TEXT_MAX} Procfile 2>/dev/null; printf '\\0'; /tmp/buildpacks/${buildpack}/bin/release /tmp/build | head -c ${TEXT_MAX}`, signal);
  const [procfileText = '', releaseText = ''] = both.split('\0');
  const procfile = parseProcfile(procfileText);
  const defaults = defaultServices(releaseText);
  const declared = Object.keys(procfile.services);
  const added = Object.keys(defaults).filter(name => !declared.includes(name));
  print(step('Discovering process types'));
  for (const text of procfile.warnings) print(warning(text));
  if (declared.length > 0 || added.length === 0) print(detail(`Procfile declares types -> ${declared.join(', ') || '(none)'}`));
  if (added.length > 0) print(detail(`Default types for buildpack -> ${added.join(', ')}`));
  return Object.fromEntries(Object.entries({...defaults, ...procfile.services}).map(([name, line]) => [name, [line]]));
}

/** `default_process_types` of `bin/release`, which may print nothing at all. */
function defaultServices(yaml: string): Readonly<Record<string, string>> {
  const release: unknown = parse(yaml);
  const types = typeof release === 'object' && release !== null ? (release as {default_process_types?: unknown}).default_process_types : undefined;
  if (typeof types !== 'object' || types === null) return {};
  return Object.fromEntries(Object.entries(types).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function buildEnv(): Record<string, string> {
  return {HOME: '/app', STACK, CURL_CONNECT_TIMEOUT: '30', CURL_TIMEOUT: '600', NPM_CONFIG_GLOBALCONFIG: '/tmp/npmrc'};
}

/** Runs bash in /tmp/build. Gives its stdout, throws when it fails. */
async function script(container: BuildContainer, text: string, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of container.read({words: ['bash', '-c', text], folder: '/tmp/build', env: buildEnv()}, signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
