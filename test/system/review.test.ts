import {readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {TrialNode} from '../support/trial-node.ts';
import {TrialPeople} from '../support/trial-people.ts';

// Two people and an operator on one node, by a real git and the real command line: what takes a review waits for somebody else.

let node: TrialNode;
let cluster: string;
let app: string;
let people: TrialPeople;

test.before(async (t) => {
  t.timeout(300_000);
  node = await TrialNode.start();
  app = await node.deployed('shop', 'quick');
  cluster = await node.clone();
  people = await TrialPeople.add(node, {dee: ['shop=deployer'], max: ['shop=maintainer']});
  await node.want(cluster, {'cluster.yaml': `${await readFile(path.join(cluster, 'cluster.yaml'), 'utf8')}\nreview: {paths: ["apps/shop/app.yaml", "people/**"]}\n`});
  await node.settled();
});
test.after.always(async (t) => {
  t.timeout(240_000);
  await node[Symbol.asyncDispose]();
});

test.serial('what takes a review is refused at the API and at a push, for everybody', async (t) => {
  t.timeout(60_000);
  const scaled = await node.must('apps').then(() => node.flynn(['scale', '-a', 'shop', 'web=2'], {cwd: node.home}));
  t.is(scaled.exitCode, 1);
  t.regex(scaled.output, /error: apps\/shop\/app\.yaml takes a review: propose it instead, with --propose/);
  await node.mustGit(cluster, 'pull', '--quiet', '--rebase');
  await node.commit(cluster, {'apps/shop/app.yaml': `${await readFile(path.join(cluster, 'apps/shop/app.yaml'), 'utf8')}\nenv: {A: b}\n`});
  const pushed = await people.push('max', cluster, 'cluster', 'HEAD:main');
  t.not(pushed.exitCode, 0);
  t.regex(pushed.output, /apps\/shop\/app\.yaml takes a review: propose it instead/);
  const overridden = await people.push('max', cluster, 'cluster', '-o', 'flynn.override=no time', 'HEAD:main');
  t.regex(overridden.output, /max may not override a review: that takes the role admin/);
  await node.mustGit(cluster, 'reset', '--quiet', '--hard', 'origin/main');
});

test.serial('a proposal is shown, approved, stale when main changes its file, conflicts, and is live once it is merged', async (t) => {
  t.timeout(240_000);
  const proposed = await people.as('dee', 'scale', '-a', 'shop', 'web=2', '--propose');
  t.is(proposed.exitCode, 0, proposed.output);
  t.regex(proposed.output, /^Proposed "shop: scale web 1 → 2" as #1\n/m);
  t.regex(proposed.stdout, /^~ shop\n.*services\.web\.replicas +\+ 2\n.*web: 2 replicas instead of 1/m);
  t.regex((await people.as('max', 'review')).stdout, /^#1 {2}shop: scale web 1 → 2 {2}dee {2}\d+s ago {2}0\/1 approved$/m);
  t.regex((await people.as('dee', 'approve', '1')).output, /error: #1 is your own: somebody else has to approve it/);
  const approved = await people.as('max', 'approve', '1', '-m', 'fine');
  t.is(approved.exitCode, 0, approved.output);

  // Main changes the same file by an override, which is written down.
  await node.mustGit(cluster, 'pull', '--quiet', '--rebase');
  const file = path.join(cluster, 'apps/shop/app.yaml');
  await writeFile(file, (await readFile(file, 'utf8')).replace('# services:', 'maintenance: false\n# services:'));
  await node.mustGit(cluster, 'commit', '--quiet', '-am', 'urgent');
  const urgent = await node.git(cluster, 'push', '-o', 'flynn.override=the shop is down');
  t.is(urgent.exitCode, 0, urgent.output);
  t.regex((await node.must('audit')).stdout, /override {2}the shop is down/);
  t.regex((await people.as('dee', 'merge', '1')).output, /0 of 1 approval of people who may change its app\.yaml \(shop\)\n.*#1 can't be merged yet, this is missing/s);
  t.regex((await people.as('max', 'review', 'show', '1')).stdout, /✘ max, .*: fine \(does not count: main has changed what becomes of its files since\)/);

  t.is((await people.as('max', 'approve', '1')).exitCode, 0);
  const merged = await people.as('dee', 'merge', '1');
  t.is(merged.exitCode, 0, merged.output);
  t.regex(merged.output, /Merged #1 "shop: scale web 1 → 2 \(#1\)" [0-9a-f]{8}\n.*Deploying ⬢ shop\.\.\. done, v1/s);
  t.is((await node.running('shop')).length, 2);
  t.regex((await node.must('history', '-a', 'shop')).stdout, /shop: scale web 1 → 2 \(#1\).*proposed by dee, approved by max/);
});

test.serial('a branch that is pushed is a proposal, its number and its plan are told, and a conflict is put right on it', async (t) => {
  t.timeout(120_000);
  await node.mustGit(cluster, 'pull', '--quiet', '--rebase');
  const file = path.join(cluster, 'apps/shop/app.yaml');
  const before = await readFile(file, 'utf8');
  await writeFile(file, before.replace('replicas: 2', 'replicas: 3'));
  await node.mustGit(cluster, 'commit', '--quiet', '-am', 'Three for the sale');
  const opened = await people.push('max', cluster, 'cluster', 'HEAD:proposals/sale');
  t.is(opened.exitCode, 0, opened.output);
  t.regex(opened.output, /Proposal #2: Three for the sale\n.*services\.web\.replicas +2 → 3/s);
  t.regex((await people.as('max', 'approve', '2')).output, /#2 is your own/);

  t.is((await people.as('dee', 'scale', '-a', 'shop', 'web=1', '--propose')).exitCode, 0);
  t.is((await people.as('max', 'approve', '3')).exitCode, 0);
  t.is((await people.as('max', 'merge', '3')).exitCode, 0);
  t.regex((await people.as('dee', 'merge', '2')).output, /apps\/shop\/app\.yaml: main has changed the same lines since\. To go on, in a clone: git fetch && git switch proposals\/sale && git merge origin\/main/);
  await node.mustGit(cluster, 'fetch', '--quiet');
  await node.mustGit(cluster, 'merge', '--quiet', '-X', 'ours', 'origin/main');
  t.regex((await people.push('max', cluster, 'cluster', 'HEAD:proposals/sale')).output, /services\.web\.replicas +1 → 3/);
  t.is((await node.must('approve', '2')).exitCode, 0, 'the operator is somebody else');
  t.is((await people.as('max', 'merge', '2', '--no-wait')).exitCode, 0);
  await node.settled();
  t.is((await node.running('shop')).length, 3);
  t.is((await node.must('review')).stdout, '');
  await node.mustGit(cluster, 'reset', '--quiet', '--hard', 'origin/main');
});

test.serial('a push of an app whose releases are reviewed proposes, also after kill -9, and deploys when it is merged', async (t) => {
  t.timeout(240_000);
  await node.mustGit(cluster, 'pull', '--quiet', '--rebase');
  await node.commit(cluster, {'apps/shop/app.yaml': `${await readFile(path.join(cluster, 'apps/shop/app.yaml'), 'utf8')}review: required\n`});
  t.is((await node.git(cluster, 'push', '-o', 'flynn.override=set up')).exitCode, 0);
  await node.commit(app, {page: 'another page\n'});
  const pushed = await people.push('dee', app, 'shop', 'main');
  t.is(pushed.exitCode, 0, pushed.output);
  const [, number = ''] = /Release v2 is proposed: #(\d+); it deploys when it is merged/.exec(pushed.output) ?? [];
  t.not(number, '', pushed.output);
  t.is((await node.status('shop')).release, 1, 'nothing is deployed');
  await node.kill('SIGKILL');
  await node.up();
  t.regex((await people.as('max', 'review')).stdout, new RegExp(`#${number} {2}shop: release v2 \\([0-9a-f]{8}\\) {2}dee .* 0/1 approved, a release of shop`));
  const again = await node.commit(app, {'note.txt': 'more'}).then(() => people.push('dee', app, 'shop', 'main'));
  t.true(again.output.includes(`Release v2 is proposed: #${number};`), again.output);
  t.is((await people.as('max', 'approve', number)).exitCode, 0);
  const merged = await people.as('max', 'merge', number);
  t.is(merged.exitCode, 0, merged.output);
  t.regex(merged.output, /Deploying ⬢ shop\.\.\. done, v2/);
  t.is((await node.status('shop')).release, 2);
  t.is((await node.ask('shop')).status, 200);
});
