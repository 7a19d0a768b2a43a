import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {SCHEMAS_FOLDER} from './schema-edits.ts';

/** Path from the root of the new repository, to text. */
export type Files = Readonly<Record<string, string>>;

export interface TemplateValues {
  /** Of the cluster, for people. */
  readonly name: string;
  readonly domain: string;
  /** Name of the first node. */
  readonly node: string;
  /** Public key of the first node's identity, which the apps' secrets are encrypted to. */
  readonly recipient: string;
  /** Public key of what the first node signs its commits with. */
  readonly signingKey: string;
}

/** The file that becomes the first node's. */
const NODE_FILE = 'nodes/node.yaml';

/** Fills in `{{name}}`, `{{domain}}`, `{{node}}`, `{{recipient}}` and `{{signingKey}}`. Throws when a file asks for something else. */
export function renderTemplate(files: Files, values: TemplateValues): Files {
  return Object.fromEntries(Object.entries(files).map(([file, text]) => [
    file === NODE_FILE ? `nodes/${values.node}.yaml` : file,
    text.replaceAll(/\{\{(\w+)\}\}/g, (_match, key: string) => {
      if (!Object.hasOwn(values, key)) throw new Error(`bug: ${file} of the template asks for "${key}"`);
      const value = values[key as keyof TemplateValues]; // just checked
      return file.endsWith('.yaml') ? JSON.stringify(value).slice(1, -1) : value; // stands in double quotes
    }),
  ]));
}

/** The template as it is in our own source tree, with the JSON Schemas that its first lines point editors to. */
export async function readTemplate(signal: AbortSignal): Promise<Files> {
  const [files, schemas] = await Promise.all([readFolder(path.join(ROOT, 'cluster-repo-template'), signal), readSchemas(signal)]);
  return {...files, ...Object.fromEntries(Object.entries(schemas).map(([name, text]) => [`${SCHEMAS_FOLDER}/${name}`, text]))};
}

/** The JSON Schemas of this version, by file name. */
export function readSchemas(signal: AbortSignal): Promise<Files> {
  return readFolder(path.join(ROOT, 'schemas', 'json'), signal);
}

const ROOT = path.join(import.meta.dirname, '..', '..');

async function readFolder(folder: string, signal: AbortSignal): Promise<Files> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true});
  const names = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return Object.fromEntries(await Promise.all(names.toSorted().map(async (name) => (
    [path.relative(folder, name), await readFile(name, {encoding: 'utf8', signal})] as const
  ))));
}
