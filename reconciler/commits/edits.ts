import {isDeepStrictEqual} from 'node:util';
import {stringify} from 'yaml';
import {RELEASE, REPLICAS_MAX, replicasDefault, type AppManifest, type ServiceManifest} from '../../schemas/app.ts';
import type {ClusterManifest} from '../../schemas/cluster.ts';
import {formatDiagnostic} from '../../schemas/diagnostic.ts';
import type {AppId, AppName} from '../../schemas/ids.ts';
import {loadManifest} from '../../schemas/load.ts';
import {problemOfAppName} from '../../schemas/names.ts';
import {releaseFileName, releaseNumberOf, type ReleaseManifest} from '../../schemas/release.ts';
import {API_VERSION} from '../../schemas/schema.ts';
import {EditRefused, type Edit} from '../checkout/snapshot.ts';
import {APP_TEMPLATE} from './app-template.ts';
import {removeKey, setList, setScalar} from './yaml-edit.ts';

export const CLUSTER_FILE = 'cluster.yaml';
/** Beside an app's app.yaml. */
export const SECRETS_FILE = 'secrets.yaml';

/** A release before it has a number. */
export type NewRelease = Omit<ReleaseManifest, 'apiVersion' | 'kind'>;

export interface ReleaseOptions {
  /** Release files that are left, this one included. */
  readonly keep: number;
  /** The new number is higher than this: numbers of releases that were taken out of the tree are not used again. */
  readonly numberAbove?: number;
}

/** Writes an annotated `apps/<name>/app.yaml`. `id`: where what goes by its name is another app's. Refused when the name is bad, or taken. */
export function createApp(name: AppName, id?: AppId): Edit {
  return (read) => {
    const problem = problemOfAppName(name);
    if (problem !== undefined) throw new EditRefused(problem);
    if (read(appFile(name)) !== undefined) throw new EditRefused(`app "${name}" exists already`);
    return {[appFile(name)]: id === undefined ? APP_TEMPLATE : APP_TEMPLATE.replace('kind: App\n', `kind: App\nid: ${id}\n`)};
  };
}

/** So many, or so many more or less than there are: `3`, `+1`, `-2`. */
export type ScaleWish = number | string;

/** Of an app's manifest as it is now. */
function replicasWished(manifest: AppManifest, service: string, wish: ScaleWish): number {
  return typeof wish === 'number' ? wish : replicasOf(manifest, service) + Number(wish);
}

/** What has become of wishes that were fulfilled: where there is a difference in one, it is in git by now. */
export function replicasAsked(app: AppName, wishes: Readonly<Record<string, ScaleWish>>, read: Parameters<Edit>[0]): Readonly<Record<string, number>> {
  const loaded = loadManifest('App', appFile(app), read(appFile(app)) ?? '');
  return Object.fromEntries(Object.entries(wishes).flatMap(([service, wish]) => (typeof wish === 'number' ? [[service, wish]] : loaded.ok ? [[service, replicasOf(loaded.value, service)]] : [])));
}

/** Sets replicas by service: one changed line each. Refused for services that neither app.yaml nor the current release has. */
export function scale(app: AppName, replicas: Readonly<Record<string, ScaleWish>>): Edit {
  return (read, list) => {
    const file = appFile(app);
    const original = mustRead(read, app);
    const before = mustLoad(file, original);
    const known = new Set([...Object.keys(before.services ?? {}), ...releasedServices(app, read, list)]);
    let text = original;
    let manifest = before;
    for (const [service, wish] of Object.entries(replicas)) {
      if (!known.has(service)) throw new EditRefused(unknownService(app, service, known));
      const count = replicasWished(manifest, service, wish);
      if (!Number.isInteger(count) || count < 0 || count > REPLICAS_MAX) {
        throw new EditRefused(`replicas of "${service}" must be a whole number from 0 to ${REPLICAS_MAX}, not "${count}"`);
      }
      if (count === replicasOf(manifest, service)) continue;
      const wanted = withReplicas(manifest, service, count);
      text = setScalar(text, ['services', service, 'replicas'], count) ?? text;
      const after = loadManifest('App', file, text);
      if (!after.ok || !isDeepStrictEqual(after.value, wanted)) {
        throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is shared or written: set services.${service}.replicas to ${count} by hand`);
      }
      manifest = after.value;
    }
    return text === original ? {} : {[file]: text};
  };
}

/** `shop: scale web 2 → 4`, of what there is when it is done. What can't be read is left out of it, and the edit itself says why. */
export function scaleSubject(app: AppName, replicas: Readonly<Record<string, ScaleWish>>): (read: Parameters<Edit>[0]) => string {
  return (read) => {
    const loaded = loadManifest('App', appFile(app), read(appFile(app)) ?? '');
    const changes = Object.entries(replicas).map(([service, wish]) => (loaded.ok ? {service, to: replicasWished(loaded.value, service, wish), from: replicasOf(loaded.value, service)} : {service, to: wish, from: undefined}));
    // Where nothing differs, that is the news.
    const told = changes.some(({from, to}) => from !== to) ? changes.filter(({from, to}) => from !== to) : changes;
    return `${app}: scale ${told.map(({service, from, to}) => (from === undefined ? `${service} to ${to}` : `${service} ${from} → ${to}`)).join(', ')}`;
  };
}

/** Lets an app's hosts answer that it is being worked on, or the app again: one line. */
export function setMaintenance(app: AppName, isOn: boolean): Edit {
  return setFlag(app, 'maintenance', isOn);
}

/** Stops all of an app, or lets it run again: one line. */
export function setSuspended(app: AppName, isOn: boolean): Edit {
  return setFlag(app, 'suspend', isOn);
}

function setFlag(app: AppName, flag: 'maintenance' | 'suspend', isOn: boolean): Edit {
  return (read) => {
    const file = appFile(app);
    const original = mustRead(read, app);
    const before = mustLoad(file, original);
    if ((before[flag] ?? false) === isOn) return {};
    const {[flag]: _, ...rest} = before;
    const text = isOn ? setScalar(original, [flag], true) : removeKey(original, [flag]);
    const after = text === undefined ? undefined : loadManifest('App', file, text);
    if (text === undefined || after?.ok !== true || !isDeepStrictEqual(after.value, isOn ? {...rest, [flag]: true} : rest)) {
      throw new EditRefused(`${file} can't be edited by a tool, because of how its YAML is shared or written: ${isOn ? `set ${flag} to true` : `take ${flag} out`} by hand`);
    }
    return {[file]: text};
  };
}

/** Removes an app with all that git says of it. Refused when it is not there. */
export function removeApp(app: AppName): Edit {
  return (_read, list) => {
    if (!list('apps').includes(app)) throw new EditRefused(`there is no app "${app}"`);
    return {[`apps/${app}`]: undefined};
  };
}

/** Moves the cluster to another domain: where apps without routes of their own are served. */
export function setDomain(domain: string): Edit {
  return editCluster(({domain: before}, text) => (before === domain ? text : setScalar(text, ['domain'], domain)), {domain}, `its domain to ${domain}`);
}

/** Says to whom secrets are encrypted, in a repository that says nothing about it yet. */
export function addRecipients(recipients: readonly string[]): Edit {
  return (read, list) => {
    const text = read(CLUSTER_FILE);
    const before = text === undefined ? undefined : loadManifest('Cluster', CLUSTER_FILE, text);
    if (before?.ok === true && before.value.recipients !== undefined) return {};
    return editCluster((_before, original) => setList(original, ['recipients'], recipients), {recipients}, `recipients to ${recipients.join(', ')}`)(read, list);
  };
}

/** `inWords` follows "set". */
function editCluster(change: (before: ClusterManifest, text: string) => string | undefined, wanted: Partial<ClusterManifest>, inWords: string): Edit {
  return (read) => {
    const original = read(CLUSTER_FILE);
    const before = original === undefined ? undefined : loadManifest('Cluster', CLUSTER_FILE, original);
    if (original === undefined || before?.ok !== true) throw new EditRefused(`${CLUSTER_FILE} is missing or wrong: set ${inWords} by hand`);
    const text = change(before.value, original) ?? original;
    if (text === original && isDeepStrictEqual(before.value, {...before.value, ...wanted})) return {};
    const after = loadManifest('Cluster', CLUSTER_FILE, text);
    if (!after.ok || !isDeepStrictEqual(after.value, {...before.value, ...wanted})) throw new EditRefused(`${CLUSTER_FILE} can't be edited by a tool: set ${inWords} by hand`);
    return {[CLUSTER_FILE]: text};
  };
}

/** Writes the next release and removes the oldest ones beyond `keep`. Refused when the app is gone. */
export function addRelease(app: AppName, release: NewRelease, {keep, numberAbove = 0}: ReleaseOptions): Edit {
  return (read, list) => {
    mustRead(read, app);
    const numbers = releaseNumbers(list(releaseFolder(app)));
    const number = 1 + Math.max(numberAbove, ...numbers, 0);
    const pruned = numbers.slice(Math.max(keep - 1, 0));
    return {
      ...Object.fromEntries(pruned.map((old) => [releaseFile(app, old), undefined])),
      [releaseFile(app, number)]: releaseText(app, number, release),
    };
  };
}

/** Takes a release out of the tree again, for example one that failed. Nothing to do when it is gone. */
export function removeRelease(app: AppName, number: number): Edit {
  return (read) => (read(releaseFile(app, number)) === undefined ? {} : {[releaseFile(app, number)]: undefined});
}

/** Numbers of the releases among file names, the highest (the current one) first. */
export function releaseNumbers(names: readonly string[]): readonly number[] {
  return names.flatMap((name) => releaseNumberOf(name) ?? []).toSorted((a, b) => b - a);
}

export function releaseFile(app: AppName, number: number): string {
  return `${releaseFolder(app)}/${releaseFileName(number)}`;
}

export function appFile(app: AppName): string {
  return `apps/${app}/app.yaml`;
}

export function releaseFolder(app: AppName): string {
  return `apps/${app}/releases`;
}

export function mustRead(read: Parameters<Edit>[0], app: AppName): string {
  const text = read(appFile(app));
  if (text === undefined) throw new EditRefused(`there is no app "${app}" (${appFile(app)})`);
  return text;
}

export function mustLoad(file: string, text: string): AppManifest {
  const loaded = loadManifest('App', file, text);
  if (!loaded.ok) throw new EditRefused(`the manifest has to be put right first:\n${loaded.problem.map(formatDiagnostic).join('\n')}`, {problems: loaded.problem});
  return loaded.value;
}

/** An app.yaml as it is, and what it says. */
export interface AppFound {
  readonly text: string;
  readonly manifest: AppManifest;
}

export function manifestOf(app: AppName, read: Parameters<Edit>[0]): AppFound {
  const text = mustRead(read, app);
  return {text, manifest: mustLoad(appFile(app), text)};
}

/** None when there is no release, or it can't be read: then only what app.yaml names is known. */
export function releasedServices(app: AppName, read: Parameters<Edit>[0], list: Parameters<Edit>[1]): readonly string[] {
  const [current] = releaseNumbers(list(releaseFolder(app)));
  if (current === undefined) return [];
  const file = releaseFile(app, current);
  const release = loadManifest('Release', file, read(file) ?? '');
  return release.ok ? Object.keys(release.value.services).filter((name) => name !== RELEASE) : [];
}

function withReplicas(manifest: AppManifest, service: string, replicas: number): AppManifest {
  return {...manifest, services: {...manifest.services, [service]: {...serviceOf(manifest, service), replicas}}};
}

function replicasOf(manifest: AppManifest, service: string): number {
  return serviceOf(manifest, service)?.replicas ?? replicasDefault(service);
}

function serviceOf({services}: AppManifest, service: string): ServiceManifest | undefined {
  return services !== undefined && Object.hasOwn(services, service) ? services[service] : undefined;
}

export function unknownService(app: AppName, service: string, known: ReadonlySet<string>): string {
  if (known.size === 0) return `app "${app}" has no services yet: push its code first`;
  return `app "${app}" has no service "${service}"; known are ${[...known].toSorted().join(', ')}`;
}

function releaseText(app: AppName, number: number, release: NewRelease): string {
  const header = '# yaml-language-server: $schema=../../../.flynn/schemas/release.schema.json\n';
  const text = header + stringify({apiVersion: API_VERSION, kind: 'Release', ...release}, {lineWidth: 0});
  const loaded = loadManifest('Release', releaseFile(app, number), text);
  if (!loaded.ok) throw new EditRefused(`the release would not be valid:\n${loaded.problem.map(formatDiagnostic).join('\n')}`);
  return text;
}
