import type {AppName, TreeId} from '../../schemas/ids.ts';
import {loadManifest, type Kind} from '../../schemas/load.ts';
import {isRecord} from '../../schemas/merge-patch.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import {resolveApp} from './app.ts';
import {CLUSTER_FILE, type ClusterConfig} from './cluster.ts';
import {appFile, secretsFile, sortFolder} from './folder.ts';
import type {DesiredService, Need} from './state.ts';
import {configForChecks} from './validate.ts';

/** What two states of a cluster repository differ in, for people: fields of manifests, and what follows for containers. */
export interface Difference {
  /** Sorted by name. Without those that are the same. */
  readonly apps: readonly AppDifference[];
  /** Of what is no app's, by file. */
  readonly shared: readonly FileDifference[];
  /** What all replicas together may use at most. */
  readonly cost: {readonly before: Need; readonly after: Need};
}

export interface AppDifference {
  readonly app: AppName;
  readonly change: 'added' | 'changed' | 'removed';
  readonly fields: readonly FieldDifference[];
  /** `web: 4 replicas instead of 2` */
  readonly effects: readonly string[];
}

export interface FileDifference {
  readonly file: string;
  readonly fields: readonly FieldDifference[];
}

/** Absent: there is none. Sealed values are never here: `SEALED` stands for them. */
export interface FieldDifference {
  /** `services.web.replicas` */
  readonly field: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

/** In place of a value that age has encrypted. */
export const SEALED = '(sealed)';
/** The same, sealed to somebody else, or anew. */
const SEALED_AGAIN = '(sealed anew)';

/** For two states that are right: what is wrong in one of them is told by `validateFiles`, and left out here. */
export function differenceOf(before: readonly ManifestFile[], after: readonly ManifestFile[]): Difference {
  const [old, now] = [stateOf(before), stateOf(after)];
  const names = [...new Set([...old.apps.keys(), ...now.apps.keys()])].toSorted();
  const apps = names.flatMap((app): readonly AppDifference[] => {
    const [from, to] = [old.apps.get(app), now.apps.get(app)];
    const fields = compared(from?.manifest ?? {}, to?.manifest ?? {});
    const effects = effectsOf(from?.services ?? [], to?.services ?? []);
    if (fields.length + effects.length === 0 && (from === undefined) === (to === undefined)) return [];
    return [{app, change: from === undefined ? 'added' : to === undefined ? 'removed' : 'changed', fields, effects}];
  });
  const files = [...new Set([...old.shared.keys(), ...now.shared.keys()])].toSorted();
  const shared = files.map((file) => ({file, fields: compared(old.shared.get(file) ?? {}, now.shared.get(file) ?? {})}));
  return {apps, shared: shared.filter(({fields}) => fields.length > 0), cost: {before: costOf(old), after: costOf(now)}};
}

/** By folder. */
const KINDS: Readonly<Record<string, Kind>> = {nodes: 'Node', people: 'Person', teams: 'Team', certificates: 'Certificate'};

interface State {
  readonly apps: ReadonlyMap<AppName, {readonly manifest: object; readonly services: readonly DesiredService[]}>;
  readonly shared: ReadonlyMap<string, object>;
}

function stateOf(files: readonly ManifestFile[]): State {
  const byApp = Map.groupBy(files, ({path}) => /^apps\/([^/]+)\//.exec(path)?.[1] ?? '');
  const shared = byApp.get('') ?? [];
  byApp.delete('');
  const config = configForChecks(shared);
  const kinds = shared.map((file) => [file, file.path === CLUSTER_FILE ? 'Cluster' : KINDS[/^(\w+)\/[^/]+\.yaml$/.exec(file.path)?.[1] ?? '']] as const);
  return {
    apps: new Map([...byApp].map(([name, own]) => [name as AppName, appOf(name as AppName, own, config)])), // a folder's name, whatever it is
    shared: new Map(kinds.flatMap(([file, kind]) => (kind === undefined ? [] : [[file.path, read(kind, file)] as const]))),
  };
}

function appOf(name: AppName, files: readonly ManifestFile[], config: ClusterConfig): {readonly manifest: object; readonly services: readonly DesiredService[]} {
  const [release] = sortFolder(name, files).releases;
  const secrets = files.find(({path}) => path === secretsFile(name));
  const resolved = resolveApp({name, treeId: '' as TreeId, files}, config, config.domain);
  return {
    manifest: {
      ...read('App', files.find(({path}) => path === appFile(name))),
      ...(secrets && {secrets: without(read('Secrets', secrets), ['apiVersion', 'kind'])}),
      ...(release && {release: `v${release.number}`}),
    },
    services: resolved.state === 'resolved' && resolved.isSuspended !== true ? resolved.services : [],
  };
}

function read(kind: Kind, file: ManifestFile | undefined): object {
  const loaded = file?.kind === 'text' ? loadManifest(kind, file.path, file.text) : undefined;
  return loaded?.ok === true ? loaded.value : {};
}

function without(record: object, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(record).filter(([field]) => !fields.includes(field)));
}

/** Field by field; a list is told of as a whole. */
function compared(from: unknown, to: unknown, field = ''): readonly FieldDifference[] {
  if (isRecord(from) && isRecord(to)) {
    return [...new Set([...Object.keys(from), ...Object.keys(to)])].flatMap((name) => compared(from[name], to[name], field === '' ? name : `${field}.${name}`));
  }
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  if (isRecord(to) && from === undefined && Object.keys(to).length > 0) return compared({}, to, field);
  if (isRecord(from) && to === undefined && Object.keys(from).length > 0) return compared(from, {}, field);
  const isResealed = isSealed(from) && isSealed(to);
  return [{field, ...(from !== undefined && {from: masked(from)}), ...(to !== undefined && {to: isResealed ? SEALED_AGAIN : masked(to)})}];
}

function masked(value: unknown): unknown {
  if (isSealed(value)) return SEALED;
  if (Array.isArray(value)) return value.map(masked);
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, masked(one)])) : value;
}

function isSealed(value: unknown): boolean {
  return typeof value === 'string' && value.includes('-----BEGIN AGE ENCRYPTED FILE-----');
}

function effectsOf(from: readonly DesiredService[], to: readonly DesiredService[]): readonly string[] {
  const names = [...new Set([...from, ...to].map(({name}) => name))].toSorted();
  return names.flatMap((name) => {
    const [before, after] = [from.find((one) => one.name === name), to.find((one) => one.name === name)];
    const [had, wants] = [before?.replicas ?? 0, after?.replicas ?? 0];
    const isOther = had > 0 && wants > 0 && before?.specHash !== after?.specHash;
    if (had === wants && !isOther) return [];
    if (wants === 0) return [`${name}: ${counted(had)} ${had === 1 ? 'stops' : 'stop'}`];
    if (had === 0) return [`${name}: ${counted(wants)} ${wants === 1 ? 'starts' : 'start'}`];
    const count = had === wants ? counted(wants) : `${counted(wants)} instead of ${had}`;
    return [`${name}: ${count}${isOther ? `, ${had === 1 ? 'which is replaced by a new one' : 'all are replaced by new ones'}` : ''}`];
  });
}

function counted(replicas: number): string {
  return `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`;
}

function costOf({apps}: State): Need {
  const all = [...apps.values()].flatMap(({services}) => services);
  const sum = (of: (service: DesiredService) => number) => Math.round(all.reduce((total, service) => total + of(service) * service.replicas, 0) * 1000) / 1000;
  return {memoryBytes: sum(({container}) => container.memoryBytes), cpus: sum(({container}) => container.cpus)};
}
