import {BUILT_IN_BUILDPACKS} from '../../schemas/buildpacks.ts';
import type {BuildContainer} from '../adapters/build-container.ts';
import type {BuiltImage, UsedBuildpack} from './build.ts';
import type {Chosen} from './choose.ts';
import {buildCloudNative} from './cnb/cnb.ts';
import {compile, detect, detectAny, packagesOf, release, report, type ReleaseOutput, type Work} from './classic.ts';
import type {BuildContext} from './context.ts';
import {fetchBuildpack, type Buildpack} from './fetch.ts';
import {assembleImage} from './image/assemble.ts';
import {sourceTime} from './image/layers.ts';
import {detail, formatMegabytes, step, warning} from './output.ts';
import {bothPackages, NO_PACKAGES, type Packages} from './packages.ts';
import {namedServices, parseProcfile} from './procfile.ts';
import {makeReadable} from './readable.ts';
import {BuildRefused} from './refused.ts';
import {BUILDPACKS_FOLDER, quote, runScript} from './shell.ts';
import {applySlugIgnore} from './slug-ignore.ts';
import {fetchSubmodules} from './submodules.ts';
import {endAll, moveBuildSite, withBuildSite} from './site.ts';

const PROCFILE_MAX = 100_000;

/**
 * Builds in a container of the app's own with buildpacks, one after the other: detect, compile, release. Each sees what those before it did,
 * so that one may make of a source what the next one detects. Throws `BuildRefused` and `LimitExceeded`.
 */
export async function buildWithBuildpacks(context: BuildContext, chosen: Exclude<Chosen, {kind: 'dockerfile'}>, signal: AbortSignal): Promise<BuiltImage> {
  return withBuildSite(context, async (container) => {
    const timeSeconds = await sourceTime(container, signal);
    await fetchSubmodules(container, context, signal);
    await applySlugIgnore(container, context.print, signal);
    const waiting: readonly Waiting[] = chosen.kind === 'detect' ? [await detected(container, context, signal)] : await fetched(container, context, {chosen, signal});
    const buildpacks = waiting.map(({buildpack}) => buildpack);
    if (buildpacks.every(({kind}) => kind === 'cnb')) return buildCloudNative(context, {container, buildpacks, timeSeconds}, signal);
    checkKinds(buildpacks);
    return goOn({context, container, timeSeconds, waiting, done: [], packages: NO_PACKAGES}, signal);
  }, signal);
}

/** The two kinds share nothing that one could hand to the other: neither environment nor folders. */
function checkKinds(buildpacks: readonly Buildpack[]): void {
  const named = (wanted: Buildpack['kind']) => buildpacks.filter(({kind}) => kind === wanted).map(({name}) => `"${name}"`).join(', ');
  if (named('cnb') !== '') throw new BuildRefused(`${named('cnb')} and ${named('classic')} can't build one app together: Cloud Native Buildpacks (with a buildpack.toml) and classic ones do not mix`);
}

/** A build between two steps. */
interface Progress {
  readonly context: BuildContext;
  readonly container: BuildContainer;
  /** Of the source, seconds since 1970. */
  readonly timeSeconds: number;
  readonly waiting: readonly Waiting[];
  readonly done: readonly Done[];
  /** That the container's image has. */
  readonly packages: Packages;
}

interface Waiting {
  readonly buildpack: Buildpack;
  /** What it has detected. Absent: it was not asked yet. */
  readonly detected?: string;
}

interface Done {
  readonly buildpack: Buildpack;
  readonly detected: string;
  readonly report: Readonly<Record<string, string>>;
}

async function detected(container: BuildContainer, {print}: BuildContext, signal: AbortSignal): Promise<Waiting> {
  print(step('Determining which buildpack to use for this app'));
  const found = await detectAny(container, {names: BUILT_IN_BUILDPACKS, signal});
  if (found !== undefined) return {buildpack: {name: found.buildpack, folder: `${BUILDPACKS_FOLDER}/${found.buildpack}`, kind: 'classic'}, detected: found.name};
  print(warning('No default language could be detected for this app.'));
  print('\t\t\tHINT: This occurs when no buildpack recognizes the files at the root of the repository:');
  print('\t\t\tpackage.json (Node.js), requirements.txt, pyproject.toml, Pipfile (Python), Gemfile (Ruby), composer.json or index.php (PHP), go.mod (Go),');
  print('\t\t\tCargo.toml (Rust), pom.xml, gradlew or Main.java (Java), static.json or index.html (static site), a Procfile, or a Dockerfile.');
  throw new BuildRefused('no buildpack fits the app');
}

async function fetched(container: BuildContainer, context: BuildContext, {chosen, signal}: {chosen: Extract<Chosen, {kind: 'configured'}>; signal: AbortSignal}): Promise<readonly Waiting[]> {
  const {buildpacks: references, by} = chosen;
  if (references.length === 1) context.print(step(`Using buildpack: ${references[0]?.name}`));
  else {
    context.print(step(`Using buildpacks (${by}):`));
    for (const [index, {name}] of references.entries()) context.print(detail(`${index + 1}. ${name}`));
  }
  const waiting: Waiting[] = [];
  for (const [index, reference] of references.entries()) waiting.push({buildpack: await fetchBuildpack(container, context, {reference, index, signal})});
  return waiting;
}

async function goOn(progress: Progress, signal: AbortSignal): Promise<BuiltImage> {
  const {context, container, done, packages, waiting: [next, ...rest]} = progress;
  if (next === undefined) return finish(progress, signal);
  const {buildpack} = next;
  const work: Work = {buildpack, earlier: done.map((one) => one.buildpack), signal};
  const name = next.detected ?? await detectedBy(container, context, work);
  context.print(step(`${name} app detected`));
  const wanted = bothPackages(packages, await packagesOf(container, context, work));
  const compiled = async (where: BuildContainer): Promise<BuiltImage> => {
    await compile(where, context, {...work, name});
    await makeReadable(where, {folders: ['/tmp', '/app'], print: context.print}, signal);
    const one: Done = {buildpack, detected: name, report: await report(where, context, work)};
    return goOn({...progress, container: where, waiting: rest, done: [...done, one], packages: wanted}, signal);
  };
  if (wanted.build.length === packages.build.length) return compiled(container);
  const image = await context.packageImages.image({base: context.settings.stack.build, packages: wanted.build, print: context.print}, signal);
  return moveBuildSite(container, {context, image, use: async (where) => {
    await showVersions(where, context, {packages: wanted.build, signal});
    return compiled(where);
  }}, signal);
}

async function detectedBy(container: BuildContainer, context: BuildContext, work: Work): Promise<string> {
  const answer = await detect(container, context, work);
  if ('name' in answer) return answer.name;
  const {name} = work.buildpack;
  context.print(step(`App not compatible with buildpack: ${name}`));
  for (const line of answer.refusal.filter((one) => one !== '')) context.print(detail(line));
  throw new BuildRefused(`the app does not look like one for the buildpack "${name}"`);
}

async function showVersions(container: BuildContainer, {print}: BuildContext, {packages, signal}: {packages: readonly string[]; signal: AbortSignal}): Promise<void> {
  const lines = await runScript(container, `dpkg-query --show --showformat '\${Package} \${Version}\\n' ${packages.join(' ')} 2>/dev/null || true`, signal);
  print(step('Debian packages for this build'));
  for (const line of lines.split('\n').filter((one) => one !== '')) print(detail(line));
}

async function finish({context, container, timeSeconds, done, packages}: Progress, signal: AbortSignal): Promise<BuiltImage> {
  const commands = await discover(container, context, {done, signal});
  const runImage = await context.packageImages.image({base: context.settings.stack.run, packages: packages.run, print: context.print}, signal);
  context.print(step('Compressing...'));
  await endAll(container, signal);
  const image = await assembleImage(container, context, {runImage, timeSeconds, command: commands.web ?? [], signal});
  context.print(detail(`Done: ${formatMegabytes(image.addedBytes)}`));
  return {image: image.digest, commands, builder: done.map((one) => one.detected).join(', '), sizeBytes: image.sizeBytes, buildpacks: done.map(used)};
}

function used({buildpack: {name, commit, sha256}, report: reported}: Done): UsedBuildpack {
  return {name, ...(commit !== undefined && {commit}), ...(sha256 !== undefined && {sha256}), ...(Object.keys(reported).length > 0 && {report: reported})};
}

/** The Procfile's services and, for those that it does not name, those of the last buildpack. */
async function discover(container: BuildContainer, context: BuildContext, {done, signal}: {done: readonly Done[]; signal: AbortSignal}): Promise<Record<string, readonly string[]>> {
  const {print} = context;
  const outputs: ReleaseOutput[] = [];
  for (const [index, {buildpack}] of done.entries()) outputs.push(await release(container, context, {buildpack, earlier: done.slice(0, index).map((one) => one.buildpack), signal}));
  await writeVariables(container, {variables: Object.assign({}, ...outputs.map(({variables}) => variables)) as Readonly<Record<string, string>>, signal});
  const procfile = parseProcfile(await runScript(container, `head -c ${PROCFILE_MAX} Procfile 2>/dev/null || true`, signal));
  const {services: defaults, warnings} = namedServices(outputs.at(-1)?.services ?? {});
  const declared = Object.keys(procfile.services);
  const added = Object.keys(defaults).filter(name => !declared.includes(name));
  print(step('Discovering process types'));
  for (const text of [...procfile.warnings, ...warnings]) print(warning(text));
  if (declared.length > 0 || added.length === 0) print(detail(`Procfile declares types -> ${declared.join(', ') || '(none)'}`));
  if (added.length > 0) print(detail(`Default types for buildpack -> ${added.join(', ')}`));
  if (declared.length + added.length === 0) print(warning('Nothing is run: neither a Procfile nor a buildpack says how. Write one: web: <command>'));
  return Object.fromEntries(Object.entries({...defaults, ...procfile.services}).map(([name, line]) => [name, [line]]));
}

/** `config_vars` of buildpacks count where nobody sets the variable. Read first of all when the app starts. */
async function writeVariables(container: BuildContainer, {variables, signal}: {variables: Readonly<Record<string, string>>; signal: AbortSignal}): Promise<void> {
  const lines = Object.entries(variables).filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)).map(([name, value]) => `[ -n "\${${name}+set}" ] || export ${name}=${quote(value)}`);
  if (lines.length === 0) return;
  await runScript(container, `mkdir -p .profile.d && printf '%s\\n' ${lines.map(quote).join(' ')} >.profile.d/00_config_vars.sh`, signal);
}
