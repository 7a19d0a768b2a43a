import test from 'ava';
import type {ManifestFile} from '../../../reconciler/checkout/snapshot.ts';
import {checkApp, resolveApp} from '../../../reconciler/desired/app.ts';
import type {DesiredService, ResolvedApp} from '../../../reconciler/desired/state.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import type {AppName, TreeId} from '../../../schemas/ids.ts';
import {app, config, file, head, release} from '../../support/manifests.ts';

function resolve(files: readonly ManifestFile[], {cluster = '', name = 'shop'} = {}) {
  return resolveApp({name: name as AppName, treeId: 'tree' as TreeId, files}, config(cluster), 'flynn.localhost');
}

function resolved(...files: ManifestFile[]): ResolvedApp {
  const answer = resolve(files);
  if (answer.state === 'invalid') throw new Error(answer.problems.map(formatDiagnostic).join('\n'));
  return answer;
}

/** `web x1 [node server.js] PORT=8080 tcp:8080` */
function line({name, replicas, container: {command, env, facts}}: DesiredService): string {
  const check = 'port' in facts.check ? `${facts.check.kind}:${facts.check.port}` : facts.check.kind;
  return [name, `x${replicas}`, `[${command.join('|')}]`, ...Object.entries(env).map(([key, value]) => `${key}=${value}`), check].join(' ');
}

const services = test.macro({
  exec(t, files: readonly ManifestFile[], expected: readonly string[]) {
    t.deepEqual(resolved(...files).services.map(line), expected);
  },
  title: (name) => `services: ${name}`,
});

test('nothing runs before the first release', services, [app('shop', 'services: {web: {replicas: 3}}\n')], []);
test('web runs once with a port, all others not at all', services,
  [app('shop'), release('shop', 1, '{web: {command: [node server.js]}, worker: {command: [node w.js]}}')],
  ['web x1 [node server.js] PORT=8080 tcp:8080', 'worker x0 [node w.js] up']);
test('the release with the highest number counts', services,
  [app('shop'), release('shop', 9, '{web: {command: [old]}}'), release('shop', 10, '{web: {command: [new]}}'), release('shop', 2, '{web: {command: [oldest]}}')],
  ['web x1 [new] PORT=8080 tcp:8080']);
test('a command in app.yaml wins; a line is one element, a list stays one', services,
  [app('shop', 'services:\n  web: {command: node a.js}\n  worker: {command: [node, b.js], replicas: 2}\n'), release('shop', 1)],
  ['web x1 [node a.js] PORT=8080 tcp:8080', 'worker x2 [node|b.js] up']);
test('a line of several words gets a shell where the image brings none', (t) => {
  const commands = (source: string) => {
    const v1 = release('shop', 1);
    const made = file(v1.path, v1.kind === 'text' ? v1.text.replace(/^source:.*$/m, `source: ${source}`) : '');
    return resolved(app('shop', "services: {web: {command: 'node a.js'}, worker: {command: ./work}, list: {command: [a, b c]}}\n"), made).services.map(line);
  };
  const expected = ['list x0 [a|b c] up', 'web x1 [/bin/sh|-c|node a.js] PORT=8080 tcp:8080', 'worker x0 [./work] up'];
  t.deepEqual(commands(`{commit: ${'a'.repeat(40)}, builder: Dockerfile}`), expected);
  t.deepEqual(commands('{image: "redis:8"}'), expected);
});
test("an image's own command is an empty one", services, [app('shop'), release('shop', 1, '{web: {command: []}}')], ['web x1 [] PORT=8080 tcp:8080']);
test('env of the service wins over that of the app; a port makes PORT', services,
  [app('shop', 'env: {B: app, A: 1.10}\nservices:\n  web: {env: {B: web}, port: 3000}\n  job: {command: x, env: {PORT: 9}}\n'), release('shop', 1)],
  ['job x0 [x] A=1.10 B=app PORT=9 up', 'web x1 [node server.js] A=1.10 B=web PORT=3000 tcp:3000']);
test('a check may have a port of its own', services,
  [app('shop', 'services:\n  web: {check: {http: /healthz, port: 9000}}\n  job: {command: x, check: {command: [test, -f, /ok]}}\n'), release('shop', 1)],
  ['job x0 [x] command', 'web x1 [node server.js] PORT=8080 http:9000']);
test('a service that this release does not have, and that nobody asked for, is left out', services,
  [app('shop', 'services: {worker: {replicas: 0}, cron: {env: {A: b}}}\n'), release('shop', 1)],
  ['web x1 [node server.js] PORT=8080 tcp:8080']);
test('a service with the name of what every object has', services,
  [app('shop', 'services: {constructor: {replicas: 1, command: x}}\n'), release('shop', 1)],
  ['constructor x1 [x] up', 'web x1 [node server.js] PORT=8080 tcp:8080']);

test('a service rolls, a quarter at a time but at least two, unless its strategy says otherwise', (t) => {
  const strategyOf = (yaml: string) => resolved(app('shop', `services: {web: {${yaml}}}\n`), release('shop', 1)).services[0]?.strategy;
  t.deepEqual(strategyOf('replicas: 1'), {kind: 'rolling', batch: 2});
  t.deepEqual(strategyOf('replicas: 10'), {kind: 'rolling', batch: 3});
  t.deepEqual(strategyOf('replicas: 10, strategy: {kind: rolling, batch: 1}'), {kind: 'rolling', batch: 1});
  t.deepEqual(strategyOf('strategy: stop-first'), {kind: 'stop-first', batch: 1});
  t.deepEqual(strategyOf('strategy: {kind: blue-green, keepOldSeconds: 1.5}'), {kind: 'blue-green', keepOldMs: 1500});
  t.deepEqual(strategyOf('strategy: all-at-once'), {kind: 'all-at-once'});
});

test('a rollback is a deploy, of containers as the repeated release has them', (t) => {
  const [first, second] = [release('shop', 1), release('shop', 2)];
  const third = file('apps/shop/releases/v0003.yaml', `${first.kind === 'text' ? first.text : ''}rollbackOf: 1\n`);
  const [before, after, back] = [resolved(app('shop'), first), resolved(app('shop'), first, second), resolved(app('shop'), first, second, third)];
  t.is(back.services[0]?.specHash, before.services[0]?.specHash);
  t.not(after.services[0]?.specHash, before.services[0]?.specHash);
  t.is(new Set([before.specKey, after.specKey, back.specKey]).size, 3);
});

test('a change of strategy alone is no deploy', (t) => {
  const key = (yaml: string) => resolved(app('shop', yaml), release('shop', 1)).specKey;
  t.is(key('services: {web: {strategy: blue-green}}\n'), key(''));
});

test('defaults are those of the contract: 120 s to deploy, 30 s to stop, limits of the cluster', (t) => {
  const answer = resolve([app('shop'), release('shop', 1, '{web: {command: [x]}, job: {command: [x]}}')], {cluster: 'defaults: {memory: 100M, cpus: 0.5}\n'});
  if (answer.state === 'invalid') return t.fail();
  t.is(answer.deployTimeoutMs, 120_000);
  const [job, web] = answer.services;
  t.like(web?.container, {memoryBytes: 100_000_000, cpus: 0.5, pidsMax: 512});
  t.deepEqual(web?.container.facts, {port: 8080, stopGraceMs: 30_000, check: {kind: 'tcp', port: 8080, intervalMs: 5000, timeoutMs: 2000, retries: 3, startPeriodMs: 60_000}});
  t.deepEqual(job?.container.facts, {stopGraceMs: 30_000, check: {kind: 'up', intervalMs: 5000, timeoutMs: 2000, retries: 3, startPeriodMs: 2000}});
});

test('what an app says wins over the defaults, one by one', (t) => {
  const {deployTimeoutMs, services: [web]} = resolved(app('shop', `deployTimeoutSeconds: 10
services:
  web:
    limits: {memory: 1Gi}
    stopGraceSeconds: 0.5
    check: {http: /h, intervalSeconds: 1, timeoutSeconds: 0.5, retries: 1, startPeriodSeconds: 0}
`), release('shop', 1));
  t.is(deployTimeoutMs, 10_000);
  t.like(web?.container, {memoryBytes: 2 ** 30, cpus: 1, pidsMax: 512});
  t.deepEqual(web?.container.facts, {port: 8080, stopGraceMs: 500, check: {kind: 'http', path: '/h', port: 8080, intervalMs: 1000, timeoutMs: 500, retries: 1, startPeriodMs: 0}});
});

const keeps = test.macro({
  exec(t, {before, after, same}: {before: readonly ManifestFile[]; after: readonly ManifestFile[]; same: {spec: boolean; key: boolean}}) {
    const [a, b] = [resolved(...before), resolved(...after)];
    t.is(a.services[0]?.specHash === b.services[0]?.specHash, same.spec);
    t.is(a.specKey === b.specKey, same.key);
  },
  title: (name) => `hashes: ${name}`,
});

test('the order of keys and what is written out of the defaults change nothing', keeps, {
  before: [app('shop', 'env: {A: 1, B: 2}\n'), release('shop', 1)],
  after: [app('shop', 'deployTimeoutSeconds: 5\nenv: {B: 2, A: 1}\nservices: {web: {port: 8080, limits: {cpus: 1}}}\n'), release('shop', 1)],
  same: {spec: true, key: true},
});
test('a scale is not a deploy', keeps, {
  before: [app('shop'), release('shop', 1)],
  after: [app('shop', 'services: {web: {replicas: 9}}\n'), release('shop', 1)],
  same: {spec: true, key: true},
});
test('a variable is', keeps, {before: [app('shop'), release('shop', 1)], after: [app('shop', 'env: {A: b}\n'), release('shop', 1)], same: {spec: false, key: false}});
test('a new release with the same image is', keeps, {
  before: [app('shop'), release('shop', 1)],
  after: [app('shop'), file('apps/shop/releases/v0002.yaml', (release('shop', 1) as {text: string}).text)],
  same: {spec: false, key: false},
});
test('another service changes the key, and leaves this one alone', keeps, {
  before: [app('shop'), release('shop', 1)],
  after: [app('shop', 'services: {zed: {command: x}}\n'), release('shop', 1)],
  same: {spec: true, key: false},
});

test('hashes: stay what they are from one version of ours to the next, or every container would be made again', (t) => {
  const {specKey, services: [web]} = resolved(app('shop', 'env: {A: 1}\n'), release('shop', 1));
  t.deepEqual([web?.specHash, specKey], ['2d9c3aa191a96bc6', '663c4f3988edf95c']);
});

const routes = test.macro({
  exec(t, files: readonly ManifestFile[], expected: readonly string[]) {
    t.deepEqual(resolved(...files).routes.map(({host, path, service}) => `${host}${path} ${service}`), expected);
  },
  title: (name) => `routes: ${name}`,
});

test('the host of the app leads to web', routes, [app('shop'), release('shop', 1)], ['shop.flynn.localhost/ web']);
test('without web there is none', routes, [app('shop'), release('shop', 1, '{job: {command: [x]}}')], []);
test('an empty list is none', routes, [app('shop', 'routes: []\n'), release('shop', 1)], []);
test('by host, the longest path first', routes, [app('shop', `services: {api: {command: x, port: 1}}
routes: [{host: b.com}, {host: a.com}, {host: a.com, path: /api, service: api}, {host: a.com, path: /a}]
`), release('shop', 1)], ['a.com/api api', 'a.com/a web', 'a.com/ web', 'b.com/ web']);

const invalid = test.macro({
  exec(t, files: readonly ManifestFile[], expected: readonly string[], name: string = 'shop') {
    const answer = resolve(files, {name});
    t.deepEqual(answer.state === 'invalid' ? answer.problems.map(formatDiagnostic) : [], expected);
  },
  title: (name = '') => `an app is invalid with ${name}`,
});

test('no app.yaml', invalid, [release('shop', 1)], ['apps/shop/app.yaml:1:1: is missing: every folder of apps/ has an app.yaml (remove the folder to remove the app)']);
test('mistakes in app.yaml and in the current release: all are told', invalid, [app('shop', 'rotues: 1\n'), file('apps/shop/releases/v0002.yaml', head('Relese')), release('shop', 1)], [
  'apps/shop/app.yaml:3:1: unknown field "rotues"; did you mean "routes"?',
  ...['image', 'source', 'services', 'pushedBy', 'createdAt'].map((field) => `apps/shop/releases/v0002.yaml:1:1: ${field} is missing`),
  'apps/shop/releases/v0002.yaml:2:7: kind must be "Release", not "Relese"',
]);
test('files that nobody reads', invalid, [app('shop'), file('apps/shop/app.yml', ''), file('apps/shop/releases/v1.yaml', ''), file('apps/shop/README.md', '')], [
  'apps/shop/app.yml:1:1: is not a file of an app: known are app.yaml, secrets.yaml, releases/v0001.yaml …, pages/*.html and *.md; did you mean apps/shop/app.yaml?',
  'apps/shop/releases/v1.yaml:1:1: is not the name of a release: they are v0001.yaml, v0002.yaml …; did you mean apps/shop/releases/v0001.yaml?',
]);
test('a symlink', invalid, [{path: 'apps/shop/app.yaml', kind: 'refused', why: 'is a symlink'}], ['apps/shop/app.yaml:1:1: is a symlink']);
test('a name that can be no host', invalid, [app('My_Shop')], ['apps/My_Shop/app.yaml:1:1: "My_Shop" can\'t name an app: it must be a name: small letters, digits and inner dashes, at most 30 characters'], 'My_Shop');
test('a name of ours', invalid, [app('git')], ['apps/git/app.yaml:1:1: "git" can\'t name an app: git, api, cluster are hosts of the cluster itself'], 'git');
test('replicas of a service without a command', invalid, [app('shop', 'services: {wroker: {replicas: 1}}\n'), release('shop', 7)], [
  'apps/shop/app.yaml:3:20: service "wroker" has replicas but no command: release v7 has the services web; add `command:`, a line in the Procfile, or set replicas to 0',
]);
test('routes to services that are not there or take no traffic', invalid, [app('shop', 'services: {job: {command: x}}\nroutes:\n  - {host: a.b, service: api}\n  - {host: b.c, service: job}\n'), release('shop', 1)], [
  'apps/shop/app.yaml:5:26: route "a.b/" leads to the service "api", which the app doesn\'t have: known are job, web',
  'apps/shop/app.yaml:6:26: route "b.c/" leads to the service "job", which has no port: add `port:` to it',
]);
test('a route on a host of ours, before the first release too', invalid, [app('shop', 'routes: [{host: git.flynn.localhost}]\n')], ['apps/shop/app.yaml:3:17: host "git.flynn.localhost" belongs to the cluster itself']);

test('a mistake in an old release is told at the push, and stops nothing', (t) => {
  const files = [app('shop'), file('apps/shop/releases/v0001.yaml', ''), release('shop', 2)];
  t.is(resolve(files).state, 'resolved');
  const problems = checkApp({name: 'shop' as AppName, treeId: '' as TreeId, files}, config(), 'flynn.localhost');
  t.deepEqual(problems.map(({file: path}) => path), ['apps/shop/releases/v0001.yaml']);
});

test('whom an app reaches, and who may reach it, is no part of a deploy; itself it may not name', (t) => {
  const [plain, open] = ['', 'reach: [db]\nallowFrom: [blog]\n'].map((yaml) => resolved(app('shop', yaml), release('shop', 1)));
  t.is(open?.specKey, plain?.specKey);
  t.deepEqual([open?.reach, open?.allowFrom, plain?.reach], [['db'], ['blog'], undefined] as never);
  const wrong = resolve([app('shop', 'reach: [db, shop]\n')]);
  t.deepEqual(wrong.state === 'invalid' && wrong.problems.map(formatDiagnostic), ['apps/shop/app.yaml:3:13: "shop" is this app: its services reach each other anyway']);
});
