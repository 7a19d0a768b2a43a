import type {EnvManifest} from '../../schemas/app.ts';
import {sortKeys} from './hash.ts';
import type {SealedVariable} from './secrets.ts';
import type {ContainerTemplate} from './state.ts';

type SealedVariables = Readonly<Record<string, SealedVariable>>;

export interface EnvironmentInput {
  readonly app: EnvManifest | undefined;
  readonly service: EnvManifest | undefined;
  readonly secrets: SealedVariables;
  readonly serviceSecrets: SealedVariables | undefined;
  readonly port: number | undefined;
}

/** The variables of a service. What it sets for itself wins over what its app sets, be it a secret or not. */
export function environmentOf({app = {}, service = {}, secrets, serviceSecrets = {}, port}: EnvironmentInput): {readonly env: EnvManifest; readonly sealed: SealedVariables} {
  return {
    env: sortKeys({...without(app, serviceSecrets), ...service, ...(port !== undefined && {PORT: String(port)})}),
    sealed: sortKeys({...without(secrets, service), ...serviceSecrets}),
  };
}

/** As it stands in a container's template: absent where there is none, so that specs without secrets stay what they were. */
export function sealedEnvOf(sealed: SealedVariables): Pick<ContainerTemplate, 'sealedEnv'> {
  return Object.keys(sealed).length === 0 ? {} : {sealedEnv: mapValues(sealed, (variable) => variable.sealed)};
}

/** As it counts in the hash of a spec: a sealed value is another text each time that it is sealed, what is in it stays. */
export function hashedContainer(container: ContainerTemplate, sealed: SealedVariables): object {
  return container.sealedEnv === undefined ? container : {...container, sealedEnv: mapValues(sealed, ({digest}) => digest)};
}

function without<Value>(record: Readonly<Record<string, Value>>, names: object): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !Object.hasOwn(names, name)));
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, change: (value: From) => To): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
