import {readArmor} from './armor.ts';
import {serviceNameSchema} from './names.ts';
import {headerProperties, type Header, type ObjectSchema, type Problem} from './schema.ts';
import {variableNameSchema} from './variables.ts';

/** Variables whose values are encrypted, in `apps/<app>/secrets.yaml`. Their names can be read by everybody who can read the repository. */
export interface SecretsManifest extends Header<'Secrets'> {
  readonly env?: SealedEnv;
  readonly services?: Readonly<Record<string, SealedService>>;
}

/** Name to value; each an age file in its ASCII armour, which `age -d` opens with the identity of one of the cluster's recipients. */
export type SealedEnv = Readonly<Record<string, string>>;

export interface SealedService {
  readonly env?: SealedEnv;
}

/** A value, and where it stands. */
export interface Sealed {
  readonly name: string;
  /** Absent: of all services. */
  readonly service?: string;
  readonly value: string;
  readonly path: readonly string[];
}

const sealedEnvSchema = {
  type: 'object',
  propertyNames: variableNameSchema,
  additionalProperties: {type: 'string', errorMessage: 'must be a value that age has encrypted: flynn env set --secret writes it'},
};

const sealedServiceSchema: ObjectSchema<SealedService> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  properties: {
    env: {...sealedEnvSchema, description: "Secrets of this service only; they win over the app's."},
  },
};

export const secretsSchema: ObjectSchema<SecretsManifest> = {
  title: 'Secrets',
  description: "Variables whose values are encrypted to the cluster's recipients: apps/<app>/secrets.yaml. Written by `flynn env set --secret`.",
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind'],
  properties: {
    ...headerProperties('Secrets'),
    env: {...sealedEnvSchema, description: 'Secrets of all services: each value is an age file in its ASCII armour.'},
    services: {type: 'object', propertyNames: serviceNameSchema, additionalProperties: sealedServiceSchema, description: 'Secrets of single services, by their names.'},
  },
  examples: [{
    apiVersion: 'flynn/v1',
    kind: 'Secrets',
    env: {DATABASE_PASSWORD: '-----BEGIN AGE ENCRYPTED FILE-----\n…\n-----END AGE ENCRYPTED FILE-----\n'},
  }],
};

export function checkSecrets(secrets: SecretsManifest): readonly Problem[] {
  return sealedValues(secrets).flatMap(({name, value, path}): readonly Problem[] => {
    if (name === 'PORT') return [{path, message: 'PORT can\'t be a secret: it is the `port:` of a service in app.yaml'}];
    const armor = readArmor(value);
    return armor.ok ? [] : [{path, message: `${path.join('.')} ${armor.problem}`}];
  });
}

/** All values of a manifest: those of all services first. */
export function sealedValues({env, services}: SecretsManifest): readonly Sealed[] {
  const each = (values: SealedEnv | undefined, path: readonly string[], service?: string) => Object.entries(values ?? {}).map(([name, value]): Sealed => (
    {name, value, path: [...path, name], ...(service !== undefined && {service})}
  ));
  return [
    ...each(env, ['env']),
    ...Object.entries(services ?? {}).flatMap(([service, {env: own}]) => each(own, ['services', service, 'env'], service)),
  ];
}
