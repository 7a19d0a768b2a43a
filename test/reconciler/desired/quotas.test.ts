import test from 'ava';
import {combine} from '../../../reconciler/desired/combine.ts';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import {ownerOf, quotasOf} from '../../../reconciler/desired/quotas.ts';
import type {DesiredApp} from '../../../reconciler/desired/state.ts';
import {validateCommit, validateFiles} from '../../../reconciler/desired/validate.ts';
import {configForChecks} from '../../../reconciler/desired/validate.ts';
import type {ManifestFile} from '../../../reconciler/checkout/snapshot.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import type {AppName, CommitId, TreeId} from '../../../schemas/ids.ts';
import {app, cluster, file, head, release} from '../../support/manifests.ts';

const GI = 2 ** 30;

/** A team, from lines of YAML. */
function team(name: string, yaml: string): ManifestFile {
  return file(`teams/${name}.yaml`, `${head('Team')}members: []\n${yaml}`);
}

/** An app with one service `web`. */
function scaled(name: string, replicas: number, more = ''): readonly ManifestFile[] {
  return [app(name, `services:\n  web:\n    replicas: ${replicas}\n${more}`), release(name, 1)];
}

function resolved(files: readonly ManifestFile[], shared: readonly ManifestFile[]): readonly DesiredApp[] {
  const byApp = Map.groupBy(files, ({path}) => path.split('/')[1] ?? '');
  return [...byApp].map(([name, own]) => resolveApp({name: name as AppName, treeId: name as TreeId, files: own}, configForChecks(shared), 'flynn.localhost'));
}

/** What is said of a change; `web` and `shop` are in both, what is not in `after` has not changed. */
function problemsOf(shared: readonly ManifestFile[], before: readonly ManifestFile[], after: readonly ManifestFile[], sharedBefore = shared): readonly string[] {
  const names = new Set(after.map(({path}) => path.split('/')[1]));
  const kept = resolved(before, sharedBefore).filter(({name}) => !names.has(name));
  const changed = [...Map.groupBy(after, ({path}) => path.split('/')[1] ?? '')].map(([name, files]) => ({name: name as AppName, treeId: '' as TreeId, files}));
  return validateCommit({shared, isSharedChanged: shared !== sharedBefore, changed, unchanged: kept, before: {quotas: quotasOf(sharedBefore).quotas, apps: resolved(before, sharedBefore)}}, 'flynn.localhost').map(formatDiagnostic);
}

const WEB = [cluster(), team('web', 'owns: [shop, blog]\nquota:\n  replicas: 8\n')];

test('an app that wants more than its team has left is told where it asks for it', (t) => {
  t.deepEqual(problemsOf(WEB, [...scaled('blog', 7), ...scaled('shop', 1)], scaled('shop', 2)), ['apps/shop/app.yaml:5:15: 2 replicas: team web may have 8 replicas in all, and blog has 7']);
  t.deepEqual(problemsOf(WEB, [...scaled('blog', 6), ...scaled('shop', 1)], scaled('shop', 2)), []);
  t.deepEqual(problemsOf(WEB, [...scaled('other', 70), ...scaled('shop', 1)], scaled('shop', 8)), [], 'an app of nobody');
});

test('who was over quota before is not refused for it, as long as it becomes no worse', (t) => {
  const before = [...scaled('blog', 7), ...scaled('shop', 9)];
  t.deepEqual(problemsOf(WEB, before, scaled('shop', 3)), []);
  t.deepEqual(problemsOf(WEB, before, scaled('shop', 9, 'env: {A: b}\n')), []);
  t.deepEqual(problemsOf(WEB, before, scaled('shop', 10)), ['apps/shop/app.yaml:5:15: 10 replicas: team web may have 8 replicas in all, and blog has 7']);
});

test('a quota below what is used is told at the quota', (t) => {
  const lower = [cluster(), team('web', 'owns: [shop, blog]\nquota:\n  replicas: 3\n')];
  t.deepEqual(problemsOf(lower, [...scaled('blog', 4), ...scaled('shop', 1)], [...scaled('blog', 4), ...scaled('shop', 1)], WEB), ['teams/web.yaml:6:13: team web may have 3 replicas, and has 5 replicas: blog 4, shop 1']);
  t.deepEqual(validateFiles([...lower, ...scaled('blog', 4), ...scaled('shop', 1)], 'flynn.localhost').map(formatDiagnostic), ['teams/web.yaml:6:13: team web may have 3 replicas, and has 5 replicas: blog 4, shop 1'], 'a whole work tree');
});

test('memory and cores are limits times copies, volumes are counted, and so are apps', (t) => {
  const quota = 'owns: ["web-*"]\nquota: {apps: 1, cpus: 2, memory: 1Gi, volumes: 1}\n';
  const shared = [cluster(), team('web', quota)];
  const first = scaled('web-a', 1, '    limits: {memory: 512Mi, cpus: 0.5}\n');
  t.deepEqual(problemsOf(shared, first, scaled('web-a', 3, '    limits: {memory: 512Mi, cpus: 0.75}\n')), [
    'apps/web-a/app.yaml:6:22: 1.5Gi of memory: team web may have 1Gi of memory in all',
    'apps/web-a/app.yaml:6:35: 2.25 cores: team web may have 2 cores in all',
  ]);
  t.deepEqual(problemsOf(shared, first, [app('web-b')]), ['apps/web-b/app.yaml:1:1: 1 app: team web may have 1 app in all, and web-a has 1']);
  t.deepEqual(problemsOf(shared, first, scaled('web-a', 1, '    limits: {memory: 512Mi, cpus: 0.5}\n    volumes: {a: {path: /a}, b: {path: /b}}\n    strategy: stop-first\n')), ['apps/web-a/app.yaml:7:14: 2 volumes: team web may have 1 volume in all']);
});

test('an app\'s own quota is in cluster.yaml, in the place of the default', (t) => {
  const shared = [cluster('quotas:\n  default: {replicas: 2}\n  apps: {shop: {replicas: 4}}\n')];
  t.deepEqual(problemsOf(shared, scaled('shop', 1), scaled('shop', 5)), ['apps/shop/app.yaml:5:15: 5 replicas: shop may have 4 replicas']);
  t.deepEqual(problemsOf(shared, scaled('blog', 1), scaled('blog', 3)), ['apps/blog/app.yaml:5:15: 3 replicas: blog may have 2 replicas']);
});

test('an app has one owner: its name counts before beginnings of names, of these the longest', (t) => {
  const {quotas, problems} = quotasOf([team('a', 'owns: ["web-*", shop]\n'), team('b', 'owns: ["web-shop-*", web-x]\n'), team('c', 'owns: [shop]\n')]);
  t.deepEqual(['web-1', 'web-shop-1', 'web-x', 'shop', 'blog'].map((name) => ownerOf(quotas, name)), ['a', 'b', 'b', 'a', undefined]);
  t.deepEqual(problems.map(formatDiagnostic), ['teams/c.yaml:4:8: "shop" counts for the team "a" already: an app has one owner']);
});

/** `shop 2+1: why` */
function placed(shared: readonly ManifestFile[], files: readonly ManifestFile[], runningFiles: readonly ManifestFile[] = []): readonly string[] {
  const running = Object.fromEntries(resolved(runningFiles, shared).map((one) => [one.name, one.state === 'resolved' ? one.services[0] : undefined]));
  const {apps} = combine('' as CommitId, resolved(files, shared), {nodes: [{node: 'n1', memoryBytes: 64 * GI, cpus: 64}], me: 'n1', system: [], keptImages: 5, networks: {range: '10.0.0.0/16', prefix: 24}, quotas: quotasOf(shared).quotas, running: (name) => running[name]});
  return apps.flatMap((one) => (one.state === 'invalid' ? one.problems.map(formatDiagnostic) : one.services.map(({replicas, unplaced}) => `${one.name} ${replicas}${unplaced === undefined ? '' : `+${unplaced.replicas}: ${unplaced.on}`}`)));
}

test('copies beyond a quota wait, and those that run already stay', (t) => {
  const files = [...scaled('blog', 7), ...scaled('shop', 3)];
  t.deepEqual(placed(WEB, files), ['blog 5+2: team web may have 8 replicas in all', 'shop 3']);
  t.deepEqual(placed(WEB, files, [...scaled('blog', 7), ...scaled('shop', 1)]), ['blog 7', 'shop 1+2: team web may have 8 replicas in all']);
  t.deepEqual(placed(WEB, [...scaled('blog', 9), ...scaled('shop', 3)], [...scaled('blog', 9), ...scaled('shop', 3)]), ['blog 9', 'shop 3'], 'the quota came later');
});

test('what has no room as well waits for that', (t) => {
  const small = [cluster(), team('web', 'owns: [shop]\nquota: {replicas: 3}\n')];
  t.deepEqual(placed(small, scaled('shop', 5, '    limits: {memory: 40Gi}\n    requests: {memory: 30Gi}\n')), ['shop 2+3: no node has 30Gi of memory free (n1: 4Gi of 64Gi)']);
});

test('copies that run do not become larger than a quota allows: the app keeps what it has', (t) => {
  const shared = [cluster(), team('web', 'owns: [shop]\nquota: {memory: 1Gi}\n')];
  const limited = (memory: string, replicas = 2) => scaled('shop', replicas, `    limits: {memory: ${memory}}\n`);
  t.deepEqual(placed(shared, limited('512Mi'), limited('256Mi')), ['shop 2']);
  t.deepEqual(placed(shared, limited('600Mi'), limited('256Mi')), ['apps/shop/app.yaml:1:1: over quota: team web may have 1Gi of memory in all']);
  t.deepEqual(placed(shared, limited('400Mi', 3), limited('256Mi')), ['shop 2+1: team web may have 1Gi of memory in all']);
});
