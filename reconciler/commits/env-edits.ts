import {isDeepStrictEqual} from 'node:util';
import type {EnvManifest} from '../../schemas/app.ts';
import type {AppName} from '../../schemas/ids.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import {loadManifest} from '../../schemas/load.ts';
import type {SecretsManifest} from '../../schemas/secrets.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {appFile, CLUSTER_FILE, mustLoad, mustRead, releasedServices, unknownService} from './edits.ts';
import {removeKey, setLines, setScalar} from './yaml-edit.ts';

/** What is to become of variables of an app, or of one of its services. No name is in two of these. */
export interface EnvChange {
  /** Absent: of all services. */
  readonly service?: string;
  /** Plain values. */
  readonly set: Readonly<Record<string, string>>;
  /** Values that were sealed to `recipients`. */
  readonly seal: Readonly<Record<string, string>>;
  readonly unset: readonly string[];
  /** As cluster.yaml had them when the values were sealed. */
  readonly recipients: readonly string[];
}

/** Something has changed since the values were sealed: they have to be sealed anew, and the edit made again. */
export class SealedForOthers extends EditRefused {
  override name = 'SealedForOthers';

  constructor() {
    super('the secrets, or their recipients, were changed at the same moment again and again: try again');
  }
}

/** Sets and takes out variables, in app.yaml and in secrets.yaml: a line each, or a block. Refused for services that the app does not have. */
export function changeEnv(app: AppName, change: EnvChange): Edit {
  return (read, list) => {
    const original = mustRead(read, app);
    const before = mustLoad(appFile(app), original);
    const {service} = change;
    if (service !== undefined) {
      const known = new Set([...Object.keys(before.services ?? {}), ...releasedServices(app, read, list)]);
      if (!known.has(service)) throw new EditRefused(unknownService(app, service, known));
    }
    if (Object.keys(change.seal).length > 0 && !isDeepStrictEqual(recipientsIn(read), change.recipients)) throw new SealedForOthers();
    const sealedFile = secretsFile(app);
    const sealedOriginal = read(sealedFile);
    const sealedBefore = sealedOriginal === undefined ? undefined : mustLoadSecrets(sealedFile, sealedOriginal);
    const plain = envOf(before, service);
    const sealed = envOf(sealedBefore ?? {}, service);
    const unknown = change.unset.filter((name) => !Object.hasOwn(plain, name) && !Object.hasOwn(sealed, name));
    if (unknown.length > 0) throw new EditRefused(notSet(app, unknown, {service, manifests: [before, sealedBefore ?? {}]}));
    if (Object.keys(change.set).some((name) => Object.hasOwn(sealed, name))) throw new SealedForOthers();

    const gone = [...change.unset, ...Object.keys(change.seal)].filter((name) => Object.hasOwn(plain, name));
    const text = edited({file: appFile(app), text: original, service, set: change.set, unset: gone, write: setScalar, load: mustLoad});
    const unsealed = change.unset.filter((name) => Object.hasOwn(sealed, name));
    const isSealedTouched = unsealed.length > 0 || Object.keys(change.seal).length > 0;
    const sealedText = isSealedTouched ? edited({file: sealedFile, text: sealedOriginal ?? SECRETS_TEMPLATE, service, set: change.seal, unset: unsealed, write: setLines, load: mustLoadSecrets}) : sealedOriginal;
    return {
      ...(text !== original && {[appFile(app)]: text}),
      // A file that says nothing any more is taken away, as it was made.
      ...(sealedText !== sealedOriginal && {[sealedFile]: sealedText === SECRETS_TEMPLATE ? undefined : sealedText}),
    };
  };
}

export function secretsFile(app: AppName): string {
  return `apps/${app}/secrets.yaml`;
}

/** None also when cluster.yaml can't be read: then nothing can be sealed. */
export function recipientsIn(read: Parameters<Edit>[0]): readonly string[] {
  const loaded = loadManifest('Cluster', CLUSTER_FILE, read(CLUSTER_FILE) ?? '');
  return loaded.ok ? loaded.value.recipients ?? [] : [];
}

/** @throws {EditRefused} */
export function mustLoadSecrets(file: string, text: string): SecretsManifest {
  const loaded = loadManifest('Secrets', file, text);
  if (!loaded.ok) throw new EditRefused(`the secrets have to be put right first:\n${loaded.problem.map(formatDiagnostic).join('\n')}`, {problems: loaded.problem});
  return loaded.value;
}

export const SECRETS_TEMPLATE = `# yaml-language-server: $schema=../../.flynn/schemas/secrets.schema.json
# Each value is encrypted to the recipients in cluster.yaml: flynn env set --secret
apiVersion: flynn/v1
kind: Secrets
`;

/** What app.yaml and secrets.yaml have in common. */
interface EnvOwner {
  readonly env?: EnvManifest;
  readonly services?: Readonly<Record<string, {readonly env?: EnvManifest}>>;
}

interface Editing<Manifest> {
  readonly file: string;
  readonly text: string;
  readonly service: string | undefined;
  readonly set: EnvManifest;
  readonly unset: readonly string[];
  write(text: string, path: readonly string[], value: string): string | undefined;
  /** Throws when the text is not right. */
  load(file: string, text: string): Manifest;
}

/** One change after the other; the whole is read again and compared with what was meant. */
function edited<Manifest extends EnvOwner>({file, text: original, service, set, unset, write, load}: Editing<Manifest>): string {
  const below = service === undefined ? ['env'] : ['services', service, 'env'];
  const before = load(file, original);
  const env = envOf(before, service);
  const byHand = () => new EditRefused(`${file} can't be edited by a tool, because of how its YAML is shared or written: change ${below.join('.')} by hand`);
  let text = original;
  for (const name of unset) text = removeKey(text, [...below, name]) ?? text;
  for (const [name, value] of Object.entries(set)) {
    if (Object.hasOwn(env, name) && env[name] === value) continue;
    text = write(text, [...below, name], value) ?? text;
  }
  if (text === original && unset.length === 0 && Object.entries(set).every(([name, value]) => env[name] === value)) return original;
  const left = Object.fromEntries(Object.entries({...env, ...set}).filter(([name]) => !unset.includes(name)));
  let after: Manifest;
  try {
    after = load(file, text);
  } catch (error) {
    // What was asked for may itself be wrong, such as PORT; else it is how the text is written. Whoever typed it has never seen the line that it would be on.
    if (error instanceof EditRefused && error.problems.length > 0 && unset.length === 0 && loadsWithout(() => load(file, original))) throw new EditRefused(error.problems.map(({message}) => message).join('\n'), {cause: error});
    throw byHand();
  }
  if (!isDeepStrictEqual(pruned(after), pruned(withEnv(before, service, left)))) throw byHand();
  return text;
}

function loadsWithout(load: () => unknown): boolean {
  try {
    load();
    return true;
  } catch {
    return false;
  }
}

function envOf({env, services}: EnvOwner, service: string | undefined): EnvManifest {
  if (service === undefined) return env ?? {};
  return services !== undefined && Object.hasOwn(services, service) ? services[service]?.env ?? {} : {};
}

function withEnv(manifest: EnvOwner, service: string | undefined, env: EnvManifest): EnvOwner {
  if (service === undefined) return {...manifest, env};
  const {services = {}} = manifest;
  return {...manifest, services: {...services, [service]: {...(Object.hasOwn(services, service) ? services[service] : {}), env}}};
}

/** Without mappings that say nothing: when the last variable goes, they go too. */
function pruned({env = {}, services = {}, ...rest}: EnvOwner): object {
  const left = Object.entries(services).map(([name, {env: own = {}, ...service}]) => [name, {...service, ...(Object.keys(own).length > 0 && {env: own})}] as const);
  return {
    ...rest,
    ...(Object.keys(env).length > 0 && {env}),
    services: Object.fromEntries(left.filter(([, service]) => Object.keys(service).length > 0)),
  };
}

function notSet(app: AppName, names: readonly string[], {service, manifests}: {service: string | undefined; manifests: readonly EnvOwner[]}): string {
  const [name = ''] = names;
  const where = service === undefined ? `app "${app}"` : `service "${service}" of "${app}"`;
  const services = manifests.flatMap((manifest) => Object.keys(manifest.services ?? {}).filter((one) => one !== service && Object.hasOwn(envOf(manifest, one), name)));
  const isAtApp = service !== undefined && manifests.some((manifest) => Object.hasOwn(envOf(manifest, undefined), name));
  const elsewhere = isAtApp ? '; the whole app has it (without -t)' : services.length > 0 ? `; ${services.map((one) => `service "${one}" has it (-t ${one})`).join(', ')}` : '';
  return `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} not set for ${where}${elsewhere}`;
}
