import {parse} from 'yaml';
import type {BuildContainer} from '../adapters/build-container.ts';
import type {BuildContext} from './context.ts';
import type {Buildpack} from './fetch.ts';
import {LimitExceeded} from './limits.ts';
import {formatLimit} from './output.ts';
import {NO_PACKAGES, parsePackages, type Packages} from './packages.ts';
import {BuildRefused} from './refused.ts';
import {BUILD_FOLDER, buildEnvironment, BUILDPACKS_FOLDER, CACHE_FOLDER, ENV_FOLDER, quote} from './shell.ts';

/** What a buildpack prints for us, characters. */
const TEXT_MAX = 100_000;
const REPORT_MAX = 20;
const REPORT_LENGTH_MAX = 200;

/** A classic buildpack at work: devcenter.heroku.com/articles/buildpack-api. */
export interface Work {
  readonly buildpack: Buildpack;
  /** Those that were compiled before it: what is in their `export` counts for it. */
  readonly earlier: readonly Buildpack[];
  readonly signal: AbortSignal;
}

/** The name of what it sees, such as `Node.js`; or what it said when it sees nothing that is its own. */
export async function detect(container: BuildContainer, context: BuildContext, work: Work): Promise<{readonly name: string} | {readonly refusal: readonly string[]}> {
  const {text, exitCode, errors} = await ask(container, context, {work, script: 'detect', words: [BUILD_FOLDER]});
  if (exitCode !== 0) return {refusal: errors};
  return {name: text.split('\n').find((line) => line.trim() !== '')?.trim() ?? work.buildpack.name};
}

/** Asks ours in this order, in one go, whether the app is theirs. */
export async function detectAny(container: BuildContainer, {names, signal}: {names: readonly string[]; signal: AbortSignal}): Promise<{readonly buildpack: string; readonly name: string} | undefined> {
  const text = `for name in ${names.join(' ')}; do
  cd ${BUILDPACKS_FOLDER}/$name && found=$(./bin/detect ${BUILD_FOLDER} 2>/dev/null) && [ -n "$found" ] && printf '%s\\n%s\\n' "$name" "$found" && exit
done
exit 0`;
  const [buildpack, name] = (await output(container, {words: ['bash', '-c', text], env: buildEnvironment('')}, signal)).split('\n');
  return buildpack === undefined || buildpack === '' || name === undefined ? undefined : {buildpack, name: name.trim()};
}

/** Of ours: Debian packages that it wants before it is compiled. */
export async function packagesOf(container: BuildContainer, context: BuildContext, work: Work): Promise<Packages> {
  const {buildpack} = work;
  const {text, exitCode, errors} = await ask(container, context, {work, script: 'packages', words: [BUILD_FOLDER, ENV_FOLDER]});
  if (exitCode === 0) return text === '' ? NO_PACKAGES : parsePackages(text, buildpack.name);
  for (const line of errors) context.print(line);
  throw new BuildRefused(`bin/packages of the buildpack "${buildpack.name}" failed`);
}

export async function compile(container: BuildContainer, context: BuildContext, work: Work & {readonly name: string}): Promise<void> {
  const {signal, name} = work;
  const {exitCode} = await container.run(command(context, work, ['compile', BUILD_FOLDER, CACHE_FOLDER, ENV_FOLDER]), context.print, signal);
  if (exitCode === 0) return;
  if (exitCode === 137 || (await container.wasOutOfMemory(signal))) throw new LimitExceeded(`the build used more than ${formatLimit(context.limits.memoryBytes)} of memory`);
  throw new BuildRefused(`failed to compile ${name} app`);
}

/** What it says that it took. Nobody else decides by it: one that fails, or prints something else, says nothing. */
export async function report(container: BuildContainer, context: BuildContext, work: Work): Promise<Readonly<Record<string, string>>> {
  const {text, exitCode} = await ask(container, context, {work, script: 'report', words: [BUILD_FOLDER, CACHE_FOLDER, ENV_FOLDER]});
  if (exitCode !== 0) return {};
  return Object.fromEntries(scalars(parsed(text)).slice(0, REPORT_MAX).map(([name, value]) => [name, value.slice(0, REPORT_LENGTH_MAX)]));
}

export interface ReleaseOutput {
  /** `default_process_types`: command lines by service. */
  readonly services: Readonly<Record<string, string>>;
  /** `config_vars`: values of variables that nobody sets. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Of `bin/release`, which there need not be, and which may print nothing. */
export async function release(container: BuildContainer, context: BuildContext, work: Work): Promise<ReleaseOutput> {
  const {text, exitCode, errors} = await ask(container, context, {work, script: 'release', words: [BUILD_FOLDER]});
  if (exitCode !== 0) {
    for (const line of errors) context.print(line);
    throw new BuildRefused(`bin/release of the buildpack "${work.buildpack.name}" failed`);
  }
  const released = parsed(text);
  if (released === undefined) throw new BuildRefused(`bin/release of the buildpack "${work.buildpack.name}" printed what is no YAML`);
  return {services: Object.fromEntries(scalars(fieldOf(released, 'default_process_types'))), variables: Object.fromEntries(scalars(fieldOf(released, 'config_vars')))};
}

/** Runs a script that need not be there and that answers on stdout. */
async function ask(container: BuildContainer, context: BuildContext, {work, script, words}: {work: Work; script: string; words: readonly string[]}): Promise<{readonly text: string; readonly exitCode: number; readonly errors: readonly string[]}> {
  const lines: string[] = [];
  // What it says on stderr goes to a file, and is shown when it failed.
  const inner = `{ [ -x ./bin/${script} ] || exit 0; "./bin/$@"; } 2>/tmp/answer-errors | head -c ${TEXT_MAX}; status=\${PIPESTATUS[0]}; [ "$status" = 0 ] || { echo; tail -n 20 /tmp/answer-errors; exit "$status"; }`;
  const {exitCode} = await container.run({...command(context, work, []), words: ['bash', '-c', `${prepare(work)}\n${inner}`, script, script, ...words]}, (line) => lines.push(line), work.signal);
  return {text: lines.join('\n'), exitCode, errors: exitCode === 0 ? [] : lines};
}

/** A script of the buildpack, in the buildpack's own root: undocumented and it matters, some use paths relative to it. */
function command({sourceCommit}: BuildContext, work: Work, [script = '', ...words]: readonly string[]) {
  return {
    // Both streams through one pipe, so that their lines keep their order.
    words: ['bash', '-c', `${prepare(work)}\nexec "./bin/$@" 2>&1`, script, script, ...words],
    env: buildEnvironment(sourceCommit),
  };
}

function prepare({buildpack, earlier}: Work): string {
  const exports = earlier.map(({folder}) => `if [ -f ${quote(`${folder}/export`)} ]; then cd ${quote(folder)} && source ./export; fi`);
  return [...exports, `cd ${quote(buildpack.folder)} || exit 1`].join('\n');
}

async function output(container: BuildContainer, asked: Parameters<BuildContainer['read']>[0], signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of container.read(asked, signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** `null` for nothing, undefined for what is no YAML. */
function parsed(yaml: string): unknown {
  try {
    return parse(yaml) as unknown;
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[field] : undefined;
}

function scalars(value: unknown): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, one]) => (['string', 'number', 'boolean'].includes(typeof one) ? [[name, String(one)] as const] : []));
}
