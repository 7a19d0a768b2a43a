import {proxyArguments} from '../../../buildpacks/stack/host.ts';
import type {BuildContainer} from '../../adapters/build-container.ts';
import type {BuildContext} from '../context.ts';
import type {Buildpack} from '../fetch.ts';
import {tarStream, textEntry} from '../image/tar.ts';
import {detail, step, warning} from '../output.ts';
import {BuildRefused} from '../refused.ts';
import {BUILD_FOLDER, BUILDPACKS_FOLDER, quote} from '../shell.ts';
import {readDescriptor, type Descriptor, type Platform} from './descriptor.ts';
import {APP_FOLDER, LAYERS_FOLDER, PLANS_FOLDER, PLATFORM_FOLDER, WORK_FOLDER} from './places.ts';
import {PROJECT_FILE, readProject, type Project} from './project.ts';
import {readFiles, runIn} from './read.ts';

const OWNER_ID = 1000;
/** How deep in a repository of several buildpacks their folders are. */
const DEPTH_MAX = 5;
/** Buildpacks in an app's own repository that an order may name. */
const FOLDERS_MAX = 50;

/** What holds for all buildpacks of a build. */
export interface Setting {
  readonly platform: Platform;
  /** Of scripts, before buildpacks and people add to it. */
  readonly env: Readonly<Record<string, string>>;
  /** What people set, for scripts that want it in their environment. */
  readonly userEnv: Readonly<Record<string, string>>;
  /** Of all buildpacks that were fetched, those within one's folders too. */
  readonly known: readonly Descriptor[];
  /** Those that somebody named, in that order. */
  readonly chosen: readonly Descriptor[];
}

/** Puts the app to where it runs, without what project.toml leaves out, and what buildpacks are given beside it. */
export async function prepare(container: BuildContainer, context: BuildContext, {buildpacks, signal}: {buildpacks: readonly Buildpack[]; signal: AbortSignal}): Promise<Setting> {
  const project = readProject((await context.files.text(PROJECT_FILE)) ?? '');
  for (const text of project.warnings) context.print(warning(text));
  const userEnv = {...project.env, ...context.env};
  // Names that a tar takes with their folder.
  const variables = Object.entries(userEnv).filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]{0,70}$/.test(name) && !name.startsWith('CNB_'));
  const own = {mode: 0o755, ownerId: OWNER_ID};
  await container.put('/', tarStream([
    ...[LAYERS_FOLDER, WORK_FOLDER, PLANS_FOLDER, PLATFORM_FOLDER, `${PLATFORM_FOLDER}/env`, `${WORK_FOLDER}/home`].map(folder => textEntry(`${folder.slice(1)}/`, '', own)),
    ...variables.map(([name, value]) => textEntry(`${PLATFORM_FOLDER.slice(1)}/env/${name}`, value, {mode: 0o600, ownerId: OWNER_ID})),
  ]), signal);
  await runIn(container, {folder: '/', text: `find ${APP_FOLDER} -mindepth 1 -delete && find ${BUILD_FOLDER} -mindepth 1 -maxdepth 1 -exec mv --target-directory ${APP_FOLDER} -- {} +`}, signal);
  const descriptors = await describe(container, {buildpacks, signal});
  await leaveOut(container, context, {project, signal});
  const {platform, env} = await surroundings(container, signal);
  return {
    platform,
    env: {
      ...env,
      HOME: `${WORK_FOLDER}/home`,
      NPM_CONFIG_GLOBALCONFIG: '/tmp/npmrc',
      ...proxyArguments(process.env),
      CNB_PLATFORM_DIR: PLATFORM_FOLDER,
      CNB_TARGET_OS: platform.os,
      CNB_TARGET_ARCH: platform.arch,
      CNB_TARGET_DISTRO_NAME: platform.distribution.name,
      CNB_TARGET_DISTRO_VERSION: platform.distribution.version,
    },
    userEnv: Object.fromEntries(variables),
    ...descriptors,
  };
}

/** The app goes back to where images are made of it. Only a folder that its owner may write into can be moved. */
export async function takeAppBack(container: BuildContainer, signal: AbortSignal): Promise<void> {
  const writable = `find ${APP_FOLDER} -mindepth 1 -maxdepth 1 -type d ! -perm -200 -exec chmod u+w {} +`;
  await runIn(container, {folder: '/', text: `${writable} && find ${APP_FOLDER} -mindepth 1 -maxdepth 1 -exec mv --target-directory ${BUILD_FOLDER} -- {} +`}, signal);
}

/** Patterns as in .gitignore, so git itself says what they mean. */
async function leaveOut(container: BuildContainer, {print}: BuildContext, {project: {include, exclude}, signal}: {project: Project; signal: AbortSignal}): Promise<void> {
  const patterns = include.length > 0 ? include : exclude;
  if (patterns.length === 0) return;
  const text = `git init --quiet ${WORK_FOLDER}/patterns && printf '%s\\n' ${patterns.map(quote).join(' ')} >${WORK_FOLDER}/exclude \\
&& git --git-dir=${WORK_FOLDER}/patterns/.git --work-tree=${APP_FOLDER} ls-files -z --others ${include.length > 0 ? '' : '--ignored'} --exclude-from=${WORK_FOLDER}/exclude >${WORK_FOLDER}/left-out \\
&& xargs -0 --no-run-if-empty rm -f -- <${WORK_FOLDER}/left-out && find . -mindepth 1 -type d -empty -delete && tr -cd '\\0' <${WORK_FOLDER}/left-out | wc -c`;
  const count = Number(await runIn(container, {folder: APP_FOLDER, text}, signal));
  print(step(`Leaving out ${count} file${count === 1 ? '' : 's'}, as ${PROJECT_FILE} says`));
  print(detail(`${include.length > 0 ? 'include' : 'exclude'} ${patterns.join(' ')}`));
}

async function describe(container: BuildContainer, {buildpacks, signal}: {buildpacks: readonly Buildpack[]; signal: AbortSignal}): Promise<Pick<Setting, 'known' | 'chosen'>> {
  const folders = buildpacks.map(({folder}) => folder);
  const below = (roots: readonly string[]) => readFiles(container, {folder: '/', find: `find ${roots.map(quote).join(' ')} -maxdepth ${DEPTH_MAX} -name buildpack.toml -type f -print0`}, signal);
  const texts = await below(folders);
  const chosen = buildpacks.map(({folder, name}) => readDescriptor(texts.get(`${folder}/buildpack.toml`) ?? '', {folder, where: `buildpack.toml of "${name}"`}));
  const inApp = chosen.some(({order}) => order.length > 0) ? await below([await copyFromApp(container, signal)]) : new Map<string, string>();
  const others = [...texts, ...inApp].filter(([file]) => !folders.includes(parentOf(file))).flatMap(([file, text]) => {
    try {
      return [readDescriptor(text, {folder: parentOf(file), where: file})];
    } catch (error) {
      // A repository may hold broken ones, for its tests. One that is wanted is missed by its name.
      if (error instanceof BuildRefused) return [];
      throw error;
    }
  });
  return {chosen, known: [...chosen, ...others]};
}

/** An order in the app's repository may name its neighbours there. Copies, because project.toml may leave them out. */
async function copyFromApp(container: BuildContainer, signal: AbortSignal): Promise<string> {
  const to = `${BUILDPACKS_FOLDER}/of-the-app`;
  await runIn(container, {folder: APP_FOLDER, text: `mkdir -p ${to} && find . -maxdepth ${DEPTH_MAX} -name buildpack.toml -type f -printf '%h\\0' | head -z -n ${FOLDERS_MAX} | xargs -0 --no-run-if-empty cp --recursive --parents --target-directory ${to} --`}, signal);
  return to;
}

/** What the build image is, and what it sets. */
async function surroundings(container: BuildContainer, signal: AbortSignal): Promise<Pick<Setting, 'platform' | 'env'>> {
  const [release = '', machine = '', ...variables] = (await runIn(container, {folder: '/', text: `cat /etc/os-release; printf '\\0'; uname -m; printf '\\0'; env -0`}, signal)).split('\0');
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(release)?.[1] ?? '';
  const arch = {x86_64: 'amd64', aarch64: 'arm64'}[machine.trim()] ?? machine.trim();
  const env = variables.filter(line => line.includes('=')).map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  return {
    platform: {os: 'linux', arch, distribution: {name: field('ID'), version: field('VERSION_ID')}},
    env: Object.fromEntries(env.filter(([name]) => !['_', 'PWD', 'OLDPWD', 'SHLVL', 'HOSTNAME'].includes(name))),
  };
}

function parentOf(file: string): string {
  return file.slice(0, file.lastIndexOf('/'));
}
