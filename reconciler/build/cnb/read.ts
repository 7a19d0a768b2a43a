import type {BuildContainer} from '../../adapters/build-container.ts';
import {BuildRefused} from '../refused.ts';
import {quote} from '../shell.ts';
import type {LayerContents} from './environment.ts';

/** Of one file that is read: descriptors, plans, variables. */
const BYTES_MAX = 100_000;
const FILES_MAX = 2000;

/** What one buildpack's folder in /layers holds. */
export interface LayersContents {
  /** Text of `<layer>.toml`, `launch.toml`, `build.toml` and `store.toml`, by name. */
  readonly files: ReadonlyMap<string, string>;
  /** By name, those that have a folder. */
  readonly layers: ReadonlyMap<string, LayerContents>;
}

/** Runs bash. Gives its stdout; throws when it fails. */
export async function runIn(container: BuildContainer, {folder, text}: {folder: string; text: string}, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of container.read({words: ['bash', '-c', text], folder}, signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Texts of files by their path; `find` gives their paths, each ended by a zero byte. */
export async function readFiles(container: BuildContainer, {folder, find}: {folder: string; find: string}, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const text = `{ ${find}; } | head -z -n ${FILES_MAX + 1} | while IFS= read -r -d '' file; do
  printf '%s' "$file" | base64 -w0; printf ' '; head -c ${BYTES_MAX + 1} -- "$file" | base64 -w0; echo
done`;
  const lines = linesOf(await runIn(container, {folder, text}, signal));
  if (lines.length > FILES_MAX) throw new BuildRefused(`there are more than ${FILES_MAX} files to read in ${folder}`);
  return new Map(lines.map(line => {
    const [file = '', content = ''] = line.split(' ').map(decoded);
    if (Buffer.byteLength(content) > BYTES_MAX) throw new BuildRefused(`${folder}/${file} has more than ${BYTES_MAX} bytes`);
    return [file, content];
  }));
}

/** Looks at everything in a buildpack's folder that says something of its layers. */
export async function readLayers(container: BuildContainer, folder: string, signal: AbortSignal): Promise<LayersContents> {
  const variables = `find . -mindepth 3 -maxdepth 4 -xtype f -regextype posix-extended -regex '\\./[^/]+/(env|env\\.build|env\\.launch|env\\.launch/[^/]+)/[^/]+' -printf '%P\\0'`;
  const files = await readFiles(container, {folder, find: `find . -mindepth 1 -maxdepth 1 -name '*.toml' -type f -printf '%f\\0'; ${variables}`}, signal);
  const names = await namesIn(container, folder, signal);
  const layers = names.filter(name => !name.includes('/'));
  const below = (paths: readonly string[], layer: string) => paths.filter(name => name.startsWith(`${layer}/`)).map(name => name.slice(layer.length + 1));
  return {
    files: new Map([...files].filter(([name]) => !name.includes('/'))),
    layers: new Map(layers.map((layer): [string, LayerContents] => [layer, {
      folder: `${folder}/${layer}`,
      folders: new Set(below(names, layer).filter(name => !name.includes('/'))),
      files: new Map(below([...files.keys()], layer).map(file => [file, files.get(`${layer}/${file}`) ?? ''])),
      programs: below(names, layer).filter(name => name.startsWith('exec.d/')),
    }])),
  };
}

/** Layers, their folders that count, and their programs that run when the app starts. */
async function namesIn(container: BuildContainer, folder: string, signal: AbortSignal): Promise<readonly string[]> {
  const finds = [
    `find . -mindepth 1 -maxdepth 1 -type d -printf '%P\\0'`,
    `find . -mindepth 2 -maxdepth 2 -xtype d -regextype posix-extended -regex '.*/(bin|lib|include|pkgconfig)' -printf '%P\\0'`,
    `find . -mindepth 3 -maxdepth 4 -xtype f -regextype posix-extended -regex '\\./[^/]+/exec\\.d/([^/]+/)?[^/]+' -printf '%P\\0'`,
  ];
  const text = `{ ${finds.join('; ')}; } | while IFS= read -r -d '' name; do printf '%s' "$name" | base64 -w0; echo; done`;
  return linesOf(await runIn(container, {folder, text}, signal)).map(decoded);
}

/** `path` as a word for a shell, below `folder`. */
export function inFolder(folder: string, ...steps: readonly string[]): string {
  return quote([folder, ...steps].join('/'));
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter(line => line !== '');
}

function decoded(text: string): string {
  return Buffer.from(text, 'base64').toString();
}
