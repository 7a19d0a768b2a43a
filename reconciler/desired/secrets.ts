import type {AppManifest} from '../../schemas/app.ts';
import {readArmor} from '../../schemas/armor.ts';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {AppId} from '../../schemas/ids.ts';
import {loadManifest, locate} from '../../schemas/load.ts';
import {fail, ok, type Result} from '../../schemas/result.ts';
import type {Problem} from '../../schemas/schema.ts';
import {sealedValues, type SecretsManifest} from '../../schemas/secrets.ts';
import type {TextFile} from './folder.ts';
import type {ResolvedApp} from './state.ts';

/**
 * What became of sealed values on this node, by the sealed text: a digest that is the same for the same value however often it is sealed
 * anew, with why it can't be the users of a route, or why it could not be opened, in words that follow its name.
 */
export type Opened = ReadonlyMap<string, Result<{readonly digest: string; readonly usersProblem?: string}, string>>;

/** A sealed value, with what stands for it in the hash of a spec: a key that is rotated deploys nothing. */
export interface SealedVariable {
  readonly sealed: string;
  readonly digest: string;
  /** Why it can't be the users of a route. Absent: it can, or nobody has looked. */
  readonly usersProblem?: string;
}

type SealedVariables = Readonly<Record<string, SealedVariable>>;

/** The secrets of an app, as they take part in resolving its services. */
export interface AppSecrets {
  readonly env: SealedVariables;
  readonly services: Readonly<Record<string, SealedVariables>>;
}

const NONE: AppSecrets = {env: {}, services: {}};

export type SecretsProblem =
  /** `secrets.yaml` is wrong. */
  | {readonly kind: 'wrong'; readonly problems: readonly Diagnostic[]}
  /** It is right, and this node can't open what is in it. */
  | {readonly kind: 'unreadable'; readonly problems: readonly Diagnostic[]};

/** Reads `secrets.yaml` beside a manifest. `opened` is absent where nobody has tried to open anything: the values then stand for themselves. */
export function resolveSecrets({file, id, app, opened}: {file: TextFile | undefined; id: AppId; app: AppManifest | undefined; opened: Opened | undefined}): Result<AppSecrets, SecretsProblem> {
  if (file === undefined) return ok(NONE);
  const loaded = loadManifest('Secrets', file.path, file.text);
  if (!loaded.ok) return fail({kind: 'wrong', problems: loaded.problem});
  const place = (problems: readonly Problem[]) => locate(problems, file.path, file.text);
  const wrong = [...problemsOfTwice(loaded.value, app), ...problemsOfOwner(loaded.value, id)];
  if (wrong.length > 0) return fail({kind: 'wrong', problems: place(wrong)});
  const unreadable = sealedValues(loaded.value).flatMap(({path, value}): readonly Problem[] => {
    const result = opened?.get(value);
    return result === undefined || result.ok ? [] : [{path, message: `${path.join('.')} can't be decrypted: ${result.problem}`}];
  });
  return unreadable.length > 0 ? fail({kind: 'unreadable', problems: place(unreadable)}) : ok(sorted(loaded.value, opened));
}

/** Every sealed value of the file, for somebody who wants to open them; none when it can't be read, which `resolveSecrets` tells. */
export function sealedIn(file: TextFile | undefined): readonly string[] {
  const loaded = file && loadManifest('Secrets', file.path, file.text);
  return loaded?.ok === true ? sealedValues(loaded.value).map(({value}) => value) : [];
}

/** What a node that runs this app has to be able to open. */
export function sealedInUseBy({services, routes}: Pick<ResolvedApp, 'services' | 'routes'>): readonly string[] {
  return [
    ...services.flatMap(({container}) => Object.values(container.sealedEnv ?? {})),
    ...routes.flatMap(({options}) => options?.basicAuth?.sealedUsers ?? []),
  ];
}

/** Which of the two would win is nothing that a reader should have to know. */
function problemsOfTwice(secrets: SecretsManifest, app: AppManifest | undefined): readonly Problem[] {
  return sealedValues(secrets).flatMap(({name, service, path}): readonly Problem[] => {
    const plain = service === undefined ? app?.env : own(app?.services, service)?.env;
    return own(plain, name) === undefined ? [] : [{path, message: `${path.join('.')} is set in app.yaml too: remove one of the two`}];
  });
}

/** Who may write this file is not who may read what is sealed for others. */
function problemsOfOwner(secrets: SecretsManifest, app: AppId): readonly Problem[] {
  return sealedValues(secrets).flatMap(({value, path}): readonly Problem[] => {
    const armor = readArmor(value);
    const owner = armor.ok ? armor.value.owner : undefined;
    return owner === undefined || owner === app as string ? [] : [{path, message: `${path.join('.')} was encrypted for ${owner === 'cluster' ? 'the cluster itself' : `the app "${owner}"`}, and is of no use here: set it anew with flynn env set --secret`}];
  });
}

function sorted(secrets: SecretsManifest, opened: Opened | undefined): AppSecrets {
  const variables = (values: Readonly<Record<string, string>> = {}) => Object.fromEntries(Object.entries(values).map(([name, sealed]): [string, SealedVariable] => {
    const known = opened?.get(sealed);
    return [name, {sealed, ...(known?.ok === true ? known.value : {digest: sealed})}];
  }));
  return {
    env: variables(secrets.env),
    services: Object.fromEntries(Object.entries(secrets.services ?? {}).map(([service, {env}]) => [service, variables(env)])),
  };
}

function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
