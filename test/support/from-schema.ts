import type {SchemaObject} from 'ajv';

/** Values for a JSON Schema, for fuzzing. Written here: the generators there know neither seeds of ours nor how to be wrong on purpose. */
export interface Maker {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  resolve(ref: string): SchemaObject;
}

const DEPTH_MAX = 4;
const ODD_TEXTS = ['', ' ', '\0', '../x', '..%2f..%2fetc', '__proto__', 'constructor', 'a'.repeat(300), '💥', 'ä\n- x', '"', "';--", '%00', '-1', '1e309', 'null', '*', '&a', '{}', 'web', 'shop'];
const ODD_VALUES: readonly unknown[] = [null, true, 0, -1, 1.5, 1e308, 9007199254740993, '', 'x', [], {}, [[]], {a: null}, JSON.parse('{"__proto__": {"a": 1}}'), ...ODD_TEXTS];

/** Mostly what the schema allows; where a pattern is too clever for us, its examples. */
export function valueFor(schema: SchemaObject, maker: Maker, depth = 0): unknown {
  const {random, resolve} = maker;
  const {$ref, type, properties = {}, required = [], items, examples, anyOf, oneOf, additionalProperties} = schema as {
    $ref?: string; type?: string | string[]; properties?: Record<string, SchemaObject>; required?: string[]; items?: SchemaObject; examples?: unknown[]; anyOf?: SchemaObject[]; oneOf?: SchemaObject[]; additionalProperties?: SchemaObject | boolean;
  };
  if ($ref !== undefined) return valueFor(resolve($ref), maker, depth);
  if (schema['const'] !== undefined) return schema['const'];
  if (Array.isArray(schema['enum'])) return pick(schema['enum'] as unknown[], random);
  if (Array.isArray(examples) && random() < 0.7) return pick(examples, random);
  const kind = Array.isArray(type) ? pick(type, random) : type;
  switch (kind) {
    case 'object': {
      const one = pick(oneOf ?? anyOf ?? [{}], random) as {required?: string[]};
      const names = Object.keys(properties).filter((name) => required.includes(name) || one.required?.includes(name) === true || (oneOf === undefined && depth < DEPTH_MAX && random() < 0.4));
      const known = names.map((name) => [name, valueFor(properties[name] ?? {}, maker, depth + 1)] as const);
      const more = typeof additionalProperties === 'object' && depth < DEPTH_MAX ? [[pick(['web', 'worker', 'LOG_LEVEL', 'shop'], random), valueFor(additionalProperties, maker, depth + 1)] as const] : [];
      return Object.fromEntries([...known, ...more]);
    }
    case 'array': return depth >= DEPTH_MAX ? [] : Array.from({length: Math.floor(random() * 3)}, () => valueFor(items ?? {}, maker, depth + 1));
    case 'integer': return Math.floor(numberIn(schema, random));
    case 'number': return numberIn(schema, random);
    case 'boolean': return random() < 0.5;
    case 'null': return null;
    case 'string': return textFor(schema, random);
    default: return pick(ODD_VALUES, random);
  }
}

/** The same with something wrong somewhere, most of the time. */
export function wrongFor(schema: SchemaObject, maker: Maker): unknown {
  const {random} = maker;
  const value = valueFor(schema, maker);
  if (random() < 0.2 || typeof value !== 'object' || value === null || Array.isArray(value)) return pick(ODD_VALUES, random);
  const names = Object.keys(value);
  const name = pick([...names, pick(ODD_TEXTS, random)], random);
  if (random() < 0.3) return Object.fromEntries(Object.entries(value).filter(([one]) => one !== name));
  return {...value, [name]: pick(ODD_VALUES, random)};
}

export function oddText(random: () => number): string {
  return pick(ODD_TEXTS, random);
}

function numberIn(schema: SchemaObject, random: () => number): number {
  const {minimum = -5, maximum = 50} = schema as {readonly minimum?: number; readonly maximum?: number};
  const top = Math.min(maximum, minimum + 50);
  return random() < 0.1 ? maximum : minimum + random() * (top - minimum);
}

function textFor(schema: SchemaObject, random: () => number): string {
  const {pattern} = schema as {readonly pattern?: string};
  if (random() < 0.1) return pick(ODD_TEXTS, random);
  const fitting = ['shop', 'web', 'blog', 'main', '1a2b3c4d', 'LOG_LEVEL', '/healthz', 'shop.example.com', '10m', 'worker', '256Mi', 'ann@example.com', 'f'.repeat(40), `sha256:${'a'.repeat(64)}`, '3'];
  const possible = pattern === undefined ? fitting : fitting.filter((one) => new RegExp(pattern, 'u').test(one));
  return possible.length === 0 ? pick(ODD_TEXTS, random) : pick(possible, random);
}

export function pick<One>(all: readonly One[], random: () => number): One {
  return all[Math.floor(random() * all.length)] as One;
}
