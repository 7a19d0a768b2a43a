import test from 'ava';
import {clockCheck, clusterChecks, domainCheck} from '../../cli/check.ts';
import {checkLines} from '../../cli/output/checks.ts';
import {palette} from '../../cli/output/color.ts';
import type {NodeStatus} from '../../reconciler/status/status.ts';
import {app, COMMIT, NOW} from '../reconciler/api/fake-view.ts';
import {terminal, text} from './terminal.ts';

const NOW_MS = Date.parse(NOW);
const STATUS: NodeStatus = {node: 'n1', cluster: 'home', domain: 'flynn.test', commit: COMMIT, revision: `main@sha1:${COMMIT}`, lastPassAt: NOW, lastSuccessfulPassAt: NOW, conditions: [], nodes: [], apps: [app('shop')]};
const STALLED = {type: 'Stalled', status: true, reason: 'ReleaseFailed', message: 'release v3 failed: web.1 exited with code 1', commit: COMMIT, since: NOW} as const;

const tells = test.macro<[Partial<NodeStatus>, Partial<Parameters<typeof clusterChecks>[0]>, string]>((t, over, more, expected) => {
  t.is(checkLines(clusterChecks({status: {...STATUS, ...over}, certificates: [], nowMs: NOW_MS, ...more}), palette({isTerminal: false, env: {}})).join('\n'), expected);
});

test('of a cluster that is well there is nothing to do', tells, {}, {}, text`
  ✔ Passes        the last one succeeded 0s ago
  ✔ Repository    COMMIT
  ✔ Apps          1, none of them stalled
  ✔ Certificates  0, nothing to do
`.replace('COMMIT', `main@sha1:${COMMIT}`));
test('what is wrong comes with what to do', tells, {lastSuccessfulPassAt: '2026-11-23T09:13:01Z', conditions: [{...STALLED, reason: 'ClusterInvalid', message: 'cluster.yaml:3:1: domain is missing'}], apps: [app('shop', {conditions: [STALLED]})]}, {certificates: [{host: 'shop.test', source: 'acme', problem: 'not renewed: 403 from the authority'}]}, text`
  ✘ Passes       none has succeeded for 1h
                 → see why: flynn status, flynn events
  ✘ Node         ClusterInvalid: cluster.yaml:3:1: domain is missing
                 → see: flynn status
  ✘ App          shop: release v3 failed: web.1 exited with code 1
                 → see: flynn status shop
  ! Certificate  shop.test: not renewed: 403 from the authority
                 → see: flynn cert
`);
test('a certificate that ends soon is told, unless it is one that lives for hours', tells, {}, {certificates: [
  {host: 'a.test', source: 'acme', notAfter: '2026-11-24T10:13:01Z'}, {host: 'b.test', source: 'own', notAfter: '2026-11-23T10:00:00Z'}, {host: 'c.test', source: 'internal', notAfter: '2026-11-23T11:00:00Z'},
]}, text`
  ✔ Passes       the last one succeeded 0s ago
  ✔ Repository   COMMIT
  ✔ Apps         1, none of them stalled
  ✘ Certificate  b.test: has ended
                 → order it once more: flynn cert retry <host>
                 → one of your own: flynn cert add
  ! Certificate  a.test: ends in 24 hours
                 → order it once more: flynn cert retry <host>
                 → one of your own: flynn cert add
`.replace('COMMIT', `main@sha1:${COMMIT}`));

test('of those that last the first one to end is named', (t) => {
  const checks = clusterChecks({status: STATUS, nowMs: NOW_MS, certificates: [{host: 'a.test', source: 'acme', notAfter: '2027-01-23T10:13:01Z'}, {host: 'b.test', source: 'own', notAfter: '2026-12-03T10:13:01Z'}]});
  t.is(checks.at(-1)?.says, '2, nothing to do; the first one to end is that of b.test, in 10 days');
});

test('clocks that differ are told, and the second that a header is cut off by is no difference', (t) => {
  t.like(clockCheck({dateMs: 60_000, beganMs: 0, endedMs: 100}), {state: 'warning', says: "the node's is 60 s ahead of this machine's"});
  t.like(clockCheck({dateMs: 0, beganMs: 61_000, endedMs: 61_100}), {state: 'warning', says: "the node's is 60 s behind this machine's"});
  for (const dateMs of [0, 1000, 5000, 6000]) t.is(clockCheck({dateMs, beganMs: 1000, endedMs: 6000}).state, 'good');
});

test('names below localhost need no DNS, others do', async (t) => {
  t.like(await domainCheck('flynn.localhost', () => t.fail() as never), {state: 'good'});
  t.like(await domainCheck('apps.test', async () => ({address: '203.0.113.7'})), {state: 'good', says: '*.apps.test is 203.0.113.7'});
  t.like(await domainCheck('apps.test', async () => Promise.reject(Object.assign(new Error(), {code: 'ENOTFOUND'}))), {state: 'bad', says: 'any-app.apps.test is not found (ENOTFOUND)', advice: ['the zone needs a record: *.apps.test  A  <address of the node>']});
});

test('doctor looks at git and at the cluster, and ends with what is wrong', async (t) => {
  const {type, view, folder} = await terminal(t);
  view.current = {...view.current, lastPassAt: NOW, lastSuccessfulPassAt: NOW, apps: [app('shop', {conditions: [STALLED]})]};
  const shown = await type(`doctor --data ${folder}`);
  t.regex(shown, /^✔ Git +\d+\.\d+/m);
  t.regex(shown, /^✔ Cluster +home answers at http:.*, node n1$/m);
  t.regex(shown, /^✘ App +shop: release v3 failed/m);
  t.regex(shown, /! 1 of \d+ is wrong\nexit 1$/);
});

test('without a cluster that is what is wrong', async (t) => {
  const {type, folder} = await terminal(t);
  const shown = await type(`doctor --data ${folder}`, {env: {FLYNN_CONFIG: `${folder}/none.yaml`}});
  t.regex(shown, /^✘ Cluster +.*names no cluster\n +→ start one on this machine: flynn up\n! 1 of 2 is wrong\nexit 1$/m);
});
