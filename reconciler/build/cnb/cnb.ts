import type {BuildContainer} from '../../adapters/build-container.ts';
import type {BuiltImage, UsedBuildpack} from '../build.ts';
import type {BuildContext} from '../context.ts';
import type {Buildpack} from '../fetch.ts';
import {assembleImage} from '../image/assemble.ts';
import {tarStream, textEntry} from '../image/tar.ts';
import {detail, formatMegabytes, step, warning} from '../output.ts';
import {parseProcfile} from '../procfile.ts';
import {BuildRefused} from '../refused.ts';
import {buildGroup, type Built} from './build.ts';
import {layersFolder, type Descriptor} from './descriptor.ts';
import {detectGroup} from './detect.ts';
import type {LayerContents} from './environment.ts';
import {keepLayers, restoreLayers, reuseLayers} from './keep.ts';
import {launchScript} from './launch.ts';
import {APP_FOLDER, CONFIG_FOLDER, LAYERS_FOLDER} from './places.ts';
import {combineProcesses, servicesOf, type Services} from './processes.ts';
import {readLayers, runIn} from './read.ts';
import {prepare, takeAppBack} from './setting.ts';
import {writeToml} from './toml.ts';

const PROCFILE_MAX = 100_000;
const LABELS_MAX = 100;
/** An engine stacks about 125, those of the run image and of the app included. */
const LAYERS_MAX = 100;

interface CloudNativeBuild {
  readonly container: BuildContainer;
  /** In the order in which somebody named them; all of this kind. */
  readonly buildpacks: readonly Buildpack[];
  /** Of the source, seconds since 1970. */
  readonly timeSeconds: number;
}

/**
 * Builds with Cloud Native Buildpacks (github.com/buildpacks/spec, Buildpack API 0.10 to 0.12) in a container where the source and they are: detects, restores layers,
 * builds, keeps layers, makes the image. Throws `BuildRefused` and `LimitExceeded`.
 */
export async function buildCloudNative(context: BuildContext, {container, buildpacks, timeSeconds}: CloudNativeBuild, signal: AbortSignal): Promise<BuiltImage> {
  const setting = await prepare(container, context, {buildpacks, signal});
  const group = await detectGroup(container, context, {setting, signal});
  const restored = await restoreLayers(container, group.participants.map(({id}) => id), signal);
  if (restored.length > 0) context.print(step(`Restoring layers of the last build: ${restored.join(', ')}`));
  const built = await buildGroup(container, context, {group, setting, signal});
  const layers = await launchLayers(container, {built, signal});
  const services = await discover(container, context, {built, signal});
  await keepLayers(container, built, signal);
  await writeLaunch(container, {participants: group.participants, layers, services, signal});
  context.print(step('Compressing...'));
  await takeAppBack(container, signal);
  const image = await assembleImage(container, context, {
    runImage: context.settings.stack.run,
    timeSeconds,
    command: services.commands.web ?? [],
    labels: labelsOf(built),
    folders: [...layers.flat().map(({folder}) => folder), CONFIG_FOLDER],
    signal,
  });
  context.print(detail(`Done: ${formatMegabytes(image.addedBytes)}`));
  return {
    image: image.digest,
    commands: services.commands,
    builder: group.participants.map(({name}) => name).join(', '),
    sizeBytes: image.sizeBytes,
    buildpacks: buildpacks.flatMap(buildpack => used(buildpack, {participants: group.participants, chosen: setting.chosen})),
  };
}

/** The layers that go into the image, buildpack by buildpack, by name; those that are to be taken from the last build are there then. */
async function launchLayers(container: BuildContainer, {built, signal}: {built: readonly Built[]; signal: AbortSignal}): Promise<readonly (readonly LayerContents[])[]> {
  const wanted = built.map(({id, layers}) => ({id, names: [...layers].filter(([, {isForLaunch}]) => isForLaunch).map(([name]) => name).sort()}));
  const before = await Promise.all(wanted.map(({id}) => readLayers(container, layersFolder(id), signal)));
  const missing = wanted.flatMap(({id, names}, index) => names.filter(name => before[index]?.layers.has(name) !== true).map(layer => ({id, layer})));
  if (wanted.flatMap(({names}) => names).length > LAYERS_MAX) throw new BuildRefused(`the buildpacks left more than ${LAYERS_MAX} layers for the image`);
  await reuseLayers(container, missing, signal);
  const after = missing.length === 0 ? before : await Promise.all(wanted.map(({id}) => readLayers(container, layersFolder(id), signal)));
  return wanted.map(({names}, index) => names.flatMap(name => after[index]?.layers.get(name) ?? []));
}

/** The Procfile's services and, for those that it does not name, the processes of buildpacks. */
async function discover(container: BuildContainer, {print}: BuildContext, {built, signal}: {built: readonly Built[]; signal: AbortSignal}): Promise<Services> {
  const procfile = parseProcfile(await runIn(container, {folder: APP_FOLDER, text: `head -c ${PROCFILE_MAX} Procfile 2>/dev/null || true`}, signal));
  const offered = servicesOf(combineProcesses(built.flatMap(({launch}) => launch.processes)));
  const declared = Object.keys(procfile.services);
  const added = Object.keys(offered.commands).filter(name => !declared.includes(name));
  print(step('Discovering process types'));
  for (const text of [...procfile.warnings, ...offered.warnings]) print(warning(text));
  if (declared.length > 0 || added.length === 0) print(detail(`Procfile declares types -> ${declared.join(', ') || '(none)'}`));
  if (added.length > 0) print(detail(`Buildpacks declare types -> ${added.join(', ')}`));
  return {
    commands: {...offered.commands, ...Object.fromEntries(Object.entries(procfile.services).map(([name, line]) => [name, [line]]))},
    types: {...Object.fromEntries(declared.map(name => [name, name])), ...offered.types},
    warnings: [],
  };
}

interface LaunchFiles {
  readonly participants: readonly Descriptor[];
  readonly layers: readonly (readonly LayerContents[])[];
  readonly services: Services;
  readonly signal: AbortSignal;
}

/** What the app is started with, and the list of buildpacks where the specification has it. */
async function writeLaunch(container: BuildContainer, {participants, layers, services, signal}: LaunchFiles): Promise<void> {
  const script = await launchScript(layers, services.types);
  const metadata = writeToml({
    buildpacks: participants.map(({id, version, api}) => ({id, version, api})),
    processes: Object.entries(services.commands).map(([service, command]) => ({type: services.types[service] ?? service, command, direct: command.length > 1})),
  });
  const own = {mode: 0o755, ownerId: 1000};
  const folder = CONFIG_FOLDER.slice(LAYERS_FOLDER.length + 1);
  await container.put(LAYERS_FOLDER, tarStream([textEntry(`${folder}/`, '', own), textEntry(`${folder}/launch.sh`, script, own), textEntry(`${folder}/metadata.toml`, metadata, {ownerId: 1000})]), signal);
  await runIn(container, {folder: APP_FOLDER, text: `mkdir -p .profile.d && echo '. ${CONFIG_FOLDER}/launch.sh' >.profile.d/000_layers.sh`}, signal);
}

/** Later buildpacks win. Names that are ours are nobody else's. */
function labelsOf(built: readonly Built[]): Readonly<Record<string, string>> {
  const labels = built.flatMap(({launch}) => Object.entries(launch.labels)).filter(([key]) => key !== '' && !key.startsWith('flynn.'));
  return Object.fromEntries(labels.slice(-LABELS_MAX));
}

/** A fetched folder had a part when a buildpack in it did, or its order; which ones took part is what it reports. */
function used({name, commit, sha256, folder}: Buildpack, {participants, chosen}: {participants: readonly Descriptor[]; chosen: readonly Descriptor[]}): readonly UsedBuildpack[] {
  const own = participants.filter(one => one.folder === folder || one.folder.startsWith(`${folder}/`)).map(({id, version}) => [id, version] as const);
  if (own.length === 0 && !chosen.some(one => one.folder === folder && one.order.length > 0)) return [];
  return [{name, ...(commit !== undefined && {commit}), ...(sha256 !== undefined && {sha256}), ...(own.length > 0 && {report: Object.fromEntries(own)})}];
}
