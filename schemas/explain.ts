import type {ErrorObject} from 'ajv';
import {API_VERSION} from './schema.ts';

type Schema = NonNullable<ErrorObject['parentSchema']>;

/** What Ajv says again in other words: the branches of a `oneOf`, and `propertyNames` after what was wrong with the name. */
export function isRepetition(error: ErrorObject): boolean {
  return error.keyword === 'propertyNames' || /\/oneOf\/\d+\//.test(error.schemaPath);
}

/** Where an error is: the path of the value, and the key in it when that is what has to change. */
export function pointerOf(error: ErrorObject): [path: readonly string[], key: string | undefined] {
  const key: unknown = error.params['additionalProperty'] ?? error.propertyName;
  return [pathOf(error), typeof key === 'string' ? key : undefined];
}

/**
 * Ajv's error (with `verbose`) for people: which field, what it is, what would be right.
 * A schema's own `errorMessage` ("must be …") is preferred. `root` is what the whole is called.
 */
export function explain(error: ErrorObject, kind: string, root = 'the file'): string {
  const schema: Schema = error.parentSchema ?? {};
  const path = pathOf(error);
  const where = path.length === 0 ? root : path.join('.');
  const own: unknown = schema['errorMessage'];

  if (error.propertyName !== undefined) return `"${error.propertyName}" in ${where} ${typeof own === 'string' ? own : error.message}`;
  switch (error.keyword) {
    case 'additionalProperties': return unknownField(String(error.params['additionalProperty']), schema);
    case 'required': return missingField(String(error.params['missingProperty']), path, kind);
    case 'oneOf': return `${where} ${own}`;
  }
  if (error.data === null) return `${where} is blank: give it a value, or remove the line`;
  const rule = typeof own === 'string' ? own : ruleOf(error, schema);
  return isQuotable(error.data, path) && schema['writeOnly'] !== true ? `${where} ${rule}, not ${quote(error.data)}` : `${where} ${rule}`;
}

function pathOf(error: ErrorObject): readonly string[] {
  return error.instancePath.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function unknownField(field: string, schema: Schema): string {
  const known = Object.keys(schema['properties'] ?? {});
  const close = known.find((name) => isClose(field, name));
  if (field === '<<') return 'merge keys (<<) are not understood: write the fields out, or use an alias for a whole value';
  return `unknown field "${field}"; ${close === undefined ? `known are ${known.join(', ')}` : `did you mean "${close}"?`}`;
}

function missingField(field: string, path: readonly string[], kind: string): string {
  if (path.length === 0 && field === 'apiVersion') return `apiVersion is missing: the first line should be "apiVersion: ${API_VERSION}"`;
  if (path.length === 0 && field === 'kind') return `kind is missing: the second line should be "kind: ${kind}"`;
  return `${[...path, field].join('.')} is missing`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text', integer: 'a whole number', number: 'a number', boolean: 'true or false', object: 'a mapping (name: value)', array: 'a list',
};

function ruleOf({keyword, params}: ErrorObject, schema: Schema): string {
  switch (keyword) {
    case 'const': return `must be ${JSON.stringify(schema['const'])}`;
    case 'minLength':
    case 'minItems': return 'must not be empty';
    case 'maxLength': return `must have at most ${params['limit']} characters`;
    case 'maxItems':
    case 'maxProperties': return `must have at most ${params['limit']} entries`;
    case 'type':
    case 'minimum':
    case 'maximum': return `must be ${typesOf(schema)}${rangeOf(schema)}`;
    default: return `must pass "${keyword}"`;
  }
}

function typesOf(schema: Schema): string {
  return [schema['type']].flat().map((type) => TYPE_WORDS[String(type)] ?? String(type)).join(' or ');
}

function rangeOf({minimum, maximum}: Schema): string {
  return minimum === undefined || maximum === undefined ? '' : ` from ${minimum} to ${maximum}`;
}

/** Longest value that is worth repeating. */
const QUOTED_CHARACTERS_MAX = 60;

function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `"${text.length > QUOTED_CHARACTERS_MAX ? `${text.slice(0, QUOTED_CHARACTERS_MAX)}…` : text}"`;
}

/** Environments may hold what is not for everybody's eyes. */
function isQuotable(value: unknown, path: readonly string[]): boolean {
  return typeof value !== 'object' && !path.includes('env');
}

/** A slip of the pen: other case, a beginning of it, its letters in another order, or one changed letter in three. */
function isClose(written: string, name: string): boolean {
  const [a, b] = [written.toLowerCase(), name.toLowerCase()];
  if (a.length >= 3 && (b.startsWith(a) || a.startsWith(b))) return true;
  const changesMax = Math.max(1, Math.floor(b.length / 3));
  // No fewer changes than one is longer by: what is a hundred thousand letters long is not compared with each name.
  if (Math.abs(a.length - b.length) > changesMax) return false;
  if ([...a].toSorted().join('') === [...b].toSorted().join('')) return true;
  return distance(a, b) <= changesMax;
}

/** Levenshtein's: letters to add, drop or change. */
function distance(a: string, b: string): number {
  let row = Array.from({length: b.length + 1}, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
