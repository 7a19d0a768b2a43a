import type {SchemaObject} from 'ajv';
import {SCHEMAS, type Kind} from './load.ts';

/** Where the page of `describeManifests` is, from this folder. */
export const MANUAL_FILE = new URL('../docs/manifests.md', import.meta.url);

interface Row {
  readonly field: string;
  readonly type: string;
  readonly standard: string;
  readonly meaning: string;
}

const PLACES: Readonly<Record<Kind, string>> = {
  App: '`apps/<app>/app.yaml`: what people write. The name of the app is the name of its folder.',
  Certificate: '`certificates/<name>.yaml`: a certificate of your own ([tls](tls.md)). Written by `flynn cert add`.',
  Cluster: '`cluster.yaml`: what holds for all apps.',
  Node: '`nodes/<node>.yaml`: a machine. Its fields are checked, but with one node nothing follows from them yet.',
  Person: '`people/<user>.yaml`: somebody who uses the cluster, and what he may ([people](people.md)). The name of the user is the name of the file.',
  Release: '`apps/<app>/releases/v0001.yaml`: what a push, a rollback or the deploy of an image writes. Never edited; the highest number is the current release.',
  Team: '`teams/<team>.yaml`: people who share roles ([people](people.md)).',
  Secrets: '`apps/<app>/secrets.yaml`: variables whose values are encrypted ([config](config.md)). Written by `flynn env set --secret`.',
};

const INTRODUCTION = `# Manifests

<!-- Generated from the schemas by \`npm run schemas\`: change schemas/*.ts, not this page. -->

Every file of the cluster repository that is read, field by field. The same facts are JSON Schemas for editors in
[schemas/json](../schemas/json), and in \`.flynn/schemas/\` of each cluster repository.

- A field that is not listed here is a mistake, reported as \`file:line:column\` with all others at once.
- Sizes have a unit: \`Ki\`, \`Mi\`, \`Gi\`, \`Ti\` (powers of 1,024) or \`K\`, \`M\`, \`G\`, \`T\` (powers of 1,000).
- A file has at most 256 KiB, 10,000 lines and 5,000 entries in one list, an app's folder 5,000 files and 8 MiB. Symbolic links and submodules are refused.
- A change of \`replicas\`, of routes, of \`reach\` or of \`allowFrom\` changes just that. Any other change of an app is a [deploy](deploying.md): new containers take the place of
  the old ones.
`;

/** The page of all fields of all kinds, in Markdown. */
export function describeManifests(): string {
  return [INTRODUCTION, ...(Object.keys(SCHEMAS) as Kind[]).map(describeKind)].join('\n');
}

function describeKind(kind: Kind): string {
  const rows = rowsOf(SCHEMAS[kind], '');
  return [
    `## ${kind}`,
    '',
    PLACES[kind],
    '',
    '| field | type | default | meaning |',
    '|---|---|---|---|',
    ...rows.map(({field, type, standard, meaning}) => `| \`${field}\` | ${type} | ${standard} | ${meaning} |`),
    '',
  ].join('\n');
}

function rowsOf(schema: SchemaObject, prefix: string): readonly Row[] {
  const required: readonly string[] = schema.required ?? [];
  return Object.entries<SchemaObject>(schema.properties ?? {}).flatMap(([name, value]): Row[] => {
    const field = `${prefix}${name}`;
    const inner = innerOf(value, field);
    return [{field, type: typeOf(value), standard: standardOf(value, required.includes(name)), meaning: meaningOf(value)}, ...(inner === undefined ? [] : rowsOf(inner.schema, inner.prefix))];
  });
}

/** What is below a field: of an object, of each value of a map, of each entry of a list. */
function innerOf(schema: SchemaObject, field: string): {readonly schema: SchemaObject; readonly prefix: string} | undefined {
  if (schema.properties !== undefined) return {schema, prefix: `${field}.`};
  if (isObject(schema.additionalProperties)) return {schema: schema.additionalProperties, prefix: `${field}.<name>.`};
  if (isObject(schema.items)) return {schema: schema.items, prefix: `${field}[].`};
  return undefined;
}

function isObject(schema: SchemaObject | undefined | boolean): schema is SchemaObject {
  return typeof schema === 'object' && schema.properties !== undefined;
}

function typeOf(schema: SchemaObject): string {
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  const types: readonly string[] = [schema.type].flat();
  const {minimum, maximum} = schema;
  const range = minimum === undefined ? '' : ` ${figure(minimum)} to ${figure(maximum)}`;
  return types.map((type) => typeName(type, schema)).join(' or ') + range;
}

function typeName(type: string, schema: SchemaObject): string {
  if (type === 'object') return schema.properties === undefined ? 'map' : 'object';
  if (type === 'array') return 'list';
  if (type === 'integer') return 'whole number';
  if (type === 'string') return String(schema.errorMessage ?? '').startsWith('must be a size') ? 'size' : 'text';
  return type;
}

function figure(value: number): string {
  return value.toLocaleString('en');
}

function standardOf(schema: SchemaObject, isRequired: boolean): string {
  if (isRequired) return 'needed';
  return schema.default === undefined ? '' : `\`${String(schema.default)}\``;
}

/** What the editor shows, and the rule where the type does not say it. */
function meaningOf(schema: SchemaObject): string {
  const {description, errorMessage} = schema;
  const isSaid = errorMessage === undefined || Array.isArray(schema.type) || typeOf(schema) === 'size';
  const rule = isSaid ? '' : `${String(errorMessage)[0]?.toUpperCase()}${String(errorMessage).slice(1)}.`;
  return [description, rule].filter((text) => text !== undefined && text !== '').join(' ').replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
