import test from 'ava';
import type {ManifestFile} from '../../../reconciler/checkout/snapshot.ts';
import {resolveApp, type AppFiles} from '../../../reconciler/desired/app.ts';
import {validateCommit, validateFiles} from '../../../reconciler/desired/validate.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import type {AppName, TreeId} from '../../../schemas/ids.ts';
import {app, cluster, config, file, head, release} from '../../support/manifests.ts';

const finds = test.macro({
  exec(t, files: readonly ManifestFile[], expected: readonly string[]) {
    t.deepEqual(validateFiles(files, 'flynn.localhost').map(formatDiagnostic), expected);
  },
  title: (name) => `a repository ${name}`,
});

test("may hold other people's files", finds, [
  cluster(), app('shop'), release('shop', 1), file('nodes/box-1.yaml', head('Node')),
  file('README.md', ''), file('apps/README.md', ''), file('nodes/README.md', ''), file('.github/workflows/ci.yml', 'on: push'), file('docs/app.yaml', head('App')),
  file('mkdocs.yml', 'site_name: x'), file('CODEOWNERS', ''), {path: 'latest', kind: 'refused', why: 'is a symlink'},
], []);
test('is told of manifests where nobody reads them', finds, [
  cluster(), file('app.yaml', head('App')), file('app/shop/app.yaml', head('App')), file('apps/shop.yaml', ''), file('cluster.yml', ''),
  file('nodes/a.yml', ''), file('nodes/x/a.yaml', ''), file('other.yaml', head('Nonsense')),
], [
  'app.yaml:1:1: is a manifest of Flynn where none is read: it belongs to apps/<app>/app.yaml',
  'app/shop/app.yaml:1:1: is a manifest of Flynn where none is read: it belongs to apps/<app>/app.yaml',
  'apps/shop.yaml:1:1: is not read: an app is a folder, apps/<app>/app.yaml; did you mean apps/shop/app.yaml?',
  'cluster.yml:1:1: is not read: its name is cluster.yaml',
  'nodes/a.yml:1:1: is not read: a node is a file nodes/<node>.yaml; did you mean nodes/a.yaml?',
  'nodes/x/a.yaml:1:1: is not read: a node is a file nodes/<node>.yaml',
  'other.yaml:1:1: is a manifest of Flynn where none is read: it belongs to apps/<app>/app.yaml, apps/<app>/releases/v0001.yaml, cluster.yaml, nodes/<node>.yaml, people/<user>.yaml, teams/<team>.yaml, apps/<app>/secrets.yaml, certificates/<name>.yaml',
]);
test('is told of every problem at once, in the order of files and lines', finds, [
  app('shop', 'rotues: 1\nenvv: 1\n'), app('blog', 'Routes: 1\n'), file('nodes/Bad_Name.yaml', head('Node')), file('nodes/ok.yaml', head('Node') + 'drain: 1\n'),
  file('cluster.yaml', head('Cluster') + 'name: x\n'), {path: 'nodes/link.yaml', kind: 'refused', why: 'is a symlink'},
], [
  'apps/blog/app.yaml:3:1: unknown field "Routes"; did you mean "routes"?',
  'apps/shop/app.yaml:3:1: unknown field "rotues"; did you mean "routes"?',
  'apps/shop/app.yaml:4:1: unknown field "envv"; did you mean "env"?',
  'cluster.yaml:1:1: domain is missing',
  'nodes/Bad_Name.yaml:1:1: "Bad_Name" can\'t name a node: it must be small letters, digits and inner dashes, at most 63 characters',
  'nodes/link.yaml:1:1: is a symlink',
  'nodes/ok.yaml:3:8: drain must be true or false, not "1"',
]);
test('is told of a host that two apps claim, where the second one does', finds, [
  cluster(), app('a', 'routes: [{host: x.com}]\n'), release('a', 1), app('b', 'routes:\n  - {host: y.com}\n  - host: x.com\n'), release('b', 1),
], ['apps/b/app.yaml:5:11: route "x.com/" of apps/b/app.yaml belongs to the app "a" already (apps/a/app.yaml)']);
test('is told of TCP ports that lead nowhere, are there twice, or belong to another app', finds, [
  cluster(),
  app('a', 'services: {db: {port: 5432, command: db}}\ntcp: [{port: 5432, service: db}]\n'), release('a', 1),
  app('b', 'services: {db: {port: 5432, command: db}}\ntcp:\n  - {port: 5433, service: db}\n  - {port: 5432, service: db, sni: b.example.com}\n'), release('b', 1),
  app('c', 'services: {db: {command: db}}\ntcp: [{port: 1, service: db}, {port: 2, service: store}]\n'), release('c', 1),
  app('d', 'tcp: [{port: 443, service: web, sni: a.test}, {port: 443, service: web}, {port: 5, service: web}, {port: 5, service: web}]\n'), release('d', 1),
  app('e', 'tcp: [{port: 70000, service: web, proxyProtocol: v3, allow: [everybody]}]\n'), release('e', 1),
], [
  'apps/b/app.yaml:6:12: TCP port 5432 for b.example.com of apps/b/app.yaml belongs to the app "a" already (apps/a/app.yaml)',
  'apps/c/app.yaml:4:26: port 1 leads to the service "db", which has no port: add `port:` to it',
  'apps/c/app.yaml:4:50: port 2 leads to the service "store", which the app doesn\'t have: known are db, web',
  'apps/d/app.yaml:3:54: port 443 is shared: then each of its routes needs another `sni`',
  'apps/d/app.yaml:3:106: port 5 is there twice',
  'apps/e/app.yaml:3:14: tcp.0.port must be a whole number from 1 to 65535, not "70000"',
  'apps/e/app.yaml:3:50: tcp.0.proxyProtocol must be none, v1 or v2, not "v3"',
  'apps/e/app.yaml:3:62: tcp.0.allow.0 must be a network such as 10.0.0.0/8, or one address such as 203.0.113.7/32, not "everybody"',
]);
test('that is emptied is told that cluster.yaml is missing', finds, [], ['cluster.yaml:1:1: is missing: every cluster repository has one']);

test('a commit is checked against apps that it did not change, without reading them', (t) => {
  const of = (name: string, yaml: string) => ({name: name as AppName, treeId: '' as TreeId, files: [app(name, yaml), release(name, 1)]});
  const unchanged = [of('a', 'routes: [{host: x.com}]\n'), of('c', 'routes: [{host: z.com}]\n'), of('d', 'routes: [{host: z.com}]\n')]
    .map((files) => resolveApp(files, config(), 'flynn.localhost')); // c and d are at odds since before
  const problems = validateCommit({shared: [cluster()], isSharedChanged: false, changed: [of('b', 'routes: [{host: x.com}]\n')], unchanged}, 'flynn.localhost');
  t.deepEqual(problems.map(formatDiagnostic), ['apps/b/app.yaml:3:17: route "x.com/" of apps/b/app.yaml belongs to the app "a" already (apps/a/app.yaml)']);
});

test('an app without a release is told of what others have, and keeps nobody from anything', (t) => {
  const yaml = 'services: {db: {port: 5432, command: db}}\nroutes: [{host: x.com}]\ntcp: [{port: 5432, service: db}]\n';
  const released = (name: string) => ({name: name as AppName, treeId: '' as TreeId, files: [app(name, yaml.replace('x.com', 'x.com, service: db')), release(name, 1)]});
  const waiting = {name: 'a' as AppName, treeId: '' as TreeId, files: [app('a', yaml)]};
  const told = (changed: AppFiles, other: AppFiles) => validateCommit({shared: [cluster()], isSharedChanged: false, changed: [changed], unchanged: [resolveApp(other, config(), 'flynn.localhost')]}, 'flynn.localhost').map(formatDiagnostic);
  t.deepEqual(told(waiting, released('b')), [
    'apps/a/app.yaml:4:17: route "x.com/" of apps/a/app.yaml belongs to the app "b" already (apps/b/app.yaml)',
    'apps/a/app.yaml:5:14: TCP port 5432 of apps/a/app.yaml belongs to the app "b" already (apps/b/app.yaml)',
  ]);
  t.deepEqual(told(released('b'), waiting), []);
});

test('of a route that an untouched app has, the touched one is told, whatever its name, and where', (t) => {
  const files = (name: string, yaml: string) => ({name: name as AppName, treeId: '' as TreeId, files: [app(name, yaml), release(name, 1)]});
  const unchanged = [resolveApp(files('z', 'routes: [{host: x.com}, {host: x.com, path: /a}]\n'), config(), 'flynn.localhost')];
  const problems = validateCommit({shared: [cluster()], isSharedChanged: false, changed: [files('b', 'routes:\n  - {host: x.com, path: /b}\n  - {host: x.com, path: /A}\n')], unchanged}, 'flynn.localhost');
  t.deepEqual(problems.map(formatDiagnostic), ['apps/b/app.yaml:5:12: route "x.com/A" of apps/b/app.yaml belongs to the app "z" already (apps/z/app.yaml)']);
});
