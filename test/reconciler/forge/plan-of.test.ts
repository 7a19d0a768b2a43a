import test from 'ava';
import type {OpenChange} from '../../../reconciler/forge/forge.ts';
import {forgetClosed, planOfChange} from '../../../reconciler/forge/plan-of.ts';
import {planMarkdown, planSummary} from '../../../reconciler/preview/markdown.ts';
import type {CommitId} from '../../../schemas/ids.ts';
import {run} from '../checkout/support.ts';
import {hosted, LIMIT, SHOP} from './support.ts';

const shop = (yaml: string) => ({'apps/shop/app.yaml': `apiVersion: flynn/v1\nkind: App\n${yaml}`});

function change(number: number, head: CommitId): OpenChange {
  return {number, head, title: 't', author: 'ann', url: 'https://forge.test/1', branch: 'b', openedAt: '2026-11-26T09:00:00Z', isFromFork: false, ref: `refs/pull/${number}/head`};
}

test('the plan is of what main would be: what main got meanwhile is no part of it', async (t) => {
  const {parts, pull, push} = await hosted(t);
  const head = await pull(1, shop('services: {web: {replicas: 4}}\n'));
  const base = await push({'apps/blog/app.yaml': 'apiVersion: flynn/v1\nkind: App\nservices: {web: {replicas: 3}}\n'});
  const plan = await planOfChange(parts, change(1, head), LIMIT);
  t.like(plan, {domain: 'flynn.localhost', base, head});
  t.regex(planMarkdown(plan), /web: 4 replicas instead of 2/);
  t.notRegex(planMarkdown(plan), /blog/);
  t.is(planSummary(plan), '1 app changes; 2 replicas start; memory 1Gi → 2Gi, cores 2 → 4');
});

test('what conflicts with main is told by file', async (t) => {
  const {parts, pull, push} = await hosted(t);
  const head = await pull(1, shop('services: {web: {replicas: 4}}\n'));
  await push(shop('services: {web: {replicas: 5}}\n'));
  t.deepEqual((await planOfChange(parts, change(1, head), LIMIT)).outcome, {result: 'conflict', files: ['apps/shop/app.yaml']});
});

test('what a push would be refused for is told, with its place', async (t) => {
  const {parts, pull} = await hosted(t);
  const {outcome} = await planOfChange(parts, change(1, await pull(1, shop('services: {web: {replicas: many}}\n'))), LIMIT);
  t.is(outcome.result, 'wrong');
  t.regex(outcome.result === 'wrong' ? outcome.problems.join() : '', /^apps\/shop\/app\.yaml:3:28: /);
});

test('what looks like a secret is warned of, without its value', async (t) => {
  const {parts, pull} = await hosted(t);
  const plan = await planOfChange(parts, change(1, await pull(1, shop('services: {web: {replicas: 2}}\nenv: {API_KEY: kq8Zn3PfX0}\n'))), LIMIT);
  t.regex(planMarkdown(plan), /\*\*Look at this\*\*\n\n```text\napps\/shop\/app\.yaml:4:\d+: env\.API_KEY looks like a secret/);
  t.notRegex(planMarkdown(plan), /kq8Zn3PfX0/);
});

test('a change of cluster.yaml is one of every app', async (t) => {
  const {parts, pull} = await hosted(t);
  const head = await pull(1, {'cluster.yaml': `${SHOP['cluster.yaml']}defaults: {memory: 256Mi}\n`});
  const plan = await planOfChange(parts, change(1, head), LIMIT);
  t.regex(planMarkdown(plan), /~ blog[\s\S]*\(memory\)[\s\S]*~ shop[\s\S]*\(memory\)/);
});

test('one that was pushed to again has the plan of its newest commit, though the list said another', async (t) => {
  const {parts, pull} = await hosted(t);
  const first = await pull(1, shop('services: {web: {replicas: 4}}\n'));
  const second = await pull(1, shop('services: {web: {replicas: 6}}\n'));
  t.is((await planOfChange(parts, change(1, first), LIMIT)).head, second);
});

test('nobody sees what is kept of pull requests', async (t) => {
  const {parts, pull} = await hosted(t);
  await planOfChange(parts, change(1, await pull(1, shop('services: {web: {replicas: 4}}\n'))), LIMIT);
  t.notRegex(await run('/', 'ls-remote', parts.gitdir), /refs\/flynn/);
});

test('what is kept of those that are closed goes', async (t) => {
  const {parts, pull} = await hosted(t);
  for (const number of [1, 2]) await planOfChange(parts, change(number, await pull(number, shop(`services: {web: {replicas: ${number + 3}}}\n`))), LIMIT);
  const kept = () => run(parts.gitdir, 'for-each-ref', '--format=%(refname)', 'refs/flynn/forge/');
  t.is(await kept(), 'refs/flynn/forge/1\nrefs/flynn/forge/2');
  await forgetClosed(parts.gitdir, new Set([2]), LIMIT);
  t.is(await kept(), 'refs/flynn/forge/2');
});
