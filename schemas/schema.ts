import type {SchemaObject} from 'ajv';

type RequiredKeys<T> = {[K in keyof T]-?: object extends Pick<T, K> ? never : K}[keyof T];

/**
 * A JSON Schema for objects of type `T`. Each field of `T` must be described and no other may be, so a type and
 * its schema cannot drift apart unseen.
 *
 * Not Ajv's `JSONSchemaType`: that one demands `nullable: true` on optional fields, and then a bare `port:` in
 * the YAML (null) passes validation although the type says `number | undefined`.
 */
export interface ObjectSchema<T> extends SchemaObject {
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly required: readonly RequiredKeys<T>[];
  readonly properties: {readonly [K in keyof T]-?: SchemaObject};
}

/** Value of the first field of every manifest. It changes only when old manifests would mean something else. */
export const API_VERSION = 'flynn/v1';

/** The two fields that every manifest begins with. */
export interface Header<Kind extends string> {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: Kind;
}

export function headerProperties<Kind extends string>(kind: Kind): {apiVersion: SchemaObject; kind: SchemaObject} {
  return {
    apiVersion: {const: API_VERSION, description: 'Version of the format.'},
    kind: {const: kind, description: 'What this file describes.'},
  };
}

/**
 * Something wrong that the JSON Schema cannot say. `path` leads to the value in the manifest,
 * for example `['services', 'web', 'check']`; where it doesn't exist, its nearest parent is shown.
 */
export interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}
