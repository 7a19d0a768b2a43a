import type {BuildContainer} from '../../adapters/build-container.ts';
import type {BuildContext} from '../context.ts';
import {step} from '../output.ts';
import {tarStream, textEntry} from '../image/tar.ts';
import {makeReadable} from '../readable.ts';
import {BuildRefused} from '../refused.ts';
import {layersFolder, type Descriptor} from './descriptor.ts';
import {checkMemory, scriptEnv, type DetectedGroup} from './detect.ts';
import {applyChanges, buildChanges} from './environment.ts';
import type {LeftLayers} from './keep.ts';
import {readLayer, type LayerTypes} from './layer.ts';
import {APP_FOLDER, LAYERS_FOLDER, PLANS_FOLDER, PLATFORM_FOLDER} from './places.ts';
import {buildpackPlan, readUnmet, remainingPlan} from './plan.ts';
import {readLaunch, type Launch} from './processes.ts';
import {inFolder, readLayers, runIn} from './read.ts';
import type {Setting} from './setting.ts';

/** Files of a buildpack's folder in /layers that are no layer's. */
const OTHER_FILES = ['build.toml', 'launch.toml', 'store.toml'];

/** What one buildpack's `bin/build` left. */
export interface Built extends LeftLayers {
  readonly launch: Launch;
}

/** Runs `bin/build` of each buildpack in order. Each finds what those before it left in layers for builds. */
export async function buildGroup(container: BuildContainer, context: BuildContext, {group, setting, signal}: {group: DetectedGroup; setting: Setting; signal: AbortSignal}): Promise<readonly Built[]> {
  const all: Built[] = [];
  let {env} = setting;
  let {entries} = group;
  for (const [number, descriptor] of group.participants.entries()) {
    const plan = buildpackPlan(entries, descriptor.id);
    context.print(step(`${descriptor.name} ${descriptor.version}`.trim()));
    await runBuild(container, context, {descriptor, plan: {file: `build-${number}.toml`, toml: plan.toml}, env: scriptEnv(descriptor, setting, env), signal});
    const folder = layersFolder(descriptor.id);
    const {files, layers} = await readLayers(container, folder, signal);
    const types = new Map([...files].filter(([name]) => !OTHER_FILES.includes(name)).map(([name, text]): [string, LayerTypes] => [layerNamed(name, folder), readLayer(text, `${folder}/${name}`)]));
    await hideIgnored(container, {folder, names: [...types].filter(([name, {isForBuild, isForLaunch, isCached}]) => layers.has(name) && !isForBuild && !isForLaunch && !isCached).map(([name]) => name), signal});
    env = applyChanges(env, buildChanges([...layers].filter(([name]) => types.get(name)?.isForBuild === true).map(([, contents]) => contents)));
    const unmet = readUnmet(files.get('build.toml') ?? '', {where: `${folder}/build.toml`, asked: plan.names});
    entries = remainingPlan(entries, {asked: plan.names, unmet});
    const store = files.get('store.toml');
    all.push({id: descriptor.id, layers: types, launch: readLaunch(files.get('launch.toml') ?? '', `${folder}/launch.toml`), ...(store !== undefined && {store})});
  }
  return all;
}

interface Run {
  readonly descriptor: Descriptor;
  readonly plan: {readonly file: string; readonly toml: string};
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

async function runBuild(container: BuildContainer, {print, limits}: BuildContext, {descriptor, plan, env, signal}: Run): Promise<void> {
  const {id, folder} = descriptor;
  await container.put(PLANS_FOLDER, tarStream([textEntry(plan.file, plan.toml, {ownerId: 1000})]), signal);
  const planPath = `${PLANS_FOLDER}/${plan.file}`;
  const {exitCode} = await container.run({
    words: ['bash', '-c', 'exec "$@" 2>&1', 'build', `${folder}/bin/build`, layersFolder(id), PLATFORM_FOLDER, planPath],
    folder: APP_FOLDER,
    env: {...env, CNB_LAYERS_DIR: layersFolder(id), CNB_BP_PLAN_PATH: planPath},
  }, print, signal);
  if (exitCode === 0) return makeReadable(container, {folders: [LAYERS_FOLDER, APP_FOLDER], print}, signal);
  await checkMemory(container, {exitCode, limits, signal});
  throw new BuildRefused(`bin/build of "${id}" failed with ${exitCode}`);
}

/** A layer that is for nothing is its buildpack's scrap: others must not come to need it. */
async function hideIgnored(container: BuildContainer, {folder, names, signal}: {folder: string; names: readonly string[]; signal: AbortSignal}): Promise<void> {
  if (names.length === 0) return;
  await runIn(container, {folder, text: names.map(name => `rm -rf ${inFolder(folder, `${name}.ignore`)} && mv ${inFolder(folder, name)} ${inFolder(folder, `${name}.ignore`)}`).join(' && ')}, signal);
}

function layerNamed(file: string, folder: string): string {
  const name = file.slice(0, -'.toml'.length);
  if (name === '' || /[\n\r]/.test(name)) throw new BuildRefused(`${folder}/${file} can't be the file of a layer`);
  return name;
}
