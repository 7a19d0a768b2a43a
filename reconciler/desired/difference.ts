import {appIdIn} from '../../schemas/app-id.ts';
import type {AppId, AppName, TreeId} from '../../schemas/ids.ts';
import {loadManifest, type Kind} from '../../schemas/load.ts';
import {isRecord} from '../../schemas/merge-patch.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import {resolveApp} from './app.ts';
import {CLUSTER_FILE, type ClusterConfig} from './cluster.ts';
import {counted, effectsOf, type ReplicaCounts} from './effects.ts';
import {appFile, secretsFile, sortFolder} from './folder.ts';
import {maskedPair} from './masked.ts';
import type {Machine, NodeCapacity} from './nodes.ts';
import {peopleDifference} from './people-difference.ts';
import {costOf, nodesOf, sharesOf, unplacedOf, type NodeShare} from './shares.ts';
import type {DesiredApp, Need} from './state.ts';
import {resolveTls} from './tls.ts';
import {configForChecks} from './validate.ts';

/** What two states of a cluster repository differ in, for people: fields of manifests, and what follows for containers, routes and rights. */
export interface Difference {
  /** Sorted by name. Without those that are the same. */
  readonly apps: readonly AppDifference[];
  /** Of what is no app's, by file. */
  readonly shared: readonly FileDifference[];
  /** Whose rights change, a sentence each. */
  readonly people: readonly string[];
  /** Certificates of one's own that come, go or change, a sentence each. */
  readonly certificates: readonly string[];
  /** What all replicas together may use at most. */
  readonly cost: {readonly before: Need; readonly after: Need};
  /** The same by node, with replicas; none where the repository names no nodes. */
  readonly nodes: readonly NodeShare[];
}

export interface AppDifference {
  readonly app: AppName;
  readonly change: 'added' | 'changed' | 'removed' | 'renamed';
  /** Of one that was renamed: what it was called. */
  readonly from?: AppName;
  readonly fields: readonly FieldDifference[];
  /** `web: 4 replicas instead of 2` */
  readonly effects: readonly string[];
  readonly replicas: ReplicaCounts;
}

export interface FileDifference {
  readonly file: string;
  readonly fields: readonly FieldDifference[];
  /** `vm: nothing new starts there, what runs goes on` */
  readonly effects: readonly string[];
}

/** Absent: there is none. Sealed values, and those that look like secrets, are never here: see `masked.ts`. */
export interface FieldDifference {
  /** `services.web.replicas` */
  readonly field: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

export interface DifferenceOptions {
  /** Apps that are the same in both states and whose files are not among those given: they count for cost and nodes. Default: none. */
  readonly others?: readonly DesiredApp[];
  /** What the nodes' machines have. Absent: what the nodes' manifests say. */
  readonly machines?: readonly Machine[];
}

/** For two states that are right: a file that is wrong in one of them is told of by `validateFiles`, and its fields are left out here: it is not empty. */
export function differenceOf(before: readonly ManifestFile[], after: readonly ManifestFile[], {others = [], machines}: DifferenceOptions = {}): Difference {
  const [old, now] = [stateOf(before, others, machines), stateOf(after, others, machines)];
  const [hadWaiting, waiting] = [unplacedOf(old), unplacedOf(now)];
  const called = renamedApps(old, now);
  const names = [...new Set([...old.files.keys(), ...now.files.keys()])].filter((app) => ![...called.values()].includes(app)).toSorted();
  const apps = names.flatMap((app): readonly AppDifference[] => {
    const name = called.get(app);
    const [from, to] = [old.files.get(name ?? app), now.files.get(app)];
    const fields = [from, to].some((state) => state?.isWrong === true) ? [] : compared(from?.manifest ?? {}, to?.manifest ?? {}).filter(({field}) => name === undefined || field !== 'id');
    const {sentences, replicas} = effectsOf(from?.resolved, to?.resolved);
    const waits = JSON.stringify(hadWaiting.get(app)) === JSON.stringify(waiting.get(app)) ? [] : (waiting.get(app) ?? []).map(({service, replicas: missing, on}) => `${service}: ${counted(missing)} ${missing === 1 ? 'waits' : 'wait'}, ${on}`);
    // Where there is one more that is open, it goes there.
    const isHeld = replicas.starts + replicas.replaced > 0 && now.nodes.length > 0 && now.nodes.every(({closed}) => closed === 'cordoned');
    const effects = [...sentences, ...waits, ...(isHeld ? [`what is new waits: ${now.nodes.map(({node}) => node).join(', ')} ${now.nodes.length === 1 ? 'is' : 'are'} cordoned`] : [])];
    if (name !== undefined) return [{app, change: 'renamed', from: name, fields, effects, replicas}];
    if (fields.length + effects.length === 0 && (from === undefined) === (to === undefined)) return [];
    return [{app, change: from === undefined ? 'added' : to === undefined ? 'removed' : 'changed', fields, effects, replicas}];
  });
  const files = [...new Set([...old.shared.keys(), ...now.shared.keys()])].toSorted();
  const shared = files.filter((file) => !old.wrong.has(file) && !now.wrong.has(file))
    .map((file) => ({file, fields: compared(old.shared.get(file) ?? {}, now.shared.get(file) ?? {}), effects: nodeEffects(file, old.nodes, now.nodes)}));
  const need = ({apps: all}: State): Need => {
    const {memoryBytes, cpus} = costOf(all);
    return {memoryBytes, cpus};
  };
  return {
    apps,
    shared: shared.filter(({fields}) => fields.length > 0),
    people: peopleDifference(old.sharedFiles, now.sharedFiles),
    certificates: certificatesDifference(old, now),
    cost: {before: need(old), after: need(now)},
    nodes: sharesOf(old, now),
  };
}

/** By the new name: what apps that go by the same id were called. */
function renamedApps(old: State, now: State): ReadonlyMap<AppName, AppName> {
  const gone = new Map([...old.files].flatMap(([name, {id}]) => (now.files.has(name) ? [] : [[id, name] as const])));
  return new Map([...now.files].flatMap(([name, {id}]) => {
    const before = old.files.has(name) ? undefined : gone.get(id);
    return before === undefined ? [] : [[name, before] as const];
  }));
}

/** Whether the two states are the same to people. */
export function isSame({apps, shared}: Difference): boolean {
  return apps.length + shared.length === 0;
}

/** `2027-01-31` */
const DAY = new Intl.DateTimeFormat('sv', {timeZone: 'UTC'});

/** By folder. */
const KINDS: Readonly<Record<string, Kind>> = {nodes: 'Node', people: 'Person', teams: 'Team', certificates: 'Certificate'};

interface State {
  /** Of the apps whose files are given. */
  readonly files: ReadonlyMap<AppName, AppState>;
  /** Those and the others. */
  readonly apps: readonly DesiredApp[];
  readonly nodes: readonly NodeCapacity[];
  readonly sharedFiles: readonly ManifestFile[];
  readonly shared: ReadonlyMap<string, object>;
  /** Files of these that don't say what they are about. */
  readonly wrong: ReadonlySet<string>;
}

interface AppState {
  readonly id: AppId;
  readonly manifest: object;
  readonly isWrong: boolean;
  readonly resolved: DesiredApp;
}

function stateOf(files: readonly ManifestFile[], others: readonly DesiredApp[], machines: readonly Machine[] | undefined): State {
  const byApp = Map.groupBy(files, ({path}) => /^apps\/([^/]+)\//.exec(path)?.[1] ?? '');
  const shared = byApp.get('') ?? [];
  byApp.delete('');
  const config = configForChecks(shared);
  const kinds = shared.map((file) => [file, file.path === CLUSTER_FILE ? 'Cluster' : KINDS[/^(\w+)\/[^/]+\.yaml$/.exec(file.path)?.[1] ?? '']] as const);
  const own = new Map([...byApp].map(([name, its]) => [name as AppName, appOf(name as AppName, its, config)])); // a folder's name, whatever it is
  return {
    files: own,
    apps: [...others.map(whole), ...[...own.values()].map(({resolved}) => resolved)].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    nodes: nodesOf(shared, machines),
    sharedFiles: shared,
    shared: new Map(kinds.flatMap(([file, kind]) => (kind === undefined ? [] : [[file.path, read(kind, file) ?? {}] as const]))),
    wrong: new Set(kinds.flatMap(([file, kind]) => (kind !== undefined && read(kind, file) === undefined ? [file.path] : []))),
  };
}

/** As it was before replicas that have no place were taken out. */
function whole(app: DesiredApp): DesiredApp {
  if (app.state === 'invalid' || app.services.every(({unplaced}) => unplaced === undefined)) return app;
  return {...app, services: app.services.map(({unplaced, ...service}) => ({...service, replicas: service.replicas + (unplaced?.replicas ?? 0)}))};
}

function appOf(name: AppName, files: readonly ManifestFile[], config: ClusterConfig): AppState {
  const {releases: [release], manifest} = sortFolder(name, files);
  const secretsText = files.find(({path}) => path === secretsFile(name));
  const [app, secrets] = [read('App', files.find(({path}) => path === appFile(name))), read('Secrets', secretsText)];
  return {
    id: appIdIn(name, manifest?.text),
    manifest: {
      ...app,
      ...(secretsText && secrets && {secrets: without(secrets, ['apiVersion', 'kind'])}),
      ...(release && {release: `v${release.number}`}),
    },
    isWrong: app === undefined || secrets === undefined,
    resolved: resolveApp({name, treeId: '' as TreeId, files}, config, config.domain),
  };
}

/** Undefined: it is wrong. Of a file that is not there: nothing. */
function read(kind: Kind, file: ManifestFile | undefined): object | undefined {
  if (file === undefined) return {};
  const loaded = file.kind === 'text' ? loadManifest(kind, file.path, file.text) : undefined;
  return loaded?.ok === true ? loaded.value : undefined;
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
  return [{field, ...maskedPair(field, from, to)}];
}

/** What it means for a node that it is closed, or is not any more. */
function nodeEffects(file: string, before: readonly NodeCapacity[], after: readonly NodeCapacity[]): readonly string[] {
  const name = /^nodes\/([^/]+)\.yaml$/.exec(file)?.[1];
  const [had, has] = [before, after].map((nodes) => nodes.find(({node}) => node === name));
  if (name === undefined || has === undefined || had?.closed === has.closed) return [];
  return [has.closed === undefined ? `${name}: replicas start there again` : `${name}: nothing new starts there${has.closed === 'cordoned' ? ', what runs goes on' : ', and what runs there stops'}`];
}

function certificatesDifference(old: State, now: State): readonly string[] {
  const inWords = ({sharedFiles}: State) => new Map((resolveTls(undefined, sharedFiles, {domain: ''})?.certificates ?? []).map(({name, hosts, notAfterMs}) => (
    [name, `${name} (${hosts.join(', ')}${notAfterMs === 0 ? '' : `, until ${DAY.format(notAfterMs)}`})`] as const
  )));
  const [had, has] = [inWords(old), inWords(now)];
  return [...new Set([...had.keys(), ...has.keys()])].toSorted().flatMap((name) => {
    const [before, after] = [had.get(name), has.get(name)];
    if (before === after) return [];
    return after === undefined ? [`certificate ${before ?? name} goes`] : [`certificate ${after} ${before === undefined ? 'is new' : 'takes the place of the old one'}`];
  });
}
