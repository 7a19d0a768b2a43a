import type {SchemaObject} from 'ajv';
import {NAME_PATTERN} from '../../../schemas/names.ts';
import type {ObjectSchema} from '../../../schemas/schema.ts';

/** Short words for the schemas of answers and inputs. */

interface Optional {
  readonly isOptional: true;
  readonly schema: SchemaObject;
}

type Required = SchemaObject & {readonly isOptional?: never};

/** Each field of `T`, the optional ones in `maybe`: a type and its schema can't drift apart unseen. */
export type Fields<T> = {readonly [K in keyof T]-?: object extends Pick<T, K> ? Optional : Required};

/** An object of type `T`, and nothing else in it. */
export function objectOf<T>(description: string, fields: Fields<T>): ObjectSchema<T> {
  const entries = Object.entries<Optional | Required>(fields);
  return {
    type: 'object',
    description,
    additionalProperties: false,
    required: entries.filter(([, field]) => !isOptional(field)).map(([name]) => name),
    properties: Object.fromEntries(entries.map(([name, field]) => [name, isOptional(field) ? field.schema : field])),
    // The types above say what `Object.entries` forgets.
  } as unknown as ObjectSchema<T>;
}

function isOptional(field: Optional | Required): field is Optional {
  return (field.isOptional as unknown) === true;
}

/** Of an object: it may be absent. */
export function maybe(schema: SchemaObject): Optional {
  return {isOptional: true, schema};
}

export function ref(name: string): SchemaObject {
  return {$ref: `#/components/schemas/${name}`};
}

export function text(description: string, more: SchemaObject = {}): SchemaObject {
  return {type: 'string', description, ...more};
}

export function flag(description: string, more: SchemaObject = {}): SchemaObject {
  return {type: 'boolean', description, ...more};
}

/** A whole number. */
export function count(description: string, more: SchemaObject = {}): SchemaObject {
  return {type: 'integer', minimum: 0, description, ...more};
}

/** Any number that is not negative. */
export function amount(description: string): SchemaObject {
  return {type: 'number', minimum: 0, description};
}

export function oneOfTexts(description: string, values: readonly string[]): SchemaObject {
  return {type: 'string', enum: values, description, errorMessage: `must be one of ${values.join(', ')}`};
}

export function listOf(items: SchemaObject, description?: string): SchemaObject {
  return {type: 'array', items, ...(description !== undefined && {description})};
}

export function mapOf(values: SchemaObject, description?: string): SchemaObject {
  return {type: 'object', additionalProperties: values, ...(description !== undefined && {description})};
}

/** The only thing that it can be. */
export function always(value: string | boolean | number, description: string): SchemaObject {
  return {const: value, description};
}

/** One of several, as the schemas say which. */
export function either(description: string, ...schemas: readonly SchemaObject[]): SchemaObject {
  return {description, anyOf: schemas};
}

export const AT = 'ISO 8601, UTC.';
export const COMMIT: SchemaObject = {type: 'string', pattern: '^[0-9a-f]{40}$', description: 'A commit of the cluster repository: 40 hex digits.'};
export const APP: SchemaObject = {type: 'string', pattern: NAME_PATTERN, description: 'Name of an app.', errorMessage: "can't name an app: it must be a name: small letters, digits and inner dashes, at most 30 characters"};
export const SERVICE: SchemaObject = {type: 'string', pattern: NAME_PATTERN, description: 'Name of a service.', errorMessage: "can't name a service"};

/** What webhooks prove themselves with. One that somebody could guess would let him make us look, and nothing else. */
export const HOOK_SECRET = text('Printable characters without spaces. Encrypted before it is in git.', {minLength: 16, maxLength: 200, pattern: '^[\\x21-\\x7e]+$', writeOnly: true, errorMessage: 'must be a text of 16 to 200 printable characters without spaces'});

/** What comes in: an object with these fields, of which some have to be there. */
export function bodyOf(properties: Readonly<Record<string, SchemaObject>>, required: readonly string[] = []): SchemaObject {
  return {type: 'object', additionalProperties: false, required, properties, errorMessage: 'must be a JSON object'};
}
