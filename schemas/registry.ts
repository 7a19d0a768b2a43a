import {readArmor} from './armor.ts';
import {HOST_PATTERN} from './names.ts';
import type {ObjectSchema, Problem} from './schema.ts';

/** An OCI registry that keeps the image of each release. */
export interface RegistryManifest {
  /** With its port where it is not 443. */
  readonly host: string;
  readonly path?: string;
  readonly username?: string;
  /** An age file in its ASCII armour, as secrets of apps are. */
  readonly password?: string;
}

/** distribution/reference: what a repository may be called. */
const PATH = '^[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$';

export const registrySchema: ObjectSchema<RegistryManifest> = {
  type: 'object',
  additionalProperties: false,
  required: ['host'],
  description: 'An OCI registry that images of releases are pushed to, and pulled from where a node does not have them. None is needed.',
  properties: {
    host: {type: 'string', maxLength: 260, pattern: `${HOST_PATTERN.slice(0, -1)}(:\\d{1,5})?$`, errorMessage: 'must be a host such as registry.example.com or 10.0.0.5:5000, without scheme or path', description: 'Host, and port where it is not 443. It has to speak TLS, but on 127.0.0.0/8.', examples: ['registry.example.com']},
    path: {type: 'string', maxLength: 200, pattern: PATH, errorMessage: 'must be the beginning of a repository\'s name such as team/flynn', description: 'What comes before the name of the app. Default: nothing.', examples: ['team/flynn']},
    username: {type: 'string', minLength: 1, maxLength: 200, description: 'Who logs in.'},
    password: {type: 'string', errorMessage: 'must be a value that age has encrypted: flynn registry set writes it', description: "His password or token, encrypted to the cluster's recipients: `flynn registry set` writes it."},
  },
};

export function checkRegistry(registry: RegistryManifest | undefined): readonly Problem[] {
  if (registry?.password === undefined) return [];
  if (registry.username === undefined) return [{path: ['registry', 'username'], message: 'registry.password needs registry.username'}];
  const armor = readArmor(registry.password);
  return armor.ok ? [] : [{path: ['registry', 'password'], message: `registry.password ${armor.problem}`}];
}
