import test, {type ExecutionContext} from 'ava';
import {ownRepo} from '../../../reconciler/checkout/own.ts';
import {commitCheck} from '../../../reconciler/receive/check.ts';
import {formatDiagnostic} from '../../../schemas/diagnostic.ts';
import {bareRepo, change} from '../checkout/support.ts';

const signal = AbortSignal.timeout(600_000);
const APP = 'apiVersion: flynn/v1\nkind: App\n';
const RELEASE = `apiVersion: flynn/v1\nkind: Release\nimage: sha256:${'1'.repeat(64)}\nsource: {commit: ${'b'.repeat(40)}, builder: Node.js}\nservices: {web: {command: [node server.js]}}\npushedBy: ann\ncreatedAt: 2026-11-23T09:30:00Z\n`;
const BASE = {'cluster.yaml': 'apiVersion: flynn/v1\nkind: Cluster\nname: test\ndomain: flynn.test\n', 'apps/good/app.yaml': APP, 'apps/broken/app.yaml': `${APP}nonsense: 1\n`};

/** What is said about a change to BASE: `file:line:column`, a line each. */
async function placesOf(t: ExecutionContext, changed: Readonly<Record<string, string | undefined>>, base: Readonly<Record<string, string>> = BASE): Promise<readonly string[]> {
  const repo = ownRepo({gitdir: await bareRepo(t, base)});
  t.teardown(() => repo.close());
  const before = await repo.snapshot(signal);
  await repo.commit(change(() => changed, 'one'), signal);
  const problems = await commitCheck({domain: () => 'flynn.test'})({before, after: await repo.snapshot(signal)}, signal);
  return problems.map((problem) => formatDiagnostic(problem).split(': ')[0] ?? '');
}

test('an app that was wrong before stops nobody who changes another one', async (t) => {
  t.deepEqual(await placesOf(t, {'apps/good/app.yaml': `${APP}env:\n  A: b\n`}), []);
});

test('all problems of a changed app are told at once, with their places', async (t) => {
  t.deepEqual(await placesOf(t, {'apps/good/app.yaml': `${APP}nonsense: 1\nenv: 2\n`}), ['apps/good/app.yaml:3:1', 'apps/good/app.yaml:4:6']);
});

test('a change outside of apps is checked against every app', async (t) => {
  t.deepEqual(await placesOf(t, {'cluster.yaml': `${BASE['cluster.yaml']}keep:\n  releases: 5\n`}), ['apps/broken/app.yaml:3:1']);
});

test('putting a broken app right, or removing it, is allowed', async (t) => {
  t.deepEqual(await placesOf(t, {'apps/broken/app.yaml': APP}), []);
  t.deepEqual(await placesOf(t, {'apps/broken/app.yaml': undefined}), []);
});

test('a file outside of apps that was wrong before and is not touched stops nobody', async (t) => {
  const app = {'apps/good/app.yaml': `${APP}env:\n  A: b\n`};
  t.deepEqual(await placesOf(t, app, {...BASE, 'nodes/x.yaml': 'nonsense\n', 'apps.yaml': APP}), []);
  t.deepEqual(await placesOf(t, app, {...BASE, 'cluster.yaml': 'nonsense: 1\n'}), []);
});

test('a changed app is checked although cluster.yaml was wrong before', async (t) => {
  const base = {...BASE, 'cluster.yaml': 'nonsense: 1\n', 'apps/first/app.yaml': `${APP}routes: [{host: x.com}]\n`, 'apps/first/releases/v0001.yaml': RELEASE, 'apps/good/releases/v0001.yaml': RELEASE};
  t.deepEqual(await placesOf(t, {'apps/good/app.yaml': `${APP}nonsense: 1\n`}, base), ['apps/good/app.yaml:3:1']);
  t.deepEqual(await placesOf(t, {'apps/good/app.yaml': `${APP}routes: [{host: x.com}]\n`}, base), ['apps/good/app.yaml:3:17']);
});

test('all problems outside of apps are told when one of these files is changed', async (t) => {
  t.deepEqual(await placesOf(t, {'nodes/y.yaml': 'nonsense: 1\n', 'apps/broken/app.yaml': APP}, {...BASE, 'nodes/x.yaml': 'nonsense: 1\n'}).then((places) => [...new Set(places)]), ['nodes/x.yaml:1:1', 'nodes/y.yaml:1:1']);
});

test('a change is measured against quotas with what there was before it', async (t) => {
  const web = (replicas: number) => `${APP}services:\n  web:\n    replicas: ${replicas}\n`;
  const base = {
    'cluster.yaml': BASE['cluster.yaml'], 'teams/web.yaml': 'apiVersion: flynn/v1\nkind: Team\nmembers: []\nowns: [blog, shop]\nquota: {replicas: 8}\n',
    'apps/blog/app.yaml': web(7), 'apps/blog/releases/v0001.yaml': RELEASE, 'apps/shop/app.yaml': web(3), 'apps/shop/releases/v0001.yaml': RELEASE,
  };
  t.deepEqual(await placesOf(t, {'apps/shop/app.yaml': web(4)}, base), ['apps/shop/app.yaml:5:15']);
  t.deepEqual(await placesOf(t, {'apps/shop/app.yaml': web(2)}, base), [], 'less of what is too much');
  t.deepEqual(await placesOf(t, {'apps/shop/app.yaml': undefined, 'apps/shop/releases/v0001.yaml': undefined}, base), []);
  t.deepEqual(await placesOf(t, {'people/ann.yaml': 'apiVersion: flynn/v1\nkind: Person\nname: Ann\nemail: a@b.c\n'}, base), []);
});
