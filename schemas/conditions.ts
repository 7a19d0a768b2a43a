import type {ObjectSchema} from './schema.ts';

/** All of them have to hold. `*` is any value. Numbers and booleans in the file have become text. */
export interface ConditionsManifest {
  readonly header?: Readonly<Record<string, string>>;
  readonly cookie?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly method?: string | readonly string[];
}

/** In a condition: it is there, with whatever value. */
export const ANY_VALUE = '*';

const CONDITIONS_MAX = 20;

/** RFC 9110, token, without what means something else to the router. */
const TOKEN = "^[A-Za-z0-9!#$&'^_|~.-]{1,100}$";

/** Nothing that ends a header or is a placeholder to the router. */
const conditionValues = (of: string, name: string, names = TOKEN) => ({
  type: 'object',
  minProperties: 1,
  maxProperties: CONDITIONS_MAX,
  errorMessage: `must be a mapping of names to values, at least one and at most ${CONDITIONS_MAX}`,
  propertyNames: {pattern: names, errorMessage: `must be the name of a ${of}`},
  additionalProperties: {
    type: ['string', 'number', 'boolean'], pattern: '^[^{}\\\\\\u0000-\\u001f\\u007f]{0,200}$', errorMessage: 'must be a value of at most 200 characters, without braces and backslashes; "*" is any value',
  },
  description: `Only requests with exactly these values, or "*" for any, by ${name}.`,
});

export const conditionsSchema: ObjectSchema<ConditionsManifest> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  minProperties: 1,
  errorMessage: 'must have at least one of header, cookie, query and method',
  description: 'Only requests of which all of this is true. Among routes with the same path, those with conditions come first, in the order of the file.',
  properties: {
    header: {...conditionValues('header', 'header'), examples: [{'X-Beta': '1'}]},
    cookie: {...conditionValues('cookie', 'name of the cookie'), examples: [{beta: 'yes'}]},
    query: {...conditionValues('parameter', 'parameter of the query; of one that is there several times the first counts', '^[A-Za-z0-9_.~[\\]-]{1,100}$'), examples: [{version: '2'}]},
    method: {
      type: ['string', 'array'], pattern: '^[A-Z][A-Z-]{0,19}$', errorMessage: 'must be a method such as GET, or a list of them',
      minItems: 1, maxItems: CONDITIONS_MAX, items: {type: 'string', pattern: '^[A-Z][A-Z-]{0,19}$', errorMessage: 'must be a method such as GET'},
      description: 'Only requests with this method, or one of these.', examples: ['POST', ['GET', 'HEAD']],
    },
  },
};

/** One thing that has to be true of a request. */
export type Condition =
  | {readonly kind: 'header' | 'cookie' | 'query'; readonly name: string; readonly value: string}
  | {readonly kind: 'method'; readonly values: readonly string[]};

/** Sorted: the same conditions are the same list. Names of headers are in small letters. */
export function conditionsOf({header = {}, cookie = {}, query = {}, method}: ConditionsManifest): readonly Condition[] {
  const pairs = (kind: 'header' | 'cookie' | 'query', values: Readonly<Record<string, string>>) => Object.entries(values)
    .map(([name, value]): Condition & {readonly name: string} => ({kind, name: kind === 'header' ? name.toLowerCase() : name, value}))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return [
    ...pairs('header', header),
    ...pairs('cookie', cookie),
    ...pairs('query', query),
    ...(method === undefined ? [] : [{kind: 'method', values: [method].flat().toSorted()} as const]),
  ];
}

/** `header x-beta is 1` */
export function conditionInWords(condition: Condition): string {
  if (condition.kind === 'method') return `method is ${condition.values.join(' or ')}`;
  return `${condition.kind} ${condition.name} ${condition.value === ANY_VALUE ? 'is there' : `is ${condition.value}`}`;
}
