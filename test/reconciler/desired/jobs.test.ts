import test from 'ava';
import type {ManifestFile} from '../../../reconciler/checkout/snapshot.ts';
import {resolveApp} from '../../../reconciler/desired/app.ts';
import type {ResolvedApp} from '../../../reconciler/desired/state.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import type {AppName, TreeId} from '../../../schemas/ids.ts';
import {app, config, release} from '../../support/manifests.ts';

function resolve(...files: ManifestFile[]) {
  return resolveApp({name: 'shop' as AppName, treeId: 'tree' as TreeId, files}, config(''), 'flynn.localhost');
}

function resolved(...files: ManifestFile[]): ResolvedApp {
  const answer = resolve(...files);
  if (answer.state === 'invalid') throw new Error(answer.problems.map(formatDiagnostic).join('\n'));
  return answer;
}

const PROCFILE = '{web: {command: [node server.js]}, release: {command: [node migrate.js]}, nightly: {command: [node nightly.js]}}';

test('the release line of the Procfile is run before the release, and is no service', (t) => {
  const {services, releaseJob} = resolved(app('shop', 'env: {A: b}\n'), release('shop', 1, PROCFILE));
  t.deepEqual(services.map(({name}) => name), ['nightly', 'web']);
  t.deepEqual([releaseJob?.command, releaseJob?.env], [['node migrate.js'], {A: 'b'}]);
});

test("app.yaml's release wins over the Procfile's", (t) => {
  t.deepEqual(resolved(app('shop', 'release: [node, other.js]\n'), release('shop', 1, PROCFILE)).releaseJob?.command, ['node', 'other.js']);
});

test('an app without jobs looks as it did before there were any', (t) => {
  const answer = resolved(app('shop'), release('shop', 1));
  t.deepEqual(Object.keys(answer).filter((key) => /job|cron/i.test(key)), []);
});

test('jobs are no part of what a deploy is about', (t) => {
  const before = resolved(app('shop'), release('shop', 1));
  const after = resolved(app('shop', 'release: x\ncron: {a: {schedule: "@daily", command: y}}\n'), release('shop', 1));
  t.is(after.specKey, before.specKey);
});

test('a cron job has its defaults filled in', (t) => {
  const [cron] = resolved(app('shop', 'env: {A: b}\ncron:\n  nightly: {schedule: 0 3 * * *, command: node x.js}\n'), release('shop', 1)).crons ?? [];
  const {container, ...rest} = cron ?? {};
  t.deepEqual(rest, {name: 'nightly', schedule: {expression: '0 3 * * *', timezone: 'UTC'}, overlap: 'forbid', deadlineMs: 3_600_000, isSuspended: false});
  t.deepEqual([container?.command, container?.env, container?.facts.port], [['node x.js'], {A: 'b'}, undefined]);
});

test("a cron job of a service has that service's command, environment and limits", (t) => {
  const [cron] = resolved(app('shop', 'services: {nightly: {env: {A: b}, limits: {memory: 64Mi}}}\ncron:\n  all: {schedule: "@daily", service: nightly}\n'), release('shop', 1, PROCFILE)).crons ?? [];
  t.deepEqual([cron?.container.command, cron?.container.env, cron?.container.memoryBytes], [['node nightly.js'], {A: 'b'}, 64 * 2 ** 20]);
});

test('a line gets a shell where the image has none as its entry point', (t) => {
  const file = release('shop', 1);
  const dockerfile = {...file, ...(file.kind === 'text' && {text: file.text.replace(/builder: .*/, 'builder: Dockerfile}')})};
  const [cron] = resolved(app('shop', 'cron:\n  all: {schedule: "@daily", command: echo $A}\n'), dockerfile).crons ?? [];
  t.deepEqual(cron?.container.command, ['/bin/sh', '-c', 'echo $A']);
});

test('all that is wrong with jobs is told at its place', (t) => {
  const text = `services:
  release: {replicas: 1}
cron:
  a: {schedule: 61 * * * *, command: x}
  b: {schedule: "@daily", timezone: Europe/Berlinn, command: x}
  c: {schedule: "@daily"}
`;
  const answer = resolve(app('shop', text), release('shop', 1));
  t.deepEqual(answer.state === 'invalid' ? answer.problems.map(formatDiagnostic) : [], [
    'apps/shop/app.yaml:4:12: "release" is no service: it is the command that is run once before a release gets traffic. Its command is `release:`, outside of `services:`',
    'apps/shop/app.yaml:6:17: cron.a.schedule "61 * * * *" can\'t be followed: "61" is no minute',
    'apps/shop/app.yaml:7:37: cron.b.timezone must be a name such as Europe/Berlin or UTC, not "Europe/Berlinn"',
    'apps/shop/app.yaml:8:6: cron.c has nothing to run: add `command:`, or `service:` to run the command of that service',
  ]);
});

test('a cron job of a service that runs nothing is told', (t) => {
  const answer = resolve(app('shop', 'cron:\n  a: {schedule: "@daily", service: nope}\n'), release('shop', 1));
  t.deepEqual(answer.state === 'invalid' ? answer.problems.map(formatDiagnostic) : [], [
    'apps/shop/app.yaml:4:36: cron.a runs the command of the service "nope", which has none: release v1 has the services web; add `command:` here, or a line to the Procfile',
  ]);
});
