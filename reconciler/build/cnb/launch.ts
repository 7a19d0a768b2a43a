import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {quote} from '../shell.ts';
import {launchChanges, launchPrograms, processesOf, type Change, type LayerContents} from './environment.ts';

/**
 * What gives an app the environment of its layers when it starts: bash, read by `flynn/launch` as part of `.profile.d`, so that it holds for
 * replicas, jobs and one-off commands alike. `layers` are the launch layers, buildpack by buildpack, in the order in which these have built.
 * `types` are process types by the service that runs them.
 */
export async function launchScript(layers: readonly (readonly LayerContents[])[], types: Readonly<Record<string, string>>): Promise<string> {
  const functions = await readFile(path.join(import.meta.dirname, 'launch-functions.sh'), 'utf8');
  const special = new Set(layers.flat().flatMap(processesOf));
  const cases = Object.entries(types)
    .filter(([, type]) => special.has(type))
    .map(([service, type]) => [`  ${quoted(service)})`, ...linesFor(layers, type).map(line => `    ${line}`), '    ;;'].join('\n'));
  return [
    '# The environment of the layers below /layers, made of what their buildpacks left in env, env.launch and exec.d.',
    functions.trimEnd(),
    'case "${FLYNN_SERVICE:-}" in',
    ...cases,
    '  *)',
    ...linesFor(layers).map(line => `    ${line}`),
    '    ;;',
    'esac',
    'unset -f flynn_override flynn_default flynn_prepend flynn_append flynn_run',
    '',
  ].join('\n');
}

/** A word for a shell, as a person would write it: without quotes where it needs none. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_./:=@%+-]+$/.test(word) ? word : quote(word);
}

function linesFor(layers: readonly (readonly LayerContents[])[], type?: string): readonly string[] {
  const changes = layers.flatMap(ofBuildpack => launchChanges(ofBuildpack, type));
  const programs = layers.flatMap(ofBuildpack => launchPrograms(ofBuildpack, type));
  return [':', ...changes.map(changeLine), ...programs.map(program => `flynn_run ${quoted(program)}`)];
}

function changeLine(change: Change): string {
  const words = [change.name, change.value, ...('delimiter' in change ? [change.delimiter] : [])];
  return `flynn_${change.kind} ${words.map(quoted).join(' ')}`;
}
