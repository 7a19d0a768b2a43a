import type {Identified} from '../../schemas/app-id.ts';
import {certificateNameOf} from '../../schemas/certificate.ts';
import type {Diagnostic} from '../../schemas/diagnostic.ts';
import type {AppName, TreeId} from '../../schemas/ids.ts';
import {loadManifest, locate} from '../../schemas/load.ts';
import {problemOfNodeName} from '../../schemas/names.ts';
import type {ManifestFile} from '../checkout/snapshot.ts';
import {accessOf} from '../access/access.ts';
import {checkApp, locateClaims, resolveApp, type AppFiles} from './app.ts';
import {CLUSTER_FILE, resolveCluster, type ClusterConfig} from './cluster.ts';
import {findConflicts} from './combine.ts';
import {appFile, isDocumentation, meant} from './folder.ts';
import {findIdConflicts, locateIdConflict} from './id-conflicts.ts';
import type {DesiredApp} from './state.ts';
import {findTcpConflicts} from './tcp.ts';
import {hasQuotas, quotasOf} from './quotas.ts';
import {problemsOfQuotas, type Stock} from './quota-check.ts';
import {problemsOfCertificate} from './tls.ts';

/** A commit as the push check sees it: what it changed is read, the rest was checked when it was pushed. */
export interface Commit {
  /** All files outside of `apps/<app>/`. */
  readonly shared: readonly ManifestFile[];
  /** False: none of them is touched. What was wrong in them before, by force or in a remote repository, then stops nobody. */
  readonly isSharedChanged: boolean;
  readonly changed: readonly AppFiles[];
  /** The other apps, resolved: a changed app may claim a route of theirs. */
  readonly unchanged: readonly DesiredApp[];
  /** What changed apps went by before. Absent: they are new, or nothing is known of it. */
  readonly known?: readonly Identified[];
  /** What there was before, where quotas are to be compared. Absent: nothing is known of it. */
  readonly before?: Stock;
}

/** Every problem of a whole repository, for example of a work tree. Sorted by file and place. */
export function validateFiles(files: readonly ManifestFile[], domain: string): readonly Diagnostic[] {
  const apps = Map.groupBy(files, ({path}) => /^apps\/([^/]+)\//.exec(path)?.[1] ?? '');
  const shared = apps.get('') ?? [];
  apps.delete('');
  const changed = [...apps].map(([name, own]) => ({name: name as AppName, treeId: '' as TreeId, files: own})); // names are checked below
  return validateCommit({shared, isSharedChanged: true, changed, unchanged: []}, domain);
}

/** Every problem in what a commit changed. Costs as much as the change is large. Sorted by file and place. */
export function validateCommit({shared, isSharedChanged, changed, unchanged, known = [], before}: Commit, domain: string): readonly Diagnostic[] {
  const config = configForChecks(shared);
  const resolved = changed.map((app) => resolveApp(app, config, domain));
  const byName = new Map(changed.map((app) => [app.name, app]));
  // Two apps that were at odds before, and are not touched, stop nobody. What is not touched was there first.
  const all = [...unchanged, ...resolved.map(withClaims)];
  const conflicts = findConflicts(all, unchanged.filter((app) => app.state === 'resolved')).filter(({app, owner}) => byName.has(app) || byName.has(owner));
  // Whoever had a port before keeps it.
  const tcpConflicts = findTcpConflicts(all.filter((app) => app.state === 'resolved')).filter(({app}) => byName.has(app));
  const placed = [...Map.groupBy([...conflicts, ...tcpConflicts], ({app}) => app)].flatMap(([app, own]) => {
    const files = byName.get(app);
    // An unchanged app can lose its route to a changed one: it is named without a line.
    return files === undefined ? own.map(({message}) => ({file: appFile(app), line: 1, column: 1, message})) : locateClaims(files, own);
  });
  const ids = findIdConflicts([...unchanged, ...resolved], [...unchanged, ...known]).filter(({app}) => byName.has(app)).flatMap((conflict) => locateIdConflict(conflict, byName.get(conflict.app)));
  const {quotas} = quotasOf(shared);
  const after = {quotas, apps: [...unchanged, ...resolved]};
  return [
    ...(isSharedChanged ? checkAllShared(shared) : []),
    ...(hasQuotas(quotas) ? problemsOfQuotas({after, before, files: [...shared, ...changed.flatMap(({files}) => files)]}) : []),
    ...changed.flatMap((app) => checkApp(app, config, domain)),
    ...placed,
    ...ids,
  ].toSorted(byPlace);
}

/** Whoever claims what another app has is told so when it is written, and not only by the app's first push. */
function withClaims(app: DesiredApp): DesiredApp {
  return app.state === 'resolved' && app.claims !== undefined ? {...app, ...app.claims} : app;
}

/** App manifests are checked even when cluster.yaml is wrong: all problems at once, and none of them for a file that nobody touched. */
export function configForChecks(shared: readonly ManifestFile[]): ClusterConfig {
  const cluster = resolveCluster(shared);
  return cluster.ok ? cluster.value : UNLIMITED;
}

/** Stands in for a wrong cluster.yaml; nothing is ever run from it. */
const UNLIMITED: ClusterConfig = {
  name: '',
  domain: '',
  limits: {memoryBytes: 0, cpus: 0, pidsMax: 0},
  builds: {memoryBytes: 0, cpus: 0, timeMs: 0, diskBytes: 0, cacheBytes: 0, minFreeBytes: 0, imageBytes: 0, isBuildkitAllowed: true, concurrent: 1},
  keep: {releases: 1, images: 1},
  logBytesMax: 0,
  networks: {range: '0.0.0.0/0', prefix: 16},
  tcpPorts: {first: 0, last: 0},
  recipients: [],
  logs: {appBytesMax: 0, ageMsMax: 0},
};

function checkAllShared(shared: readonly ManifestFile[]): readonly Diagnostic[] {
  const cluster = resolveCluster(shared);
  return [...(cluster.ok ? [] : cluster.problem), ...problemsOfSigning(shared), ...quotasOf(shared).problems, ...shared.flatMap(checkShared), ...accessOf(shared.filter(({path}) => !isDocumentation(path))).problems];
}

/** Where nobody but people may sign, no release could be committed, nor could `flynn scale`. */
function problemsOfSigning(shared: readonly ManifestFile[]): readonly Diagnostic[] {
  const file = shared.find(({path}) => path === CLUSTER_FILE);
  if (file?.kind !== 'text') return [];
  const cluster = loadManifest('Cluster', CLUSTER_FILE, file.text);
  if (!cluster.ok || cluster.value.commits?.signed !== 'required') return [];
  const hasKey = shared.some((one) => {
    const node = /^nodes\/[^/]+\.yaml$/.test(one.path) && one.kind === 'text' ? loadManifest('Node', one.path, one.text) : undefined;
    return node?.ok === true && node.value.signingKey !== undefined;
  });
  if (hasKey) return [];
  return locate([{path: ['commits', 'signed'], message: 'signed: required would keep the nodes from committing releases: put the line that "flynn doctor" shows into nodes/<node>.yaml first'}], CLUSTER_FILE, file.text);
}

function checkShared(file: ManifestFile): readonly Diagnostic[] {
  const {path} = file;
  if (path === CLUSTER_FILE || isDocumentation(path)) return [];
  if (certificateNameOf(path) !== undefined) return problemsOfCertificate(file);
  if (/^(people|teams)\/[^/]+\.yaml$/.test(path)) return []; // `accessOf` tells of those.
  const node = /^nodes\/([^/]+)\.yaml$/.exec(path)?.[1];
  const message = node === undefined ? misplaced(file) : problemOfNodeName(node);
  if (message !== undefined) return [{file: path, line: 1, column: 1, message}];
  if (node === undefined) return [];
  if (file.kind === 'refused') return [{file: path, line: 1, column: 1, message: file.why}];
  const loaded = loadManifest('Node', path, file.text);
  return loaded.ok ? [] : loaded.problem;
}

/** Where manifests belong, by kind. */
const PLACES: Readonly<Record<string, string>> = {
  App: 'apps/<app>/app.yaml',
  Release: 'apps/<app>/releases/v0001.yaml',
  Cluster: 'cluster.yaml',
  Node: 'nodes/<node>.yaml',
  Person: 'people/<user>.yaml',
  Team: 'teams/<team>.yaml',
  Secrets: 'apps/<app>/secrets.yaml',
  Certificate: 'certificates/<name>.yaml',
};

/** Folders whose manifests are examples at most. */
const ELSEWHERE = /^(\.|docs?\/|examples?\/)/i;

/** A manifest where nobody reads it is a change that silently does nothing. Other people's files are none of our business. */
function misplaced(file: ManifestFile): string | undefined {
  const {path} = file;
  if (/^apps\/[^/]+$/.test(path)) return `is not read: an app is a folder, ${PLACES['App']}${meant(path)}`;
  if (path.startsWith('people/') || path.startsWith('teams/')) return `is not read: a ${path.startsWith('people/') ? 'person is a file people/<user>.yaml' : 'team is a file teams/<team>.yaml'}${meant(path)}`;
  if (path.startsWith('nodes/')) return `is not read: a node is a file ${PLACES['Node']}${meant(path)}`;
  if (/^cluster\.ya?ml$/i.test(path)) return `is not read: its name is ${CLUSTER_FILE}`;
  if (ELSEWHERE.test(path) || !/\.ya?ml$/i.test(path) || file.kind === 'refused') return undefined;
  if (!/^apiVersion:\s*["']?flynn\//m.test(file.text)) return undefined;
  const kind = /^kind:\s*["']?(\w+)/m.exec(file.text)?.[1] ?? '';
  const place = Object.hasOwn(PLACES, kind) ? PLACES[kind] : Object.values(PLACES).join(', ');
  return `is a manifest of Flynn where none is read: it belongs to ${place}`;
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}
